// How fast a guest writes, as a pure value: when to look at its ring again.
import System

/// The pace of a guest's writing, by which its backend chooses between being
/// notified of the next bytes and letting more of them accumulate.
///
/// A guest notifies with every few bytes (Linux: 256), and each notification
/// costs both ends an interrupt, and whoever reads the channel a wake-up. So
/// while a guest streams, its event channel stays masked, and its ring is
/// looked at again when `aim` bytes should be there. A guest that fills it at
/// once would have to wait for us, and one that writes a line now and then,
/// or answers what it was sent, may be waited for: these are read at once.
///
/// Notifications of nothing are few with an honest guest, which notifies when it
/// wrote or has read something. One that does so without end is looked at now
/// and then.
struct Pace {
    /// Bytes accumulate for no longer than this.
    static var longest: Interval { .milliseconds(4) }
    /// How many bytes to let accumulate. When they come late, or we do, the rest of
    /// the ring keeps the guest from having to wait.
    static var aim: Int64 { Int64(Ring.outSize * 3 / 8) }
    /// A time as short as this is not worth a timer.
    private static var shortest: Interval { .microseconds(100) }
    /// Fewer bytes than this, in the longest time, are no stream.
    private static var leastBytes: Int64 { 256 }

    /// A guest that fills the ring in less time than this is fast,
    private static var fast: Interval { .milliseconds(1) }
    /// and is read at once for so long.
    private static var haste: Interval { .milliseconds(50) }

    /// So many notifications in a row may be of nothing, within so long a time.
    static var emptyLimit: Int { 30 }
    static var emptyPeriod: Interval { .milliseconds(200) }

    /// How many notifications in a row were of nothing, and when the first of them was.
    private var emptyCount = 0
    private var emptySince = Instant.start
    /// When bytes were last taken, if more of the same may follow.
    private var lastTaken: Instant?
    /// Until when the guest is read at once.
    private var hastyUntil = Instant.start

    /// The guest was sent something, or has read of it: what it writes next may be awaited.
    mutating func sent() {
        lastTaken = nil
        emptyCount = 0
    }

    /// The guest notified, and there was nothing, nor has it read anything; for
    /// how long not to be notified, nil for not at all.
    mutating func foundNothing(at time: @autoclosure () -> Instant) -> Interval? {
        lastTaken = nil
        emptyCount += 1
        guard emptyCount == 1 || emptyCount >= Self.emptyLimit else { return nil }
        let time = time()
        let left = emptySince + Self.emptyPeriod - time
        if emptyCount > 1, left > .zero { return left }
        emptyCount = 1
        emptySince = time
        return nil
    }

    /// The ring was emptied of `count` bytes at `time`; for how
    /// long to let more accumulate, nil for not at all.
    mutating func took(_ count: Int, at time: @autoclosure () -> Instant) -> Interval? {
        guard count > 0 else {
            lastTaken = nil
            return nil
        }
        emptyCount = 0
        let time = time()
        let isFull = count >= Ring.outSize
        let before = lastTaken
        // With a full ring the guest waited, so it is not to wait again.
        lastTaken = isFull ? nil : time
        guard let before, time > before else { return nil }
        let elapsed = time - before
        if isFull, elapsed < Self.fast { hastyUntil = time + Self.haste }
        guard !isFull, time >= hastyUntil else { return nil }
        guard Int64(count) * Self.longest.microseconds >= elapsed.microseconds * Self.leastBytes else { return nil }
        let fill = Interval.microseconds(elapsed.microseconds * Self.aim / Int64(count))
        return fill < Self.shortest ? nil : min(fill, Self.longest)
    }
}
