import Channel
import XenConsole
import XenStore

/// What a watch event says of consoles.
enum Change: Equatable {
    /// Any backend may have come or gone.
    case backends
    /// Any backend of one guest may have.
    case guest(UInt32)
    case backend(ConsoleAddress)
    /// The directory of a guest's frontends came or went.
    case frontends(UInt32)
    case frontend(ConsoleAddress, FrontendNode?)

    /// How a watch is named that tells of backends; those of frontends are
    /// named by the guest's domid.
    static var backendToken: Bytes { "backend" }

    /// nil for what is no change that matters, be it by the daemon itself.
    ///
    /// - Parameter backends: the directory that is watched for backends.
    init?(_ event: WatchEvent, backends: Bytes) {
        if event.token == Self.backendToken {
            self.init(backend: event.path, below: backends)
        } else {
            self.init(frontend: event)
        }
    }

    private init?(backend path: Bytes, below backends: Bytes) {
        guard let parts = Self.parts(of: path, below: backends) else { return nil }
        guard let first = parts.first else {
            self = .backends
            return
        }
        guard let domid = domidNumber(first) else { return nil }
        guard parts.count > 1 else {
            self = .guest(domid)
            return
        }
        guard let address = ConsoleAddress(domid: domid, entry: Bytes(parts[1])) else { return nil }
        // Nobody else writes why a device is not served.
        if parts.count > 2, Bytes(parts[2]).isEqual(to: BackendNode.error.key) { return nil }
        self = .backend(address)
    }

    private init?(frontend event: WatchEvent) {
        guard let domid = domidNumber(event.token.array),
            let parts = Self.parts(of: event.path, below: ConsoleAddress.frontends(of: domid))
        else { return nil }
        guard let first = parts.first else {
            self = .frontends(domid)
            return
        }
        var node: FrontendNode?
        if parts.count > 1 {
            // Of the nodes in a frontend only these matter here.
            let matters: [FrontendNode] = [.state, .type, .ringReference, .port]
            node = matters.first { Bytes(parts[1]).isEqual(to: $0.key) }
            if node == nil { return nil }
        }
        guard let address = ConsoleAddress(domid: domid, entry: Bytes(first)) else { return nil }
        self = .frontend(address, node)
    }

    private static func parts(of path: Bytes, below directory: Bytes) -> [ArraySlice<UInt8>]? {
        guard path.array.starts(with: directory.array) else { return nil }
        let rest = path.array[directory.count...]
        guard rest.isEmpty || rest.first == UInt8(ascii: "/") else { return nil }
        return rest.split(separator: UInt8(ascii: "/"))
    }
}
