import System
import Testing

struct InstantTests {
    @Test func instantsAndIntervalsAdd() {
        let instant = Instant.start + .seconds(3)
        #expect(instant + .milliseconds(5) - instant == .milliseconds(5))
        #expect(instant - (instant + .milliseconds(5)) == .microseconds(-5000))
        #expect(.start < instant)
        #expect(Interval.seconds(1) == .milliseconds(1000) && Interval.milliseconds(1) == .microseconds(1000))
        #expect(Interval.milliseconds(1) + .microseconds(1) == .microseconds(1001))
        #expect(.zero < Interval.microseconds(1))
    }

    @Test func theClockGoesOn() {
        let before = Instant.now
        let after = Instant.now
        #expect(before <= after)
        #expect(before > .start)
    }

    @Test func theFractionIsOfItsSecond() {
        #expect((Instant.start + .microseconds(3_000_007)).fraction == 7)
        #expect((0..<1_000_000).contains(Instant.now.fraction))
    }

    @Test func whatHasPassedIsNoTimeFromNow() {
        #expect((Instant.now + .seconds(-1)).fromNow == .zero)
        let left = (Instant.now + .seconds(60)).fromNow
        #expect(left > .seconds(59) && left <= .seconds(60))
    }

    /// Never shorter than it is to be: a loop that wakes too early would spin.
    @Test(arguments: [
        (0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2), (1_000_000, 1000), (-1, 0), (-5_000_000, 0),
        (Int64.max / 2, Int32.max), (2_147_483_647_000, Int32.max), (2_147_483_647_001, Int32.max),
    ] as [(Int64, Int32)])
    func pollTimeoutsAreRoundedUp(_ microseconds: Int64, _ expected: Int32) {
        #expect(Interval.microseconds(microseconds).pollTimeout == expected)
    }

    @Test func timespecsAreSecondsAndNanoseconds() {
        let time = Interval.microseconds(3_000_007).timespec
        #expect(time.tv_sec == 3 && time.tv_nsec == 7000)
    }
}
