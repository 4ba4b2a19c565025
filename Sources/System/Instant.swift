import CLibc

/// A moment of the monotonic clock.
public struct Instant: Sendable, Comparable {
    @usableFromInline
    let microseconds: Int64

    private init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    public static var now: Instant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }

    /// The moment at which the clock began; for tests of pure code, which choose their own time.
    public static var start: Instant { Instant(microseconds: 0) }

    @inlinable
    public static func < (a: Instant, b: Instant) -> Bool {
        a.microseconds < b.microseconds
    }

    public static func + (instant: Instant, interval: Interval) -> Instant {
        Instant(microseconds: instant.microseconds + interval.microseconds)
    }

    public static func - (a: Instant, b: Instant) -> Interval {
        .microseconds(a.microseconds - b.microseconds)
    }

    /// The microseconds of the last second: different from thread to thread, and each time.
    public var fraction: Int64 { microseconds % 1_000_000 }

    /// The earlier of two moments, of which either may be none.
    @inlinable
    public static func earliest(_ a: Instant?, _ b: Instant?) -> Instant? {
        guard let a else { return b }
        guard let b else { return a }
        return a < b ? a : b
    }

    /// As functions of the C library take it that wait until a moment of CLOCK_MONOTONIC.
    public var asTimespec: timespec { Interval.microseconds(microseconds).timespec }

    /// How long it is until this moment; nothing when it has passed.
    public var fromNow: Interval { max(.zero, self - .now) }
}

/// A length of time.
public struct Interval: Sendable, Comparable {
    public let microseconds: Int64

    private init(_ microseconds: Int64) {
        self.microseconds = microseconds
    }

    public static func microseconds(_ number: Int64) -> Interval { Interval(number) }
    public static func milliseconds(_ number: Int64) -> Interval { Interval(number * 1000) }
    public static func seconds(_ number: Int64) -> Interval { Interval(number * 1_000_000) }
    public static var zero: Interval { Interval(0) }

    /// In whole milliseconds, as poll(2) takes them: at least as long, and never negative.
    public var pollTimeout: Int32 { Int32(clamping: max(0, (microseconds + 999) / 1000)) }

    public var timespec: timespec {
        CLibc.timespec(tv_sec: Int(microseconds / 1_000_000), tv_nsec: Int(microseconds % 1_000_000) * 1000)
    }

    public static func + (a: Interval, b: Interval) -> Interval {
        Interval(a.microseconds + b.microseconds)
    }

    public static func < (a: Interval, b: Interval) -> Bool {
        a.microseconds < b.microseconds
    }
}
