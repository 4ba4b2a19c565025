import CLibc
import Channel
import ChannelJSON
import FileSystem
import System
import XenConsole
import XenStore

/// What libxl keeps of a domain in files: its locks, and the configuration
/// from which it builds the domain again (libxl__userdata_path).
struct Userdata {
    /// libxl's locks of one domain. Whoever wants several takes them in this
    /// order (libxl_internal.h: libxl__ev_devlock, then libxl__ev_qmp's own,
    /// then the one of the saved configuration).
    enum Lock {
        /// Held while devices change and QEMU has a part in it.
        case deviceChanges
        /// Held while connected to QEMU's monitor.
        case qmpSocket
        /// Held while the saved configuration is read and written.
        case domainUserdata

        fileprivate var name: Bytes {
            switch self {
            case .deviceChanges: "libxl-device-changes-lock"
            case .qmpSocket: "qmp-socket-lock"
            case .domainUserdata: "domain-userdata-lock"
            }
        }
    }

    /// How long to wait for another program's lock: libxl may wait for QEMU and
    /// for a guest meanwhile, 10 seconds each.
    private static var patience: Interval { .seconds(60) }

    private let domid: UInt32
    private let uuid: Bytes

    /// - Parameter vm: the value of the domain's node `vm`, `/vm/UUID`.
    /// - Returns: nil for a domain without one, which libxl did not make.
    init?(of domid: UInt32, vm: Bytes?) {
        guard let vm, vm.array.starts(with: Bytes("/vm/").array) else { return nil }
        uuid = Bytes(vm.array[4...])
        // It becomes a part of a file's name.
        guard uuid.count == 36, uuid.array.allSatisfy({ isHexadecimal($0) || $0 == UInt8(ascii: "-") }) else { return nil }
        self.domid = domid
    }

    /// `kind` is libxl's: l for a lock, d for data, n for new data.
    private func path(_ kind: Bytes, _ name: Bytes) -> Bytes {
        var path = directory(named: "XEN_LIB_DIR", usually: "/var/lib/xen") / (Bytes("userdata-") + kind)
        for part in [Bytes(decimal: domid), uuid, name] { path = path + "." + part }
        return path
    }

    /// Runs `body` while holding a lock; without one where libxl has no directory.
    @inline(never)
    func holding(_ lock: Lock, _ body: () throws(ChannelError) -> Void) throws(ChannelError) {
        let held = try LockFile.take(path("l", lock.name), until: .now + Self.patience)
        defer { held?.release() }
        try body()
    }

    /// Edits the channels of the domain's saved configuration, if it has one.
    ///
    /// `body` runs when all that can go wrong has gone well, and the new
    /// configuration is put in place after it; it stays as it was when `body` throws.
    ///
    /// - Parameters:
    ///   - isLeftUnread: whether a document that cannot be read is left as it
    ///     is, rather than an error.
    ///   - edit: returns whether it changed anything.
    func editConfiguration(
        orLeaveUnread isLeftUnread: Bool = false,
        _ edit: (inout SavedChannels) throws(ChannelError) -> Bool,
        whenReady body: () throws(ChannelError) -> Void
    ) throws(ChannelError) {
        try holding(.domainUserdata) { () throws(ChannelError) in
            let replacement = try prepare(orLeaveUnread: isLeftUnread, edit)
            do throws(ChannelError) {
                try body()
            } catch {
                replacement?.discard()
                throw error
            }
            try replacement?.commit()
        }
    }

    /// Whether `editConfiguration` would go well now: throws what it would throw.
    func checkConfiguration(
        orLeaveUnread isLeftUnread: Bool, _ edit: (inout SavedChannels) throws(ChannelError) -> Bool
    ) throws(ChannelError) {
        try holding(.domainUserdata) { () throws(ChannelError) in try prepare(orLeaveUnread: isLeftUnread, edit)?.discard() }
    }

    /// The edited configuration beside the old one; nil when nothing changes.
    private func prepare(
        orLeaveUnread isLeftUnread: Bool, _ edit: (inout SavedChannels) throws(ChannelError) -> Bool
    ) throws(ChannelError) -> Replacement? {
        let path = path("d", "libxl-json")
        guard let document = try readFile(path) else { return nil }
        var channels: SavedChannels
        do throws(ChannelError) {
            channels = try SavedChannels(document)
            guard try edit(&channels) else { return nil }
        } catch {
            if isLeftUnread, error.kind != .noMemory { return nil }
            throw error.about("\(path)")
        }
        return try Replacement(of: path, with: channels.document, at: self.path("n", "libxl-json"))
    }
}

extension Optional where Wrapped == Userdata {
    /// Without userdata there is nothing to lock.
    func holding(_ lock: Userdata.Lock, _ body: () throws(ChannelError) -> Void) throws(ChannelError) {
        if let self { try self.holding(lock, body) } else { try body() }
    }
}

/// Where libxl runs a QEMU for the domain (libxl__dm_active). With a channel
/// in the saved configuration and no QEMU it refuses to attach any other
/// device (libxl__dm_check_start).
enum DeviceModel {
    case none
    case process
    /// In a domain of its own, where files and sockets of domain 0 are out of reach.
    case stubdomain
}

/// The reads that tell what libxl has of a domain.
struct DomainReads {
    private let vm, process, stubdomain: Batch.Index

    init(_ domid: UInt32, asking batch: inout Batch) {
        let domain = ConsoleAddress.domain(domid)
        vm = batch.read(domain / "vm")
        process = batch.read(domain / "image" / "device-model-pid")
        stubdomain = batch.read(domain / "image" / "device-model-domid")
    }

    func userdata(of domid: UInt32, _ replies: Replies) throws(StoreError) -> Userdata? {
        Userdata(of: domid, vm: try replies.value(vm))
    }

    func deviceModel(_ replies: Replies) throws(StoreError) -> DeviceModel {
        if try replies.value(stubdomain) != nil { return .stubdomain }
        return try replies.value(process) != nil ? .process : .none
    }
}

extension Toolstack {
    /// The userdata, if channels go into the saved configuration.
    ///
    /// - Parameter image: a listing of the directory in which libxl tells of a QEMU.
    func savingUserdata(of domid: UInt32, _ replies: Replies, _ image: Batch.Index?) throws(StoreError) -> Userdata? {
        guard let image, let nodes = try replies.children(image),
            nodes.contains(where: { $0 == "device-model-pid" || $0 == "device-model-domid" })
        else { return nil }
        return Userdata(of: domid, vm: try store.value(ConsoleAddress.domain(domid) / "vm"))
    }
}

/// A directory of Xen's: the one in the environment, unless the program has
/// more rights than its caller.
func directory(named variable: StaticString, usually path: Bytes) -> Bytes {
    let name = UnsafeRawPointer(variable.utf8Start).assumingMemoryBound(to: CChar.self)
    return secure_getenv(name).map { Bytes(cString: $0) } ?? path
}

private func isHexadecimal(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"): true
    default: false
    }
}
