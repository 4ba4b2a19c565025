import System

extension Device {
    /// What came of moving bytes from the guest.
    enum Progress: Equatable {
        /// There is nothing more now, or no place for it.
        case paused
        /// There may be more.
        case unfinished
        case failed(Errno)
    }

    /// How many times one device may empty its ring before others have their turn.
    private static var rounds: Int { 16 }

    /// Delivers what the guest has written.
    ///
    /// The guest is told only if it may wait for space: an interrupt for every
    /// few bytes that it writes would take more of its time than the writing.
    func moveFromGuest(_ mapped: MappedRing) throws(Ring.Impossible) -> Progress {
        var moved = false
        let start = mapped.ring.outConsumed
        defer { if moved, mapped.ring.mayAwaitSpace(from: start) { mapped.notify() } }
        isBlocked = false
        for _ in 0..<Self.rounds {
            let segments = try mapped.ring.readable()
            guard segments.count > 0 else { return .paused }
            switch endpoint.write(segments, at: mapped.ring.outConsumed) {
            case .took(let count):
                mapped.ring.consume(count)
                endpoint.consumed()
                fromGuest += UInt64(count)
                lastFailure = nil
                moved = true
            case .dropped(let count):
                mapped.ring.consume(count)
                dropped += UInt64(count)
                moved = true
            case .blocked:
                isBlocked = true
                return .paused
            case .failed(let error):
                return .failed(error)
            }
        }
        return .unfinished
    }

    /// Gives the guest what the endpoint has; true when the ring is full.
    func moveToGuest(_ mapped: MappedRing) throws(Ring.Impossible) -> Bool {
        var moved = false
        defer { if moved { mapped.notify() } }
        // A guest that reads as fast as bytes come must not starve the others; the
        // endpoint wakes for the rest.
        for _ in 0..<Self.rounds {
            guard endpoint.canRead else { return false }
            let segments = try mapped.ring.writable()
            guard segments.count > 0 else { return true }
            let count = endpoint.read(into: segments)
            guard count > 0 else { return false }
            mapped.ring.produce(count)
            toGuest += UInt64(count)
            pace.sent()
            moved = true
        }
        return false
    }
}
