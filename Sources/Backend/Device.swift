import Channel
import System
import XenConsole

/// One channel that is served: its state, its ring and its endpoint.
final class Device {
    let address: ConsoleAddress
    let frontend: Bytes
    let backend: Bytes
    let description: DeviceDescription
    let endpoint: Endpoint

    var state = DeviceState()
    /// The guest's ring while it is connected.
    var ring: MappedRing?

    // Counters, in bytes.
    var fromGuest: UInt64 = 0
    var toGuest: UInt64 = 0
    var dropped: UInt64 = 0

    /// How many of its nodes are about to be written; until they are, what was
    /// read of it is out of date.
    var unpublished = 0
    /// What was last written to xenstore of it may not be there.
    var mustPublish = false
    /// What `error` says in the backend's directory.
    var publishedError: Bytes?
    /// When to try again what failed; nil for nothing.
    var retryAt: Instant?
    /// How often in a row its endpoint or its ring could not be opened.
    var failures = 0
    /// When to look at what its guest changed too often; nil for nothing.
    var lookAt: Instant?
    var lookPace = LookPace()

    /// It is among the ready devices, and this one comes after it.
    var isReady = false
    var nextReady: Device?
    /// The endpoint was full: wait until it can be written.
    var isBlocked = false
    /// The endpoint may have bytes for the guest.
    var hasInput = false
    /// The ring to the guest is full: wait for the guest.
    var inputIsFull = false
    var pace = Pace()

    /// The last error of the endpoint, to log it once.
    var lastFailure: Errno?
    /// The last ring that could not be mapped, and why.
    var ringFailure: MappedRing.Failure?
    private var logBudget = LogBudget()

    init(_ address: ConsoleAddress, backendDomid: UInt32, _ description: DeviceDescription, _ endpoint: Endpoint) {
        self.address = address
        self.description = description
        self.endpoint = endpoint
        frontend = address.frontend
        backend = address.backend(in: backendDomid)
    }

    /// How messages name it.
    var title: Text {
        "domain \(address.domid): \(channelTitle(name: description.name, devid: address.devid))"
    }

    /// Whether one more line of it may be logged; see `Log.error`.
    func mayLog() -> Bool {
        logBudget.allows(at: .now)
    }
}

/// How often a guest's changes of its own nodes are looked at: the first ones
/// at once, then some dozens a second. What the toolstack changes does not count.
struct LookPace {
    /// How many come at once, and the time of each after that.
    private static var burst: Int64 { 12 }
    private static var interval: Interval { .milliseconds(25) }

    /// When all looks so far are paid for.
    private var paidAt = Instant.start

    /// How long to wait before the next look; nil to look now, which counts.
    mutating func delay(at now: Instant) -> Interval? {
        let earliest = paidAt - now
        let allowed = Interval.microseconds(Self.interval.microseconds * Self.burst)
        guard earliest <= allowed else { return Self.interval }
        paidAt = max(paidAt, now) + Self.interval
        return nil
    }
}

/// What makes a device the one that it is: all but the first are the toolstack's
/// and do not change.
struct DeviceDescription: Equatable {
    var name: Bytes
    /// nil: its path is not there.
    var connection: Connection?
    /// The connection's word, which tells also those that are not known.
    var word: Bytes
}

/// How much one source may log in a minute. A guest must not fill the disk.
struct LogBudget {
    private let limit: Int
    private var left = 0
    private var until = Instant.start

    init(_ limit: Int = 20) {
        self.limit = limit
    }

    mutating func allows(at now: Instant) -> Bool {
        if now >= until {
            until = now + .seconds(60)
            left = limit
        }
        left -= 1
        return left >= 0
    }
}
