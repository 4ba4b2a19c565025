import Channel
import Testing
import XenConsole

@testable import Toolstack

struct DevidTests {
    @Test func theLowestFreeOneIsTaken() {
        #expect(lowestFreeDevid([]) == 0)
        #expect(lowestFreeDevid([0, 1, 2]) == 2)
        #expect(lowestFreeDevid([1, 3]) == 1)
        #expect(lowestFreeDevid([5_000_000, UInt32.max]) == 0)
    }

    @Test func consolesThatEndIn0AreLeftOut() {
        var consoles: [UInt32] = []
        var devids: [Int32] = []
        for _ in 0..<30 {
            let devid = lowestFreeDevid(consoles)
            devids.append(devid)
            consoles.append(UInt32(devid) + 1)
        }
        #expect(devids == Array(0...8) + Array(10...18) + Array(20...28) + Array(30...32))
    }

    @Test func consoleNumbersAreDecimalAndNotZero() {
        #expect(ConsoleAddress(domid: 1, entry: "3")?.devid == 2)
        for entry: Bytes in ["0", "", "-1", "03", "3x", "2147483648", "99999999999999999999"] {
            #expect(ConsoleAddress(domid: 1, entry: entry) == nil)
        }
    }

    @Test func backendPaths() {
        #expect(ConsoleAddress.domid(ofBackend: "/local/domain/12/backend/console/1/1") == 12)
        for path: Bytes in ["", "/local/domain/", "/local/domain/x/", "/local/domain/4294967296/a", "/a/1"] {
            #expect(ConsoleAddress.domid(ofBackend: path) == nil)
        }
    }

    @Test(arguments: [
        (nil, -1), ("8", 8), ("", 0), ("x", 0), (" \t7z", 7), ("-1", -1), ("+5", 5),
        ("4294967295", -1), ("4294967297", 1), ("18446744073709551615", -1), ("99999999999999999999", -1),
    ] as [(String?, Int32)])
    func guestsNumbersAreReadAsByStrtoul(_ text: String?, _ number: Int32) {
        #expect(leadingNumber(text.map { Bytes($0.utf8) }) == number)
    }
}
