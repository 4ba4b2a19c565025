import Channel
import Testing
import XenConsole

struct ConsoleAddressTests {
    private let address = ConsoleAddress(domid: 5, devid: 0)

    @Test func aChannelsNodesHaveTheirPaths() {
        #expect(address.number == 1)
        #expect(address.domain == "/local/domain/5")
        #expect(address.record == "/libxl/5/device/console/1")
        #expect(address.hiddenRecord == "/libxl/5/device/console/1/xlchannel")
        #expect(address.chardevRecord == "/libxl/5/device/console/1/xlchannel/chardev")
        #expect(address.frontend == "/local/domain/5/device/console/1")
        #expect(address.backend(in: 0) == "/local/domain/0/backend/console/5/1")
        #expect(ConsoleAddress.backends(in: 3) == "/local/domain/3/backend/console")
        #expect(announcement(in: 3) == "/local/domain/3/data/xenchanneld")
        #expect(ownAnnouncement == "data/xenchanneld")
        #expect(address.backend(in: 0) / BackendNode.error == "/local/domain/0/backend/console/5/1/error")
        #expect(address.frontend / FrontendNode.ringReference == "/local/domain/5/device/console/1/ring-ref")
    }

    @Test func numbersAreOneMoreThanDevids() {
        for devid: Int32 in [0, 1, 9, 99, .max - 1] {
            let address = ConsoleAddress(domid: 5, devid: devid)
            #expect(address.devid == devid)
            #expect(ConsoleAddress(domid: 5, number: UInt64(address.number)) == address)
            #expect(ConsoleAddress(domid: 5, entry: Bytes(decimal: address.number)) == address)
        }
    }

    @Test(arguments: [0, 1 << 31, 1 << 32, (1 << 32) + 1, .max] as [UInt64])
    func otherNumbersAreNoChannels(_ number: UInt64) {
        #expect(ConsoleAddress(domid: 5, number: number) == nil)
    }

    @Test(arguments: [
        "", "0", "00", "01", "+1", "-1", " 1", "1 ", "1x", "0x1", "2147483648", "4294967297", "18446744073709551617",
    ])
    func otherEntriesAreNoChannels(_ entry: String) {
        #expect(ConsoleAddress(domid: 5, entry: Bytes(Array(entry.utf8))) == nil)
    }

    @Test func backendPathsTellTheirDomain() {
        func domid(_ path: String) -> UInt32? { ConsoleAddress.domid(ofBackend: Bytes(Array(path.utf8))) }
        #expect(domid("/local/domain/0/backend/console/5/1") == 0)
        #expect(domid("/local/domain/4294967295/x") == .max)
        #expect(domid("/local/domain/7") == 7)
        for path in ["", "/local/domain/", "/local/domain//1", "/local/domain/x/1", "/local/domain/4294967296/1",
            "local/domain/1", "/local/domain/-1/1", "/local/domain/+1/1", "/local/domain2/1"] {
            #expect(domid(path) == nil, "\(path)")
        }
    }

    @Test func canonicalNumbersHaveNoLeadingZeros() {
        #expect(canonicalNumber("0") == 0)
        #expect(canonicalNumber("10") == 10)
        #expect(canonicalNumber("18446744073709551615") == .max)
        for other: Bytes in ["", "00", "010", "18446744073709551616", "1\0"] { #expect(canonicalNumber(other) == nil) }
    }
}

struct XenbusStateTests {
    @Test func statesAreTheirNumbers() {
        for state in XenbusState.allCases {
            #expect(XenbusState(state.value) == state)
            #expect(XenbusState(rawValue: state.rawValue) == state)
        }
        #expect(XenbusState("4") == .connected)
    }

    @Test(arguments: ["", "9", "-1", "+4", " 4", "4 ", "x", "4294967300", "18446744073709551616", "4\0"])
    func nonsenseIsUnknown(_ value: String) {
        #expect(XenbusState(Bytes(Array(value.utf8))) == .unknown)
    }

    @Test func noNodeIsUnknown() {
        #expect(XenbusState(nil) == .unknown)
    }

    @Test func statesMeanWhatGuestsDo() {
        #expect(XenbusState.allCases.filter(\.offersRing) == [.initialised, .connected])
        #expect(XenbusState.allCases.filter(\.hasLetGo) == [.unknown, .initialising, .initWait, .closed])
        #expect(XenbusState.allCases.filter { !$0.isServed } == [.unknown, .initialising])
    }
}

struct ContractTests {
    @Test func wordsAreConnections() {
        #expect(Connection(word: nil, path: "/p") == nil)
        #expect(Connection(word: "none", path: nil) == Connection.none)
        #expect(Connection(word: "none", path: "/p") == Connection.none)
        #expect(Connection(word: "pty", path: nil) == .pty)
        #expect(Connection(word: "path", path: "/p") == .path("/p"))
        #expect(Connection(word: "socket", path: "/p") == .socket("/p"))
    }

    @Test func aKindThatHasAPathIsNothingWithoutIt() {
        #expect(Connection(word: "path", path: nil) == nil)
        #expect(Connection(word: "socket", path: nil) == nil)
    }

    @Test(arguments: ["", "PTY", "pty ", "tcp", "unknown", "path\0"])
    func otherWordsAreUnknown(_ word: String) {
        #expect(Connection(word: Bytes(Array(word.utf8)), path: "/p") == .unknown)
    }

    @Test func typesAreTheirWords() {
        #expect(ConsoleType("xenchanneld") == .xenchanneld)
        #expect(ConsoleType("ioemu") == .qemu)
        for other: Bytes? in [nil, "", "xenconsoled", "xenchanneld2"] { #expect(ConsoleType(other) == nil) }
        for type in [ConsoleType.xenchanneld, .qemu] { #expect(ConsoleType(Bytes(type.word)) == type) }
    }
}
