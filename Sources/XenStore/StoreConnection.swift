import CLibc
import Channel
import FileSystem
import System

/// One connection to xenstored. Not for several threads at once; see `Store`.
///
/// A batch's requests are written at once and its replies read as they come;
/// through the xenbus device, each after the reply to the one before.
/// After any failure but a refusal the connection is closed: what it might
/// still deliver could not be told from an answer to a later request.
public final class StoreConnection {
    /// How long xenstored may take for one batch.
    public static var timeLimit: Interval { .seconds(10) }

    /// For poll and epoll: readable when a watch event waits. -1 when closed.
    public private(set) var descriptor: Int32
    /// A socket takes any number of messages. The xenbus device takes one in a
    /// write, and has one buffer for it: the next write, even if the first has
    /// returned, may change a message that is still on its way to xenstored.
    /// So it gets the next one after the reply to the first.
    public let isSocket: Bool
    private var decoder = Decoder()
    private var events: [WatchEvent] = []
    /// How often `watch` was called.
    private var watches = 0
    /// The batch that is under way, what came of its replies, and how much of it was sent.
    private var batch = Batch()
    private var replies = Replies(to: Batch())
    private var sent = 0
    /// Whether a batch is under way.
    public private(set) var isUnderWay = false

    /// How long to look for replies before sleeping until there are some.
    private static var attention: Interval { .microseconds(50) }

    /// The number of watch events that may wait unread; a connection that
    /// watches and never reads them is closed rather than let memory grow.
    private static var eventLimit: Int { 1 << 16 }

    /// Takes over a descriptor that does not block.
    public init(descriptor: Int32, isSocket: Bool) {
        self.descriptor = descriptor
        self.isSocket = isSocket
    }

    deinit {
        close()
    }

    /// Closes the connection; every further use fails.
    public func close() {
        if descriptor >= 0 { _ = CLibc.close(descriptor) }
        descriptor = -1
    }

    /// Sends a batch and waits for all of its replies.
    public func run(_ batch: Batch) throws(StoreError) -> Replies {
        try run(batch, until: .now + Self.timeLimit)
    }

    public func run(_ batch: Batch, until deadline: Instant) throws(StoreError) -> Replies {
        try finishWatching(until: deadline)
        try start(batch)
        return try finish(until: deadline)
    }

    /// Waits for all the replies to the batch under way.
    private func finish(until deadline: Instant) throws(StoreError) -> Replies {
        while true {
            do throws(StoreError) {
                if let replies = try waitAndProceed(until: deadline) { return replies }
            } catch {
                close()
                throw error
            }
        }
    }

    public func watch(_ paths: [Bytes]) throws(StoreError) {
        try finishWatching(until: .now + Self.timeLimit)
        // The same nodes may be watched again.
        watches += 1
        var batch = Batch()
        for path in paths { batch.watch(path, token: Bytes(decimal: watches)) }
        try start(batch)
        do throws(StoreError) {
            try sendRequests()
        } catch {
            close()
            throw error
        }
    }

    /// Waits for the answers to `watch`.
    private func finishWatching(until deadline: Instant) throws(StoreError) {
        if isUnderWay { try finish(until: deadline).check() }
    }

    private func waitAndProceed(until deadline: Instant) throws(StoreError) -> Replies? {
        guard replies.missing > 0 else { return try receiveReplies() }
        try sendRequests()
        guard Instant.now < deadline else { throw .timedOut }
        if wantsToSend || !isSocket || !isAnsweredSoon() {
            // The device does not tell when it can be written: a write blocks.
            try wait(forSpace: wantsToSend && isSocket, atOnce: wantsToSend && !isSocket, until: deadline)
        }
        return try receiveReplies()
    }

    // MARK: a batch without waiting

    /// Makes a batch the one that is under way; there is none before.
    public func start(_ batch: Batch) throws(StoreError) {
        guard !batch.isTooLong else { throw .tooLong }
        guard descriptor >= 0 else { throw .disconnected(EBADF) }
        self.batch = batch
        replies = Replies(to: batch)
        sent = 0
        isUnderWay = true
    }

    /// Sends and receives what is possible without waiting; the replies to the
    /// batch under way, once there are all of them. Watch events come along.
    public func proceed() throws(StoreError) -> Replies? {
        guard descriptor >= 0 else { throw .disconnected(EBADF) }
        do throws(StoreError) {
            while true {
                if isUnderWay { try sendRequests() }
                if let replies = try receiveReplies() { return replies }
                // The device takes the next request after the reply to the one before.
                if isSocket || !wantsToSend { return nil }
            }
        } catch {
            close()
            throw error
        }
    }

    /// Whether `proceed` could send more if there were space in the socket.
    public var wantsToSend: Bool { isUnderWay && sent < sendable }

    /// How much of the batch may be sent by now.
    private var sendable: Int {
        let answered = batch.count - replies.missing
        return isSocket || answered + 1 >= batch.count ? batch.bytes.count : batch.starts[answered + 1]
    }

    private func sendRequests() throws(StoreError) {
        let end = sendable
        if sent < end { sent += try send(batch.bytes, sent..<end) }
    }

    /// Reads what is there; the replies, once there are all of them.
    private func receiveReplies() throws(StoreError) -> Replies? {
        if !isUnderWay || replies.missing > 0 { try receive() }
        while let message = try decoder.message() {
            if message.type == Operation.watchEvent.rawValue {
                try note(decoder.bytes[message.payload])
            } else {
                guard isUnderWay else { throw .protocolViolation(StaticText("a reply to no request")) }
                try replies.take(message, decoder.bytes)
            }
        }
        guard isUnderWay else {
            _ = decoder.takeBytes()
            return nil
        }
        guard replies.missing == 0 else { return nil }
        isUnderWay = false
        replies.finish(decoder.takeBytes())
        return replies
    }

    /// The watch events that came along, which are taken.
    public func takenEvents() -> [WatchEvent] {
        let taken = events
        events = []
        return taken
    }

    /// Writes what is possible of a range; returns how much that was.
    private func send(_ bytes: [UInt8], _ range: Range<Int>) throws(StoreError) -> Int {
        do throws(Errno) {
            return try valueOrErrno(.send) {
                bytes.withUnsafeBytes { raw in
                    let start = raw.baseAddress! + range.lowerBound
                    return isSocket
                        ? CLibc.send(descriptor, start, range.count, Int32(MSG_NOSIGNAL))
                        : write(descriptor, start, range.count)
                }
            }
        } catch {
            guard error.isBlocked else { throw .disconnected(error.number) }
            return 0
        }
    }

    /// Reads what is there, if anything.
    private func receive() throws(StoreError) {
        let limit = 16384
        do throws(Errno) {
            while true {
                let count = try System.receive(from: descriptor, atMost: limit) { decoder.append($0) }
                if count == 0 { break }
                // A short read has emptied a socket; the device gives one message at a time.
                if isSocket && count < limit { return }
            }
        } catch {
            if error.isBlocked { return }
            throw .disconnected(error.number)
        }
        throw .disconnected(0)
    }

    /// Waits until there is something to read, or with `forSpace` to write.
    private func wait(
        forSpace: Bool = false, atOnce: Bool = false, until deadline: Instant
    ) throws(StoreError) {
        guard Instant.now < deadline else { throw .timedOut }
        do throws(Errno) {
            _ = try System.wait(
                for: forSpace ? POLLIN | POLLOUT : POLLIN, on: descriptor, until: atOnce ? .now : deadline)
        } catch {
            throw .disconnected(error.number)
        }
    }

    /// Looks for replies for a little while. xenstored sends each of them by
    /// itself, and to wake a thread that sleeps takes it longer than most requests.
    private func isAnsweredSoon() -> Bool {
        var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        let end = Instant.now + Self.attention
        while poll(&item, 1, 0) == 0 {
            guard Instant.now < end else { return false }
            sched_yield()
        }
        return true
    }

    private func note(_ payload: ArraySlice<UInt8>) throws(StoreError) {
        guard let event = WatchEvent(payload: payload), events.count < Self.eventLimit else {
            throw .protocolViolation(StaticText("a malformed watch event, or too many of them"))
        }
        events.append(event)
    }

    /// Takes the watch events that have arrived, without waiting.
    public func takeEvents() throws(StoreError) -> [WatchEvent] {
        _ = try proceed()
        return takenEvents()
    }

    /// Waits for watch events until `deadline`; empty when none came.
    public func waitForEvents(until deadline: Instant) throws(StoreError) -> [WatchEvent] {
        try finishWatching(until: .now + Self.timeLimit)
        while true {
            let taken = try takeEvents()
            if !taken.isEmpty || Instant.now >= deadline { return taken }
            try wait(until: deadline)
        }
    }
}

extension StoreConnection: BatchRunner, StoreWaiter {
    public func waiter() throws(StoreError) -> StoreConnection {
        try .open()
    }
}
