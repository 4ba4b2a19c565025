import CLibc
import Channel
import FileSystem
import System
import XenConsole

/// SOCKET: a Unix stream socket listens; one client at a time, the next waits.
///
/// A client that hangs up makes room for the next one at once. What it had sent
/// and the guest has not read yet is kept here, and comes before what the next
/// one sends.
final class SocketEndpoint: Endpoint {
    private let path: Bytes
    private let poller: Poller
    private let journal: Journal
    private let owner: ConsoleAddress
    private var listener: ListeningSocket?
    /// Where the socket was at first.
    private var directory: FileIdentity?
    private var listenerDispatch: Dispatch?
    private var client: Int32 = -1
    private var clientDispatch: Dispatch?
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
    private var acceptAt = Instant.start

    init(_ path: Bytes, _ poller: Poller, _ journal: Journal, _ owner: ConsoleAddress) {
        self.path = path
        self.poller = poller
        self.journal = journal
        self.owner = owner
    }

    override var clientMustWait: Bool { client < 0 && listener != nil && acceptAt > .now }
    override var canRead: Bool { client >= 0 && !inputEnded || holdsInput }
    override var holdsInput: Bool { !kept.isEmpty }
    override var hasClient: Bool { client >= 0 }

    override func open() throws(ChannelError) {
        journal.sockets?.add(path, of: owner)
        let listener = try ListeningSocket(path, in: directory)
        directory = listener.directory
        self.listener = listener
        listenerDispatch = Dispatch(poller, listener.descriptor) { [unowned(unsafe) self] _ in accept() }
    }

    override func close() {
        disconnect()
        kept = []
        listenerDispatch?.end()
        listenerDispatch = nil
        listener?.unlink()
        if let listener { _ = CLibc.close(listener.descriptor) }
        journal.sockets?.remove(of: owner)
        listener = nil
    }

    private func disconnect() {
        clientDispatch?.end()
        clientDispatch = nil
        if client >= 0 { _ = CLibc.close(client) }
        client = -1
        inputEnded = false
        outputEnded = false
    }

    override func poll(forSpace: Bool, forInput: Bool) throws(Errno) {
        var events: Events = forSpace ? .writable : []
        if forInput, client >= 0, !inputEnded { events.insert(.readable) }
        try clientDispatch?.poll(for: events)
        // One client at a time: the next waits in the queue.
        try listenerDispatch?.poll(for: client < 0 && !clientMustWait ? .readable : nil)
    }

    private func accept() {
        guard client < 0, let listener else { return }
        do throws(Errno) {
            client = try valueOrErrno(.accept) { CLibc.accept(listener.descriptor, nil, nil) }
            clientDispatch = Dispatch(poller, client) { [unowned(unsafe) self] events in ready(events) }
        } catch {
            // One that has gone again is no reason to wait.
            if !error.isBlocked, error.number != ECONNABORTED { acceptAt = .now + .seconds(1) }
        }
        wake(.changed)
    }

    private func ready(_ events: Events) {
        if events.contains(.hungUp) || events.contains(.failed) {
            keepInput()
            disconnect()
        }
        wake(.hasInput)
    }

    /// Keeps what the client has sent.
    private func keepInput() {
        while kept.count < Self.keptLimit {
            let count = try? receive(from: client, atMost: 16384) { kept.append(contentsOf: $0) }
            guard let count, count > 0 else { return }
        }
    }

    override func write(_ segments: Ring.Segments, at position: UInt32) -> Outcome {
        guard client >= 0, !outputEnded else { return .dropped(segments.count) }
        do throws(Errno) {
            return .took(try withMessage(segments) { (message) throws(Errno) in
                try valueOrErrno(.send) { sendmsg(client, message, Int32(MSG_NOSIGNAL | MSG_DONTWAIT)) }
            })
        } catch {
            if error.isBlocked { return .blocked }
            // What it has sent can still be read; if it is gone, epoll tells.
            outputEnded = true
            if inputEnded { disconnect() }
            return .took(0)
        }
    }

    override func read(into segments: Ring.Segments) -> Int {
        if holdsInput { return readKept(into: segments) }
        guard canRead else { return 0 }
        do throws(Errno) {
            let count = try withMessage(segments) { (message) throws(Errno) in
                try valueOrErrno(.receive) { recvmsg(client, message, Int32(MSG_DONTWAIT)) }
            }
            if count > 0 { return count }
            inputEnded = true
            if outputEnded { disconnect() }
        } catch {
            if error.isBlocked { return 0 }
            disconnect()
        }
        return 0
    }

    /// Calls `body` with a message that has the segments as its bytes.
    private func withMessage(
        _ segments: Ring.Segments, _ body: (UnsafeMutablePointer<msghdr>) throws(Errno) -> Int
    ) throws(Errno) -> Int {
        var message = msghdr()
        var failure: Errno?
        let count = withVector(segments) { vector, length in
            message.msg_iov = vector
            message.msg_iovlen = Int(length)
            do throws(Errno) {
                return try body(&message)
            } catch {
                failure = error
                return -1
            }
        }
        if let failure { throw failure }
        return count
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
