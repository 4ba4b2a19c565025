import CLibc
import CXenIO
import Channel
import ChannelJSON
import FileSystem
import XenStore

/// What the monitor tells of one channel.
struct ChannelStatus {
    var domid: UInt32
    var devid: UInt32
    var name: Bytes
    var connection: Connection
    var tty: Bytes?
    /// The backend's xenbus state.
    var state: UInt32
    var hasClient: Bool
    var fromGuest: UInt64
    var toGuest: UInt64
    var dropped: UInt64
}

/// The Unix socket that answers each connection with one JSON document.
final class Monitor {
    let listener: Int32
    private let path: Bytes
    /// Answers that did not fit in a socket's buffer.
    private var clients: [Client?] = []
    private static var clientLimit: Int { 8 }
    /// Given up to accept a client when there is no other descriptor; the
    /// listener would be reported for ever.
    private var spare: Int32

    private struct Client {
        var descriptor: Int32
        var rest: ArraySlice<UInt8>
    }

    /// Listens at `path`, readable by root only. An old socket there is replaced.
    init(_ path: Bytes) throws(ChannelError) {
        self.path = path
        spare = Self.openSpare()
        guard var address = UnixAddress(path) else { throw ChannelError(.failed, "\(path) is too long for a socket") }
        var status = stat()
        if path.withCString({ lstat($0, &status) }) == 0, status.st_mode & mode_t(S_IFMT) == mode_t(S_IFSOCK) {
            _ = path.withCString { unlink($0) }
        }
        listener = socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        let mask = umask(0o177)
        defer { umask(mask) }
        guard listener >= 0, address.withPointer({ bind(listener, $0, $1) }) == 0, listen(listener, 8) == 0 else {
            throw ChannelError(.failed, "cannot listen on \(path): \(errorText(errno))")
        }
    }

    func close() {
        _ = CLibc.close(listener)
        _ = path.withCString { unlink($0) }
    }

    /// Answers one connection.
    func accept(_ poller: Poller, _ status: () -> [ChannelStatus]) {
        var descriptor = CLibc.accept(listener, nil, nil)
        let isShort = descriptor < 0 && (errno == EMFILE || errno == ENFILE)
        if isShort {
            _ = CLibc.close(spare)
            descriptor = CLibc.accept(listener, nil, nil)
        }
        defer { if isShort { spare = Self.openSpare() } }
        guard descriptor >= 0 else { return }
        guard let slot = freeSlot(), let text = document(status()) else {
            _ = CLibc.close(descriptor)
            return
        }
        clients[slot] = Client(descriptor: descriptor, rest: text[...])
        goOn(slot, poller)
        // The spare descriptor is wanted back at once.
        if isShort { drop(slot) }
    }

    private static func openSpare() -> Int32 {
        open_file("/dev/null", O_RDONLY | O_CLOEXEC, 0)
    }

    private func drop(_ slot: Int) {
        if let client = clients[slot] { _ = CLibc.close(client.descriptor) }
        clients[slot] = nil
    }

    private func freeSlot() -> Int? {
        if let slot = clients.firstIndex(where: { $0 == nil }) { return slot }
        guard clients.count < Self.clientLimit else { return nil }
        clients.append(nil)
        return clients.count - 1
    }

    /// Sends what fits, and closes after the last byte.
    func goOn(_ slot: Int, _ poller: Poller) {
        guard slot < clients.count, var client = clients[slot] else { return }
        let count = client.rest.withUnsafeBytes {
            send(client.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
        }
        if count > 0 { client.rest = client.rest.dropFirst(count) }
        let isBlocked = count < 0 && (errno == EAGAIN || errno == EINTR)
        if client.rest.isEmpty || (count <= 0 && !isBlocked) {
            drop(slot)
            return
        }
        clients[slot] = client
        poller.set(client.descriptor, Token(.monitorClient, slot: slot), EPOLLOUT.rawValue)
    }

    private func document(_ channels: [ChannelStatus]) -> [UInt8]? {
        let text = try? jsonText { generator in
            var writer = Writer(generator)
            writer.beginMap()
            writer.literal("channels")
            writer.beginArray()
            for channel in channels {
                writer.beginMap()
                writer.member("domid", integer: Int64(channel.domid))
                writer.member("devid", integer: Int64(channel.devid))
                writer.member("name", bytes: channel.name)
                writer.member("connection", bytes: Bytes(channel.connection.kind.word))
                if let path = channel.tty ?? channel.connection.path { writer.member("path", bytes: path) }
                writer.member("state", integer: Int64(channel.state))
                writer.member("client", boolean: channel.hasClient)
                writer.member("from_guest", integer: Int64(clamping: channel.fromGuest))
                writer.member("to_guest", integer: Int64(clamping: channel.toGuest))
                writer.member("dropped", integer: Int64(clamping: channel.dropped))
                writer.endMap()
            }
            writer.endArray()
            writer.endMap()
            return writer.status
        }
        guard let text else { return nil }
        defer { free(text) }
        return Bytes(cString: text).array
    }
}
