import CLibc
import CXenIO
import Channel
import XenStore

/// SOCKET: a Unix stream socket listens; one client at a time, the next waits.
final class SocketSink: Sink {
    private let path: Bytes
    private var listener: Int32 = -1
    private var client: Int32 = -1
    /// The client sends no more, but may still read.
    private var inputEnded = false
    /// The client is gone; what it sent is still to be read.
    private var isGone = false
    /// When to accept again after descriptors were short; the listener would be
    /// reported for ever.
    private var acceptAt: Int64 = 0
    /// The socket's own inode, so that `close` takes away no other file.
    private var inode: UInt = 0
    private var device: UInt = 0

    init(_ path: Bytes) {
        self.path = path
    }

    deinit {
        disconnect()
        if listener >= 0 { _ = CLibc.close(listener) }
    }

    override var dataDescriptor: Int32 { client }
    override var listenDescriptor: Int32 { listener }
    override var wantsClient: Bool { client < 0 && !clientMustWait }
    override var clientMustWait: Bool { client < 0 && now() < acceptAt }
    override var canRead: Bool { client >= 0 && !inputEnded }
    override var hasClient: Bool { client >= 0 }
    override var isHungUp: Bool { isGone }

    override func open() throws(ChannelError) {
        guard var address = UnixAddress(path) else { throw ChannelError(.failed, "\(path) is too long for a socket") }
        try removeStale(&address)
        let descriptor = socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw ChannelError(.failed, "cannot open a socket: \(errorText(errno))") }
        let mask = umask(0o077)
        let bound = address.withPointer { bind(descriptor, $0, $1) }
        let number = errno
        umask(mask)
        guard bound == 0 else {
            _ = CLibc.close(descriptor)
            throw ChannelError(.failed, "cannot bind \(path): \(errorText(number))")
        }
        var status = stat()
        guard listen(descriptor, 16) == 0, path.withCString({ lstat($0, &status) }) == 0 else {
            let number = errno
            _ = CLibc.close(descriptor)
            throw ChannelError(.failed, "cannot listen on \(path): \(errorText(number))")
        }
        inode = status.st_ino
        device = status.st_dev
        listener = descriptor
    }

    /// Takes away a socket that nobody listens on; anything else there is an error.
    private func removeStale(_ address: inout UnixAddress) throws(ChannelError) {
        var status = stat()
        guard path.withCString({ lstat($0, &status) }) == 0 else { return }
        guard status.st_mode & mode_t(S_IFMT) == mode_t(S_IFSOCK) else {
            throw ChannelError(.failed, "cannot bind \(path): a file that is no socket is there")
        }
        let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard probe >= 0 else { throw ChannelError(.failed, "cannot open a socket: \(errorText(errno))") }
        defer { _ = CLibc.close(probe) }
        let refused = address.withPointer { connect(probe, $0, $1) } != 0 && errno == ECONNREFUSED
        guard refused else { throw ChannelError(.failed, "cannot bind \(path): another program listens there") }
        _ = path.withCString { unlink($0) }
    }

    override func close() {
        disconnect()
        guard listener >= 0 else { return }
        var status = stat()
        if path.withCString({ lstat($0, &status) }) == 0, status.st_ino == inode, status.st_dev == device {
            _ = path.withCString { unlink($0) }
        }
        _ = CLibc.close(listener)
        listener = -1
    }

    private func disconnect() {
        if client >= 0 { _ = CLibc.close(client) }
        client = -1
        inputEnded = false
        isGone = false
    }

    override func ready(_ role: Role, _ events: UInt32) {
        switch role {
        case .listener:
            guard client < 0 else { return }
            client = accept(listener, nil, nil)
            // One that has gone again is no reason to wait.
            if client < 0, errno != EAGAIN, errno != ECONNABORTED, errno != EINTR { acceptAt = now() + 1000 }
        case .data:
            if events & (EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0 {
                isGone = true
                if inputEnded { disconnect() }
            }
        }
    }

    override func write(_ segments: Ring.Segments, at position: UInt32) -> Outcome {
        guard client >= 0, !isGone else { return .dropped(segments.count) }
        var message = msghdr()
        let count = withVector(segments) { vector, length in
            message.msg_iov = vector
            message.msg_iovlen = Int(length)
            return sendmsg(client, &message, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
        }
        if count >= 0 { return .took(count) }
        switch errno {
        case EAGAIN: return .blocked
        case EINTR: return .took(0)
        default:
            // It is gone; what it has sent can still be read.
            isGone = true
            if inputEnded { disconnect() }
            return .took(0)
        }
    }

    override func read(into segments: Ring.Segments) -> Int {
        guard canRead else { return 0 }
        var message = msghdr()
        let count = withVector(segments) { vector, length in
            message.msg_iov = vector
            message.msg_iovlen = Int(length)
            return recvmsg(client, &message, Int32(MSG_DONTWAIT))
        }
        if count > 0 { return count }
        if count < 0, errno == EAGAIN || errno == EINTR { return 0 }
        inputEnded = true
        if isGone || count < 0 { disconnect() }
        return 0
    }
}
