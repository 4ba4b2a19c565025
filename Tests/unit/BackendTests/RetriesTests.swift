import System
import Testing

@testable import Backend

struct RetriesTests {
    private let devices = (1...100).map { testDevice(UInt32($0)) }

    private func domids(_ devices: [Device]) -> [UInt32] { devices.map(\.address.domid) }

    @Test func nobodyIsDueBeforeThePause() {
        let retries = Retries(pause: .seconds(60))
        #expect(retries.due == nil && retries.takeDue().isEmpty)
        let before = Instant.now
        retries.add(devices[0])
        #expect(retries.takeDue().isEmpty)
        #expect(retries.due! >= before + .seconds(60) && retries.due! <= .now + .seconds(60))
        #expect(Retries().due == nil)
    }

    @Test func theyComeInTheOrderOfTheirTimesAndNotTooManyAtOnce() {
        let retries = Retries(pause: .zero)
        for device in devices { retries.add(device) }
        #expect(domids(retries.takeDue()) == Array(1...32))
        #expect(retries.due! <= .now, "the others are due")
        #expect(domids(retries.takeDue()) == Array(33...64))
        #expect(domids(retries.takeDue()) == Array(65...96))
        #expect(domids(retries.takeDue()) == Array(97...100))
        #expect(retries.due == nil && retries.takeDue().isEmpty)
    }

    @Test func eachWaitsOnce() {
        let retries = Retries(pause: .zero)
        for _ in 0..<3 { retries.add(devices[0]) }
        #expect(retries.takeDue().count == 1 && retries.takeDue().isEmpty)
        retries.add(devices[0])
        #expect(retries.takeDue().count == 1, "and again when it was taken")
    }

    @Test func whoeverWaitsAlreadyWaitsNoLonger() {
        let retries = Retries(pause: .milliseconds(5))
        retries.add(devices[0])
        let due = retries.due
        pause(.milliseconds(2))
        retries.add(devices[0])
        #expect(retries.due == due && devices[0].retryAt == due)
    }

    @Test func whoIsForgottenIsPassedOver() {
        let retries = Retries(pause: .zero)
        for device in devices.prefix(3) { retries.add(device) }
        devices[1].retryAt = nil
        #expect(domids(retries.takeDue()) == [1, 3])
        // And one that is added again comes once.
        retries.add(devices[1])
        devices[1].retryAt = nil
        pause(.microseconds(10))
        retries.add(devices[1])
        #expect(domids(retries.takeDue()) == [2])
        #expect(retries.takeDue().isEmpty && retries.due == nil)
    }

    @Test func forgottenOnesTakeNobodysPlace() {
        let retries = Retries(pause: .zero)
        for device in devices { retries.add(device) }
        for device in devices.prefix(60) { device.retryAt = nil }
        #expect(domids(retries.takeDue()) == Array(61...92))
    }
}

struct ReadyDevicesTests {
    @Test func eachIsThereOnce() {
        let ready = ReadyDevices()
        let (first, second) = (testDevice(1), testDevice(2))
        #expect(ready.isEmpty && ready.take().isEmpty)
        for device in [first, second, first] { ready.add(device) }
        #expect(ready.take().map(\.address.domid) == [1, 2])
        #expect(ready.isEmpty && !first.isReady)
        ready.add(first)
        #expect(ready.take().count == 1)
    }
}

struct LogBudgetTests {
    @Test func twentyLinesAMinuteAreLogged() {
        var budget = LogBudget()
        func allows(_ time: Instant) -> Bool { budget.allows(at: time) }
        let start = Instant.start + .seconds(1000)
        for round in 0..<3 as Range<Int64> {
            let time = start + .seconds(60 * round)
            #expect((0..<20).allSatisfy { allows(time + .seconds($0)) })
            #expect(!(0..<1000).contains { allows(time + .milliseconds(59_000 + $0 % 999)) })
        }
        #expect(allows(start + .seconds(180)))
    }

    @Test func aMinuteBeginsWithItsFirstLine() {
        var budget = LogBudget()
        func allows(_ time: Instant) -> Bool { budget.allows(at: time) }
        let start = Instant.start + .seconds(100)
        #expect(allows(start))
        for _ in 0..<19 { #expect(allows(start + .seconds(59))) }
        #expect(!allows(start + .microseconds(59_999_999)))
        #expect(allows(start + .seconds(60)))
    }
}
