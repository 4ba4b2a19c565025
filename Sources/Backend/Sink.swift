import CLibc
import CXenIO
import Channel

/// Where a channel's bytes go to and come from in the backend domain.
///
/// One subclass for each connection; this one is the base, and by itself NONE.
class Sink {
    enum Outcome: Equatable {
        /// So many bytes were delivered.
        case took(Int)
        /// So many bytes were thrown away, with nobody there to take them.
        case dropped(Int)
        /// It is full; `dataDescriptor` becomes writable.
        case blocked
        /// It failed with this errno, and is to be tried again in a second.
        case failed(Int32)
    }

    /// What a descriptor stands for.
    enum Role: UInt32 {
        case data = 0
        case listener = 1
    }

    /// The descriptor that bytes go through; -1 for none.
    var dataDescriptor: Int32 { -1 }
    /// The descriptor where clients wait; -1 for none.
    var listenDescriptor: Int32 { -1 }
    /// Whether the listener should be polled.
    var wantsClient: Bool { false }
    /// No client can be accepted now for want of descriptors, though one waits.
    var clientMustWait: Bool { false }
    /// Whether bytes may still come.
    var canRead: Bool { dataDescriptor >= 0 }
    /// Whether some of them are here already, of which epoll does not tell.
    var holdsInput: Bool { false }
    /// Whether the other end is gone though it may have left bytes; epoll would
    /// report that for ever.
    var isHungUp: Bool { false }
    /// The terminal to publish.
    var tty: Bytes? { nil }
    /// Whether somebody is at the other end, where that can be told.
    var hasClient: Bool { false }

    /// Opens the sink; what was opened is closed again on error.
    func open() throws(ChannelError) {}
    /// Closes it for good, and takes away what `open` made.
    func close() {}
    /// SIGHUP: files may have been moved away.
    func reopen() {}
    /// What epoll reported for a descriptor.
    func ready(_ role: Role, _ events: UInt32) {}
    /// Whether the sink's terminal is among these, which were opened or closed.
    func wasUsed(_ terminals: TerminalWatch.Changes) -> Bool { false }

    /// Delivers bytes from the guest; `position` is the ring's index of the first.
    func write(_ segments: Ring.Segments, at position: UInt32) -> Outcome {
        .dropped(segments.count)
    }
    /// The bytes that `write` took are consumed in the ring.
    func consumed() {}
    /// How many of a ring's bytes from `position` on a killed daemon had delivered
    /// before it could consume them.
    func delivered(_ ring: RingLocation, from position: UInt32, of count: Int) -> Int { 0 }
    /// What is written from now on comes from this ring.
    func start(_ ring: RingLocation) {}

    /// Reads bytes for the guest; 0 when there are none now.
    func read(into segments: Ring.Segments) -> Int { 0 }
}

/// NONE: reads block, writes vanish.
final class NoneSink: Sink {
    // What vanishes is not lost: that is what NONE is for.
    override func write(_ segments: Ring.Segments, at position: UInt32) -> Outcome {
        .took(segments.count)
    }
}

/// A connection that another toolstack knows: never opens.
final class UnknownSink: Sink {
    private let word: Bytes

    init(_ word: Bytes) {
        self.word = word
    }

    override func open() throws(ChannelError) {
        throw ChannelError(.failed, "no connection is called \(word)")
    }
}

/// Calls `body` with the segments as an iovec array.
func withVector(_ segments: Ring.Segments, _ body: (UnsafeMutablePointer<iovec>, Int32) -> Int) -> Int {
    var vector = (
        iovec(iov_base: segments.first.baseAddress, iov_len: segments.first.count),
        iovec(iov_base: segments.second.baseAddress, iov_len: segments.second.count)
    )
    return withUnsafeMutableBytes(of: &vector) {
        body($0.baseAddress!.assumingMemoryBound(to: iovec.self), segments.second.isEmpty ? 1 : 2)
    }
}
