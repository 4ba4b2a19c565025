import System

/// The devices that try again later what failed, in the order of their times.
final class Retries {
    /// How long until it is tried again.
    private let pause: Interval
    /// How many try again before everybody else has a turn.
    private static var atOnce: Int { 32 }

    /// The earliest is the last.
    private var entries: [(due: Instant, device: Device)] = []

    init(pause: Interval = .seconds(1)) {
        self.pause = pause
    }

    /// When the first of them is due.
    var due: Instant? { entries.last?.due }

    /// Tries again after the pause; a device that waits already does so for that long.
    func add(_ device: Device) {
        guard device.retryAt == nil else { return }
        let due = Instant.now + pause
        device.retryAt = due
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].due > due { low = middle + 1 } else { high = middle }
        }
        entries.insert((due, device), at: low)
    }

    /// Gives devices that are due to `body`, not too many.
    func forEachDue(_ body: (Device) -> Void) {
        guard !entries.isEmpty else { return }
        let now = Instant.now
        var count = 0
        while let entry = entries.last, entry.due <= now, count < Self.atOnce {
            entries.removeLast()
            // A device that no longer needs it has no time, or a new one.
            guard entry.device.retryAt == entry.due else { continue }
            entry.device.retryAt = nil
            count += 1
            body(entry.device)
        }
    }
}
