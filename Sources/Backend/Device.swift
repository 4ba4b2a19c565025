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

    /// Whether one more line of it may be logged.
    func mayLog() -> Bool {
        logBudget.allows(at: .now)
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

/// How much one source may log: 20 lines a minute. A guest must not fill the disk.
struct LogBudget {
    private var left = 0
    private var until = Instant.start

    mutating func allows(at now: Instant) -> Bool {
        if now >= until {
            until = now + .seconds(60)
            left = 20
        }
        left -= 1
        return left >= 0
    }
}
