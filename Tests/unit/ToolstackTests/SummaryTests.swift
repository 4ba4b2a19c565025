import Channel
import Testing
import XenConsole
import XenStore

@testable import Toolstack

struct SummaryTests {
    @Test(arguments: [
        (Connection.none, "none\n0\na name"), (.pty, "pty\n0\na name"),
        (.path("/log"), "path\n0\na name\n/log"), (.socket("/a b"), "socket\n0\na name\n/a b"),
    ] as [(Connection, String)])
    func aSummaryTellsTheChannel(_ connection: Connection, _ text: String) {
        let channel = Channel(devid: 3, name: "a name", backendDomid: 0, connection: connection)
        #expect(channel.summary == Bytes(text.utf8))
        #expect(Channel(devid: 3, summary: channel.summary) == channel)
    }

    @Test func wordsOfOthersAreUnknown() {
        let channel = Channel(devid: 0, summary: "vsock\n7\nname\n12")
        #expect(channel == Channel(devid: 0, name: "name", backendDomid: 7, connection: .unknown))
    }

    @Test(arguments: ["", "pty", "pty\n0", "pty\n\nname", "pty\n-1\nname", "pty\n4294967296\nname", "socket\n0\nname"])
    func otherTextsAreNone(_ text: String) {
        #expect(Channel(devid: 0, summary: Bytes(text.utf8)) == nil)
    }

    @Test func theLongestFitsOneMessage() throws {
        let path = Bytes([UInt8](repeating: 0x2f, count: ChannelRequest.longestFilePath))
        let request = try ChannelRequest(
            devid: Int32.max - 1, name: Bytes([UInt8](repeating: 0x78, count: ChannelRequest.longestName)),
            backend: .domid(.max), kind: .path, path: path)
        var batch = Batch()
        NewDevice(
            plan: ChannelPlan(request: request, backendDomid: .max),
            console: ConsoleAddress(domid: .max, devid: Int32.max - 1)
        ).write(&batch)
        #expect(!batch.isTooLong)
    }
}
