// What the toolstack and the daemon agree on, besides the addresses: which nodes
// a device has, what they say, and how a daemon announces itself.
import Channel

/// The nodes of a device's backend directory. Only the backend domain writes there.
public enum BackendNode: Sendable {
    case frontend, frontendDomid, online, state, lineProtocol, name, connection, path
    /// Who serves it, where the guest cannot change it: xenchanneld's devices alone have this node.
    case type
    /// Why the backend does not serve the device, in its own words.
    case error

    public var key: StaticString {
        switch self {
        case .frontend: "frontend"
        case .frontendDomid: "frontend-id"
        case .online: "online"
        case .state: "state"
        case .lineProtocol: "protocol"
        case .name: "name"
        case .connection: "connection"
        case .path: "path"
        case .type: "type"
        case .error: "error"
        }
    }
}

/// The nodes of a device's frontend directory, which is the guest's.
public enum FrontendNode: Sendable {
    case backend, backendDomid, name, limit, type, output, terminal, state, lineProtocol
    /// The guest's ring, by its grant, and its event channel.
    case ringReference, port

    public var key: StaticString {
        switch self {
        case .backend: "backend"
        case .backendDomid: "backend-id"
        case .name: "name"
        case .limit: "limit"
        case .type: "type"
        case .output: "output"
        case .terminal: "tty"
        case .state: "state"
        case .lineProtocol: "protocol"
        case .ringReference: "ring-ref"
        case .port: "port"
        }
    }
}

extension Bytes {
    /// The path of a node in a backend's directory.
    public static func / (backend: consuming Bytes, node: BackendNode) -> Bytes {
        backend / Bytes(node.key)
    }

    /// The path of a node in a frontend's directory.
    public static func / (frontend: consuming Bytes, node: FrontendNode) -> Bytes {
        frontend / Bytes(node.key)
    }
}

/// The frontend's `type`, by which backends tell their consoles (libxl_console.c).
public enum ConsoleType: Sendable, Equatable {
    case xenchanneld
    /// A QEMU in the backend domain.
    case qemu

    public var word: StaticString {
        switch self {
        case .xenchanneld: "xenchanneld"
        case .qemu: "ioemu"
        }
    }

    /// nil for a console of somebody else's.
    public init?(_ value: Bytes?) {
        switch value {
        case "xenchanneld"?: self = .xenchanneld
        case "ioemu"?: self = .qemu
        default: return nil
        }
    }
}

/// Where a xenchanneld announces that it serves the backends of its domain.
public func announcement(in backendDomid: UInt32) -> Bytes {
    ConsoleAddress.domain(backendDomid) / ownAnnouncement
}

/// The same as the daemon writes it, in its own domain.
public var ownAnnouncement: Bytes { "data/xenchanneld" }

extension Connection {
    /// The connection that a device's nodes stand for; `.unknown` for a word of
    /// somebody else's, nil without a word and for a kind whose path is not there.
    public init?(word: Bytes?, path: Bytes?) {
        guard let word else { return nil }
        self.init(ConnectionKind(word: word) ?? .unknown, path: path)
    }
}
