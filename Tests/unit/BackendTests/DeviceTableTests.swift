import Testing
import XenConsole

@testable import Backend

struct DeviceTableTests {
    @Test func devicesAreInOrder() {
        let table = DeviceTable()
        for (domid, devid) in [(5, 3), (1, 9), (UInt32.max, 0), (5, 0), (0, 7), (5, 1)] as [(UInt32, Int32)] {
            table.insert(testDevice(domid, devid))
        }
        #expect(table.devices.map(\.address.domid) == [0, 1, 5, 5, 5, .max])
        #expect(table.devices(of: 5).map(\.address.devid) == [0, 1, 3])
        #expect(table.devices(of: .max).map(\.address.devid) == [0])
        #expect(table.devices(of: 2).isEmpty && table.devices(of: .max - 1).isEmpty)
    }

    @Test func theLastDomidHasARange() {
        let table = DeviceTable()
        #expect(table.devices(of: .max).isEmpty)
        table.insert(testDevice(5))
        #expect(table.devices(of: .max).isEmpty)
        table.insert(testDevice(.max, .max - 1))
        #expect(table.devices(of: .max).count == 1)
        #expect(table[ConsoleAddress(domid: .max, devid: .max - 1)] != nil)
    }

    @Test func onlyTheSameDeviceIsRemoved() {
        let table = DeviceTable()
        let device = testDevice(5)
        table.insert(device)
        table.remove(testDevice(5))
        #expect(table.devices.count == 1)
        table.remove(device)
        table.remove(device)
        #expect(table.devices.isEmpty)
    }

    @Test func thousandsAreFoundLikeInADictionary() {
        var random = SplitMix(seed: 7)
        let table = DeviceTable()
        var model: [UInt64: Device] = [:]
        for _ in 0..<6000 {
            let address = ConsoleAddress(domid: .random(in: 0..<40, using: &random), devid: .random(in: 0..<200, using: &random))
            if let known = model[address.key] {
                #expect(table[address] === known)
                if Bool.random(using: &random) {
                    table.remove(known)
                    model[address.key] = nil
                }
            } else {
                #expect(table[address] == nil)
                let device = testDevice(address.domid, address.devid)
                table.insert(device)
                model[address.key] = device
            }
        }
        #expect(table.devices.count == model.count && model.count > 1000)
        #expect(table.devices.map(\.address.key) == model.keys.sorted())
        for domid in 0..<41 as Range<UInt32> {
            let keys = model.keys.filter { $0 >> 32 == UInt64(domid) }.sorted()
            #expect(table.devices(of: domid).map(\.address.key) == keys)
        }
    }

    @Test func keysAreAddresses() {
        for address in [ConsoleAddress(domid: 0, devid: 0), ConsoleAddress(domid: .max, devid: .max - 1)] {
            #expect(ConsoleAddress(key: address.key) == address)
        }
    }
}

/// Random numbers that are the same each time.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

struct ChangedConsolesTests {
    private func address(_ number: UInt32) -> ConsoleAddress { ConsoleAddress(domid: number / 10, devid: Int32(number % 10)) }

    @Test func eachIsTakenOnce() {
        var changed = ChangedConsoles()
        #expect(changed.isEmpty && changed.take(atMost: 9).isEmpty)
        for number: UInt32 in [3, 1, 3, 2, 1] { changed.insert(address(number)) }
        #expect(changed.take(atMost: 9) == [address(1), address(2), address(3)])
        #expect(changed.isEmpty)
    }

    @Test func theyAreTakenRoundAndRound() {
        var changed = ChangedConsoles()
        for number in 0..<5 as Range<UInt32> { changed.insert(address(number)) }
        #expect(changed.take(atMost: 2) == [address(0), address(1)])
        changed.insert(address(0))
        changed.insert(address(1))
        #expect(changed.take(atMost: 2) == [address(2), address(3)])
        #expect(changed.take(atMost: 2) == [address(4), address(0)])
        #expect(changed.take(atMost: 2) == [address(1)])
    }

    @Test func oneWithoutEndDoesNotKeepTheOthers() {
        var changed = ChangedConsoles()
        let noisy = [address(500), address(0), ConsoleAddress(domid: .max, devid: .max - 1)]
        for number in 0..<1000 as Range<UInt32> { changed.insert(address(number)) }
        var seen: Set<UInt64> = []
        for _ in 0..<(1003 / 4 + 2) {
            for address in noisy { changed.insert(address) }
            for address in changed.take(atMost: 4) { seen.insert(address.key) }
        }
        #expect(seen.count == 1001)
    }

    @Test func theyAreAsInASet() {
        var random = SplitMix(seed: 11)
        var changed = ChangedConsoles()
        var model: Set<UInt64> = []
        var cursor: UInt64 = 0
        for _ in 0..<3000 {
            for _ in 0..<Int.random(in: 0..<4, using: &random) {
                let address = address(.random(in: 0..<60, using: &random))
                changed.insert(address)
                model.insert(address.key)
            }
            let limit = Int.random(in: 0..<5, using: &random)
            let order = model.filter { $0 >= cursor }.sorted() + model.filter { $0 < cursor }.sorted()
            let expected = Array(order.prefix(limit))
            #expect(changed.take(atMost: limit).map(\.key) == expected)
            model.subtract(expected)
            cursor = expected.last.map { $0 + 1 } ?? cursor
            #expect(changed.isEmpty == model.isEmpty)
        }
    }
}
