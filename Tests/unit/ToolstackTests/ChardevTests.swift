import Channel
import Testing
import XenConsole

@testable import Toolstack

struct ChardevTests {
    @Test func anIDIsNobodyElses() {
        #expect(freeChardevID(beside: []) == "xlchannel-0")
        #expect(freeChardevID(beside: ["libxl-channel0", "xlchannel-1", "serial0"]) == "xlchannel-0")
        #expect(freeChardevID(beside: ["xlchannel-1", "xlchannel-0"]) == "xlchannel-2")
    }

    @Test(arguments: [
        ("libxl-channel0", true),       // the one that xl loses
        ("libxl-channel1", false), ("libxl-channel2", true), ("libxl-channel99999999999999999999", false),
        ("libxl-channel", false), ("libxl-channelx", false), ("libxl-cmd", false), ("serial0", false), ("", false),
        ("xlchannel-0", false), ("xlchannel-1", true),
    ] as [(Bytes, Bool)])
    func whatNoConsoleUsesIsStale(_ id: Bytes, _ isStale: Bool) {
        #expect(isStaleChardev(id, named: ["xlchannel-0"], consoles: [0, 2].map { ConsoleAddress(domid: 1, devid: $0) }) == isStale)
    }

    @Test(arguments: [
        ("/vm/01234567-89ab-cdef-0123-456789abcdef", true), ("/vm/01234567-89AB-CDEF-0123-456789abcdef", true),
        ("/vm/", false), ("", false), ("/vm/../../../../../../../../../etc/passwd12", false),
        ("/vm/01234567-89ab-cdef-0123-456789abcdef0", false), ("/xx/01234567-89ab-cdef-0123-456789abcdef", false),
    ] as [(Bytes, Bool)])
    func onlyAUUIDBecomesPartOfAFilesName(_ vm: Bytes, _ isOne: Bool) {
        #expect((Userdata(of: 1, vm: vm) != nil) == isOne)
    }
}
