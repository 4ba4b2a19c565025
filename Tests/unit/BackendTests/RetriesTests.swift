import System
import Testing

@testable import Backend

extension Retries {
    fileprivate func takeDue() -> [Device] {
        var taken: [Device] = []
        forEachDue { taken.append($0) }
        return taken
    }
}

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
    private let ready = ReadyDevices()
    private let devices = (1...4).map { testDevice(UInt32($0)) }

    private func turn(_ body: (Device) -> Void = { _ in }) -> [UInt32] {
        var seen: [UInt32] = []
        ready.forEach {
            seen.append($0.address.domid)
            body($0)
        }
        return seen
    }

    @Test func eachHasOneTurn() {
        #expect(ready.isEmpty && turn().isEmpty)
        for index in [0, 1, 0, 2, 1] { ready.add(devices[index]) }
        #expect(!ready.isEmpty)
        #expect(turn() == [1, 2, 3])
        #expect(ready.isEmpty && devices.allSatisfy { !$0.isReady && $0.nextReady == nil })
    }

    @Test func whoIsAddedInItsTurnOrAfterItWaitsForTheNext() {
        for device in devices.prefix(3) { ready.add(device) }
        let first = turn { device in
            // Itself, the first, the last, and one that was not there.
            for other in [device, devices[0], devices[2], devices[3]] { ready.add(other) }
        }
        #expect(first == [1, 2, 3])
        #expect(turn() == [1, 4, 2, 3])
        #expect(ready.isEmpty && turn().isEmpty)
    }

    @Test func turnsGoOnWithoutEnd() {
        var random = SplitMix(seed: 5)
        var model: [UInt32] = []
        for _ in 0..<500 {
            for _ in 0..<3 {
                let device = devices.randomElement(using: &random)!
                if !model.contains(device.address.domid) { model.append(device.address.domid) }
                ready.add(device)
            }
            var later: [UInt32] = []
            var left = model
            let seen = turn { device in
                left.removeFirst()
                let other = devices.randomElement(using: &random)!
                if !left.contains(other.address.domid), !later.contains(other.address.domid) { later.append(other.address.domid) }
                ready.add(other)
            }
            #expect(seen == model)
            model = later
        }
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
