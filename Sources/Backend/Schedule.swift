import System

/// Devices that something is to be done for later, in the order of their times.
/// Each has one time at most.
class Schedule {
    /// How many have their turn before everybody else has.
    private static var atOnce: Int { 32 }

    /// The earliest is the last.
    private var entries: [(due: Instant, device: Device)] = []

    /// When the first of them is due.
    var due: Instant? { entries.last?.due }

    /// The time at which a device is due; nil if it is not in the schedule.
    func due(_ device: Device) -> Instant? { nil }
    func setDue(_ due: Instant?, of device: Device) {}

    /// Puts a device in, unless it is there already for an earlier time.
    func add(_ device: Device, in interval: Interval) {
        let due = Instant.now + interval
        if let earlier = self.due(device), earlier <= due { return }
        setDue(due, of: device)
        entries.insert((due, device), at: entries.partitionPoint { $0.due > due })
    }

    /// Gives devices that are due to `body`, not too many.
    func forEachDue(_ body: (Device) -> Void) {
        guard !entries.isEmpty else { return }
        let now = Instant.now
        var count = 0
        while let entry = entries.last, entry.due <= now, count < Self.atOnce {
            entries.removeLast()
            // A device that was taken out has no time, or another one.
            guard due(entry.device) == entry.due else { continue }
            setDue(nil, of: entry.device)
            count += 1
            body(entry.device)
        }
    }
}

/// The devices that try again what failed.
final class Retries: Schedule {
    override func due(_ device: Device) -> Instant? { device.retryAt }
    override func setDue(_ due: Instant?, of device: Device) { device.retryAt = due }

    /// How long until it is tried again, for what bytes wait for.
    private let pause: Interval

    init(pause: Interval = .seconds(1)) {
        self.pause = pause
    }

    /// Tries again soon: bytes wait.
    func add(_ device: Device) {
        add(device, in: pause)
    }

    /// Tries again after 1 to 60 pauses, longer from failure to failure, and at
    /// other times than others that failed at the same moment.
    func addLonger(_ device: Device) {
        let factor: Int64 = min(60, 1 << Int64(min(device.failures, 6)))
        device.failures += 1
        let shortest = pause.microseconds * factor
        let spread = shortest > 0 ? Instant.now.fraction % (shortest / 4 + 1) : 0
        add(device, in: .microseconds(shortest + spread))
    }
}

/// The devices whose guests change their nodes faster than they are looked at.
final class DelayedLooks: Schedule {
    override func due(_ device: Device) -> Instant? { device.lookAt }
    override func setDue(_ due: Instant?, of device: Device) { device.lookAt = due }
}
