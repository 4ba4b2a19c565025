import CLibc
import CXenIO
import Channel
import XenStore

/// One channel that is served: its state, its ring and its sink.
final class Device {
    let domid: UInt32
    /// The console's number.
    let number: UInt32
    let frontend: Bytes
    let backend: Bytes
    let name: Bytes
    let connection: Connection
    let sink: Sink

    var state = DeviceState()
    var ring: Ring?
    var page: UnsafeMutableRawPointer?
    /// This end of the event channel.
    var port: evtchn_port_t?

    // Counters, in bytes.
    var fromGuest: UInt64 = 0
    var toGuest: UInt64 = 0
    var dropped: UInt64 = 0

    /// What was last written to xenstore of it may not be there.
    var mustPublish = false
    /// When to try again what failed (see `now`); nil for nothing.
    var retryAt: Int64?
    /// The sink was full: wait until it can be written.
    var isBlocked = false
    /// epoll told of the sink's data since it was last read, or the sink holds some.
    var hasInput = false
    /// The port was taken and is masked until the ring was looked at.
    var isMasked = false
    var pace = Pace()
    /// When to look at the ring again, with the port masked (see `microseconds`).
    var gatherUntil: Int64?
    /// The ring to the guest is full: wait for the guest.
    var inputIsFull = false
    /// What is polled now: of the sink's data, and of its listener.
    var polledData: (descriptor: Int32, events: UInt32)?
    var polledListener: Int32?
    /// `error` is in the backend's directory.
    var hasError = false
    /// The last error of the sink, to log it once.
    var lastFailure: Int32 = 0
    /// The last ring that could not be mapped, and why.
    var ringFailure: (RingLocation, Int32)?
    /// Lines that this device may still log until `logUntil`: a guest must not fill the disk.
    private var logBudget = 0
    private var logUntil: Int64 = 0

    init(
        domid: UInt32, number: UInt32, frontend: Bytes, backend: Bytes, name: Bytes, connection: Connection,
        sink: Sink
    ) {
        self.domid = domid
        self.number = number
        self.frontend = frontend
        self.backend = backend
        self.name = name
        self.connection = connection
        self.sink = sink
    }

    var devid: UInt32 { number - 1 }

    /// How messages name it.
    var title: Text { "domain \(domid), channel \(devid) (\(name))" }

    /// Whether one more line may be logged: 20 a minute.
    func mayLog() -> Bool {
        let time = now()
        if time >= logUntil {
            logUntil = time + 60_000
            logBudget = 20
        }
        logBudget -= 1
        return logBudget >= 0
    }
}
