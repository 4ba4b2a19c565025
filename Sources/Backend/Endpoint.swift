import CXenIO
import Channel
import System
import XenConsole

/// Where a channel's bytes go to and come from in the backend domain.
///
/// One subclass for each connection. An endpoint owns its descriptors and what
/// happens when one of them is ready: it calls `wake`.
class Endpoint {
    enum Outcome: Equatable {
        /// So many bytes were delivered.
        case took(Int)
        /// So many bytes were thrown away, with nobody there to take them.
        case dropped(Int)
        /// It is full; once it is not, it wakes.
        case blocked
        /// It failed, and is to be tried again later.
        case failed(Errno)
    }

    /// What an endpoint says when it wakes its device.
    enum Wake {
        /// Something changed; it may take bytes, or somebody has come or gone.
        case changed
        /// It may also have bytes for the guest.
        case hasInput
    }

    /// Tells the endpoint's device that something happened.
    var wake: (Wake) -> Void = { _ in }

    /// Whether bytes may still come.
    var canRead: Bool { false }
    /// Whether some of them are here already, of which no descriptor tells.
    var holdsInput: Bool { false }
    /// A client waits that cannot be accepted now, for want of descriptors.
    var clientMustWait: Bool { false }
    /// The terminal to publish.
    var terminal: Bytes? { nil }
    /// Whether somebody is at the other end, where that can be told.
    var hasClient: Bool { false }

    /// Opens the endpoint; what was opened is closed again on error.
    func open() throws(ChannelError) {}
    /// Closes it, and removes what `open` made, but for files.
    func close() {}
    /// SIGHUP: files may have been moved away.
    func reopen() throws(ChannelError) {}
    /// Says what to wake for: space to write, and bytes to read.
    func poll(forSpace: Bool, forInput: Bool) throws(Errno) {}

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
final class NoneEndpoint: Endpoint {
    // What vanishes is not lost: that is what NONE is for.
    override func write(_ segments: Ring.Segments, at position: UInt32) -> Outcome {
        .took(segments.count)
    }
}

/// A connection that cannot be served: never opens.
final class ImpossibleEndpoint: Endpoint {
    private let cause: Text

    init(_ cause: Text) {
        self.cause = cause
    }

    override func open() throws(ChannelError) {
        throw ChannelError(.failed, cause)
    }
}

/// What endpoints are made with.
struct Endpoints {
    let poller: Poller
    let terminals: TerminalWatch
    let journal: Journal

    func endpoint(for description: DeviceDescription, of address: ConsoleAddress) -> Endpoint {
        switch description.connection {
        case nil: ImpossibleEndpoint("the channel has no path")
        case .unknown?: ImpossibleEndpoint("no connection is called \(description.word)")
        case Connection.none?: NoneEndpoint()
        case .pty?: PTYEndpoint(poller, terminals)
        case .path(let path)?: FileEndpoint(path, journal, address)
        case .socket(let path)?: SocketEndpoint(path, poller, journal, address)
        }
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
