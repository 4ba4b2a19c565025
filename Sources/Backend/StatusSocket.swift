import CLibc
import Channel
import FileSystem
import System

/// The Unix socket that answers each connection with one JSON document.
final class StatusSocket {
    private let path: Bytes
    private let poller: Poller
    private let document: () -> [UInt8]?
    private let listener: Int32
    private var dispatch: Dispatch?
    /// The clients whose answer did not fit into their socket's buffer.
    private var clients: [Client] = []
    private static var clientLimit: Int { 8 }
    /// Given up to accept a client when there is no other descriptor; the
    /// listener would be reported for ever.
    private var spare: Int32

    /// Listens at `path`, readable by root only. An old socket there is replaced.
    ///
    /// - Parameter document: makes the answer; nil when it cannot.
    init(_ path: Bytes, _ poller: Poller, document: @escaping () -> [UInt8]?) throws(ChannelError) {
        self.path = path
        self.poller = poller
        self.document = document
        spare = Self.openSpare()
        guard var address = UnixAddress(path) else { throw ChannelError(.failed, "\(path) is too long for a socket") }
        if let status = try? status(of: path), status.isSocket { removeFile(path) }
        listener = try failing(as: "cannot listen on \(path)") { () throws(Errno) in
            let type = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
            let listener = try valueOrErrno(.socket) { socket(AF_UNIX, Int32(type), 0) }
            let mask = umask(0o177)
            defer { umask(mask) }
            _ = try valueOrErrno(.bind) { address.withPointer { bind(listener, $0, $1) } }
            _ = try valueOrErrno(.listen) { listen(listener, 8) }
            return listener
        }
        let dispatch = Dispatch(poller, listener) { [unowned(unsafe) self] _ in accept() }
        self.dispatch = dispatch
        do throws(Errno) {
            try dispatch.poll(for: .readable)
        } catch {
            removeFile(path)
            throw ChannelError(.failed, "epoll: \(error)")
        }
    }

    func close() {
        dispatch?.end()
        _ = CLibc.close(listener)
        removeFile(path)
    }

    /// Answers one connection.
    private func accept() {
        var descriptor: Int32
        var isShort = false
        do throws(Errno) {
            descriptor = try valueOrErrno(.accept) { CLibc.accept(listener, nil, nil) }
        } catch {
            guard error.isShortOfDescriptors else { return }
            isShort = true
            _ = CLibc.close(spare)
            descriptor = CLibc.accept(listener, nil, nil)
        }
        defer { if isShort { spare = Self.openSpare() } }
        guard descriptor >= 0 else { return }
        guard clients.count < Self.clientLimit, let text = document() else {
            _ = CLibc.close(descriptor)
            return
        }
        let client = Client(descriptor, text[...])
        // The spare descriptor is wanted back at once.
        guard !client.send(), !isShort else { return client.close() }
        clients.append(client)
        let dispatch = Dispatch(poller, descriptor) { [unowned(unsafe) self, unowned(unsafe) client] _ in
            if client.send() { drop(client) }
        }
        client.dispatch = dispatch
        do throws(Errno) {
            try dispatch.poll(for: .writable)
        } catch {
            drop(client)
        }
    }

    private func drop(_ client: Client) {
        client.close()
        clients.removeAll { $0 === client }
    }

    private static func openSpare() -> Int32 {
        (try? openFile("/dev/null", O_RDONLY)) ?? -1
    }

    private final class Client {
        private let descriptor: Int32
        private var rest: ArraySlice<UInt8>
        var dispatch: Dispatch?

        init(_ descriptor: Int32, _ text: ArraySlice<UInt8>) {
            self.descriptor = descriptor
            rest = text
        }

        /// Sends what fits; true when nothing is left to be sent, or nobody to send to.
        func send() -> Bool {
            do throws(Errno) {
                let count = try valueOrErrno(.send) {
                    rest.withUnsafeBytes {
                        CLibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
                    }
                }
                rest = rest.dropFirst(count)
                return rest.isEmpty
            } catch {
                return !error.isBlocked
            }
        }

        func close() {
            dispatch?.end()
            dispatch = nil
            _ = CLibc.close(descriptor)
        }
    }
}
