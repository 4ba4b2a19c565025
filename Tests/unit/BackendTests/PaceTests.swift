import System
import Testing

@testable import Backend

extension Instant {
    /// So many microseconds after the clock began.
    fileprivate static func at(_ microseconds: Int64) -> Instant { start + .microseconds(microseconds) }
}

struct PaceTests {
    private let period = Pace.emptyPeriod.microseconds

    /// What the last of a row of takings gives: (bytes, microseconds after the one before).
    private func last(_ takings: [(Int, Int64)]) -> Int64? {
        var pace = Pace()
        var time = Instant.at(1_000_000)
        var duration: Interval?
        for (count, elapsed) in takings {
            time = time + .microseconds(elapsed)
            duration = pace.took(count, at: time)
        }
        return duration?.microseconds
    }

    @Test func theFirstBytesAreNoStream() {
        #expect(last([(256, 0)]) == nil)
        #expect(last([(2048, 0)]) == nil)
    }

    @Test func aStreamGathersForTheTimeOf768Bytes() {
        #expect(last([(256, 0), (256, 500)]) == 1500)
        #expect(last([(256, 0), (256, 500), (1024, 2000)]) == 1500)
        #expect(last([(100, 0), (512, 100)]) == 150)
    }

    @Test func noByteWaitsForLong() {
        #expect(last([(256, 0), (256, 2_000)]) == Pace.longest.microseconds)
        #expect(last([(256, 0), (256, 4_000)]) == Pace.longest.microseconds)
    }

    @Test func aLineNowAndThenIsNoStream() {
        #expect(last([(80, 0), (80, 2_000)]) == nil)
        #expect(last([(256, 0), (256, 5_000)]) == nil)
        #expect(last([(2000, 0), (2000, 1_000_000)]) == nil)
    }

    @Test func aFastGuestIsReadAtOnce() {
        #expect(last([(256, 0), (256, 20)]) == nil)
        #expect(last([(2000, 0), (2000, 150)]) == nil)
        #expect(last([(256, 0), (256, 0)]) == nil)
    }

    @Test func aGuestThatFilledTheRingIsReadAtOnce() {
        #expect(last([(2048, 0), (2048, 2_000)]) == nil)
        #expect(last([(256, 0), (2048, 2_000), (256, 500)]) == nil)
        #expect(last([(256, 0), (1536, 2_000)]) == 1_000)
    }

    @Test func aGuestThatFillsTheRingQuicklyIsReadAtOnceForAWhile() {
        let fills: [(Int, Int64)] = [(512, 0), (2048, 900)]
        #expect(last(fills + [(256, 2_000), (256, 500)]) == nil)
        #expect(last(fills + [(256, 49_000), (256, 500)]) == nil)
        #expect(last(fills + [(256, 50_000), (256, 500)]) == 1_500)
        #expect(last([(512, 0), (2048, 1_000), (256, 2_000), (256, 500)]) == 1_500)
    }

    @Test func nothingEndsAStream() {
        #expect(last([(256, 0), (256, 500), (0, 2000)]) == nil)
        #expect(last([(256, 0), (256, 500), (0, 2000), (256, 500)]) == nil)
    }

    @Test func anAnswerIsReadAtOnce() {
        var pace = Pace()
        #expect(pace.took(256, at: .at(1_000)) == nil)
        pace.sent()
        #expect(pace.took(256, at: .at(1_500)) == nil)
        #expect(pace.took(256, at: .at(2_000)) == .microseconds(1_500))
    }

    /// What a row of notifications of nothing gives, so many microseconds apart.
    private func empty(_ pace: inout Pace, _ count: Int, from start: Int64, every step: Int64) -> [Int64?] {
        (0..<count).map { pace.foundNothing(at: .at(start + Int64($0) * step))?.microseconds }
    }

    @Test func notificationsOfNothingAreLimited() {
        var pace = Pace()
        let first = empty(&pace, 30, from: 5_000_000, every: 10)
        #expect(first.dropLast().allSatisfy { $0 == nil })
        #expect(first.last == period - 290)
        // And so for each period.
        let second = empty(&pace, 30, from: 5_000_000 + period, every: 10)
        #expect(second.dropLast().allSatisfy { $0 == nil })
        #expect(second.last == period - 290)
    }

    @Test func nowAndThenANotificationMayBeOfNothing() {
        var pace = Pace()
        #expect(empty(&pace, 1000, from: 1, every: period / 29 + 1).allSatisfy { $0 == nil })
    }

    @Test func bytesLetNotificationsBeOfNothingAgain() {
        var pace = Pace()
        for round in 0..<10 as Range<Int64> {
            #expect(empty(&pace, 29, from: 1_000 + round * 100, every: 1).allSatisfy { $0 == nil })
            if round % 2 == 0 { pace.sent() } else { _ = pace.took(1, at: .at(1_050 + round * 100)) }
        }
    }
}
