import CLibc
import CXenIO
import Channel
import FileSystem

/// SOCKET: a Unix stream socket listens; one client at a time, the next waits.
///
/// A client that hangs up makes room for the next one at once. What it had sent
/// and the guest has not read yet is kept here, and comes before what the next
/// one sends.
final class SocketSink: Sink {
    private let path: Bytes
    private var listener: ListeningSocket?
    private var client: Int32 = -1
    /// The client sends no more, but may still read.
    private var inputEnded = false
    /// The client reads no more, but may still send.
    private var outputEnded = false
    /// What clients had sent that are gone.
    private var kept = ArraySlice<UInt8>()
    /// As many bytes are kept for a guest that does not read; more is lost.
    private static var keptLimit: Int { 1 << 20 }
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
    override var canRead: Bool { client >= 0 && !inputEnded || holdsInput }
    override var holdsInput: Bool { !kept.isEmpty }
    override var hasClient: Bool { client >= 0 }

    override func open() throws(ChannelError) {
        listener = try ListeningSocket(path)
    }

    override func close() {
        disconnect()
        kept = []
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
        outputEnded = false
    }

    /// Keeps what the client has sent.
    private func keepInput() {
        withUnsafeTemporaryAllocation(byteCount: 16384, alignment: 1) { buffer in
            while kept.count < Self.keptLimit {
                let count = recv(client, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
                if count > 0 {
                    kept.append(contentsOf: buffer[..<count])
                } else if count == 0 || errno != EINTR {
                    return
                }
            }
        }
    }

    override func ready(_ role: Role, _ events: UInt32) {
        switch role {
        case .listener:
            guard client < 0, let listener else { return }
            client = accept(listener.descriptor, nil, nil)
            // One that has gone again is no reason to wait.
            if client < 0, errno != EAGAIN, errno != ECONNABORTED, errno != EINTR { acceptAt = now() + 1000 }
        case .data:
            guard client >= 0, events & (EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0 else { return }
            keepInput()
            disconnect()
        }
    }

    override func write(_ segments: Ring.Segments, at position: UInt32) -> Outcome {
        guard client >= 0, !outputEnded else { return .dropped(segments.count) }
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
            // What it has sent can still be read; if it is gone, epoll tells.
            outputEnded = true
            if inputEnded { disconnect() }
            return .took(0)
        }
    }

    override func read(into segments: Ring.Segments) -> Int {
        if holdsInput { return readKept(into: segments) }
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
        if outputEnded || count < 0 { disconnect() }
        return 0
    }

    private func readKept(into segments: Ring.Segments) -> Int {
        let before = kept.count
        for segment in [segments.first, segments.second] {
            let part = kept.prefix(segment.count)
            segment.copyBytes(from: part)
            kept = kept.dropFirst(part.count)
        }
        let count = before - kept.count
        // The memory of what was read.
        if kept.isEmpty { kept = [] }
        return count
    }
}
