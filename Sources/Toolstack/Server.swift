import CLibc
import Channel
import XenStore

/// The program that serves a channel in its backend domain.
enum Server: Equatable {
    case xenchanneld
    /// The guest's own QEMU, in domain 0, by a character device of it.
    case qemu(Chardev)

    /// The frontend's `type`, by which backends tell their consoles (libxl_console.c).
    var type: Bytes {
        switch self {
        case .xenchanneld: "xenchanneld"
        case .qemu: "ioemu"
        }
    }

    /// The frontend's `output`.
    func output(_ connection: Connection) -> Bytes {
        switch self {
        case .xenchanneld: Bytes(connection.kind.word)
        case .qemu(let chardev): Bytes("chardev:") + chardev.id
        }
    }

    /// The frontend's `tty`, as far as it is known from the beginning.
    var tty: Bytes {
        switch self {
        case .xenchanneld: Bytes()
        case .qemu(let chardev): chardev.tty ?? Bytes()
        }
    }
}

/// Where xenchanneld announces that it serves a domain's backends.
func announcement(in backendDomid: UInt32) -> Bytes {
    Bytes("/local/domain") / backendDomid / "data" / "xenchanneld"
}

extension Toolstack {
    /// The guest's QEMU, if it is to serve channels: it serves from domain 0,
    /// where no xenchanneld does.
    func servingQEMU(of domid: UInt32) throws(ChannelError) -> QEMU? {
        guard QEMU(domid: domid, userdata: nil).isThere else { return nil }
        return try attempt("looking for the backend") { () throws(StoreError) in
            var batch = Batch()
            batch.read(announcement(in: 0))
            Userdata.ask(domid, &batch)
            let replies = try store.run(batch)
            let userdata = try Userdata(of: domid, replies, 1)
            guard try replies.value(0) == nil, userdata?.deviceModel != .stubdomain else { return nil }
            return QEMU(domid: domid, userdata: userdata)
        }
    }
}

extension Userdata {
    /// Adds the reads that tell of a domain's userdata.
    static func ask(_ domid: UInt32, _ batch: inout Batch) {
        let domain = Bytes("/local/domain") / domid
        batch.read(domain / "vm")
        batch.read(domain / "image" / "device-model-pid")
        batch.read(domain / "image" / "device-model-domid")
    }

    /// - Parameter first: the index of the replies to `ask`.
    init?(of domid: UInt32, _ replies: Replies, _ first: Int) throws(StoreError) {
        let vm = try replies.value(first)
        let pid = try replies.value(first + 1)
        let stubdomain = try replies.value(first + 2)
        self.init(of: domid, vm: vm, deviceModel: stubdomain != nil ? .stubdomain : pid != nil ? .process : .none)
    }
}
