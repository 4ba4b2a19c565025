import CLibc
import CXenIO
import Channel
import FileSystem

/// SOCKET: a Unix stream socket listens; one client at a time, the next waits.
final class SocketSink: Sink {
    private let path: Bytes
    private var listener: ListeningSocket?
    private var client: Int32 = -1
    /// The client sends no more, but may still read.
    private var inputEnded = false
    /// The client is gone; what it sent is still to be read.
    private var isGone = false
    /// When to accept again after descriptors were short; the listener would be
    /// reported for ever.
    private var acceptAt: Int64 = 0

    init(_ path: Bytes) {
        self.path = path
    }

    deinit {
        disconnect()
        closeListener()
    }

    override var dataDescriptor: Int32 { client }
    override var listenDescriptor: Int32 { listener?.descriptor ?? -1 }
    override var wantsClient: Bool { client < 0 && !clientMustWait }
    override var clientMustWait: Bool { client < 0 && now() < acceptAt }
    override var canRead: Bool { client >= 0 && !inputEnded }
    override var hasClient: Bool { client >= 0 }
    override var isHungUp: Bool { isGone }

    override func open() throws(ChannelError) {
        listener = try ListeningSocket(path)
    }

    override func close() {
        disconnect()
        listener?.unlink()
        closeListener()
    }

    private func closeListener() {
        if let listener { _ = CLibc.close(listener.descriptor) }
        listener = nil
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
            guard client < 0, let listener else { return }
            client = accept(listener.descriptor, nil, nil)
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
