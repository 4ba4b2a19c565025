import Channel
import System

/// Lets ready devices move their bytes, each for a bounded time, and chooses
/// when to look at a ring again.
final class Pump {
    private let log: Log
    private let ready: ReadyDevices
    private let retries: Retries
    private let actions: DeviceActions
    /// The devices that let bytes accumulate; see `Pace`.
    private var gathering: [Device] = []

    init(_ log: Log, _ ready: ReadyDevices, _ retries: Retries, _ actions: DeviceActions) {
        self.log = log
        self.ready = ready
        self.retries = retries
        self.actions = actions
    }

    /// When a ring is to be looked at, if nothing happens before.
    var due: Instant? {
        var due: Instant?
        for device in gathering {
            due = Instant.earliest(due, device.ring?.gatherUntil)
        }
        return due
    }

    /// Lets every ready device have its turn.
    func run() {
        lookAtGathered()
        ready.forEach { device in
            if let ring = device.ring {
                do throws(Ring.Impossible) {
                    try move(device, ring)
                } catch {
                    log.error(of: device, "the guest's ring indices are impossible")
                    actions.step(device, .ringBroken)
                }
            }
            poll(device)
        }
    }

    private func move(_ device: Device, _ ring: MappedRing) throws(Ring.Impossible) {
        let start = ring.ring.outConsumed
        let progress = try device.moveFromGuest(ring)
        let count = Int(ring.ring.outConsumed &- start)
        // A reading that finds nothing would cost a system call with each event of the guest's.
        if device.hasInput || device.inputIsFull {
            let isFull = try device.moveToGuest(ring)
            device.inputIsFull = isFull
            device.hasInput = device.endpoint.holdsInput
            if device.hasInput, !isFull { ready.add(device) }
        }
        switch progress {
        case .unfinished: return ready.add(device)
        case .paused: break
        case .failed(let error): fail(device, error)
        }
        if !gather(device, ring, after: count) { ring.unmask() }
    }

    private func fail(_ device: Device, _ error: Errno) {
        if error != device.lastFailure { log.error(of: device, "cannot write: \(error); trying again each second") }
        device.lastFailure = error
        retries.add(device)
    }

    /// Says what the endpoint is to wake for.
    private func poll(_ device: Device) {
        do throws(Errno) {
            try device.endpoint.poll(
                forSpace: device.isBlocked, forInput: device.ring != nil && !device.inputIsFull)
        } catch {
            log.error(of: device, "cannot poll: \(error); trying again each second")
            retries.add(device)
        }
        if device.endpoint.clientMustWait { retries.add(device) }
    }

    /// Leaves a port masked while more accumulates in its ring, of which `count`
    /// bytes were taken; false when it is to be unmasked, or when something
    /// else is waited for. So is that of a guest that notifies of nothing without end.
    private func gather(_ device: Device, _ ring: MappedRing, after count: Int) -> Bool {
        let isNothing = count == 0 && ring.isMasked
        let duration = isNothing ? foundNothing(device, ring) : device.pace.took(count, at: .now)
        guard let duration, ring.isMasked, isNothing || !device.isBlocked && !device.inputIsFull else { return false }
        if ring.gatherUntil == nil { gathering.append(device) }
        ring.gatherUntil = .now + duration
        return true
    }

    /// For how long to leave the port masked of a guest that notified of nothing; nil for not at all.
    private func foundNothing(_ device: Device, _ ring: MappedRing) -> Interval? {
        if ring.ring.wasRead() {
            device.pace.sent()
            return nil
        }
        return device.pace.foundNothing(at: .now)
    }

    /// Looks at the rings in which enough should have accumulated.
    private func lookAtGathered() {
        guard !gathering.isEmpty else { return }
        let time = Instant.now
        gathering.removeAll { device in
            guard let due = device.ring?.gatherUntil else { return true }
            guard due <= time else { return false }
            device.ring?.gatherUntil = nil
            ready.add(device)
            return true
        }
    }
}
