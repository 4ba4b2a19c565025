import Channel
import Testing
import XenConsole
import XenStore

@testable import Backend

struct ChangeTests {
    private let console = ConsoleAddress(domid: 5, devid: 1)

    private func backend(_ path: String) -> Change? {
        Change(WatchEvent(path: bytes(path), token: "backend"), backends: "/local/domain/0/backend/console")
    }

    private func frontend(_ path: String, token: String = "5") -> Change? {
        Change(WatchEvent(path: bytes(path), token: bytes(token)), backends: "/local/domain/0/backend/console")
    }

    private func bytes(_ text: String) -> Bytes { Bytes(Array(text.utf8)) }

    @Test func backendsChangeAtEachLevel() {
        #expect(backend("/local/domain/0/backend/console") == .backends)
        #expect(backend("/local/domain/0/backend/console/") == .backends)
        #expect(backend("/local/domain/0/backend/console/5") == .guest(5))
        #expect(backend("/local/domain/0/backend/console/4294967295") == .guest(.max))
        #expect(backend("/local/domain/0/backend/console/5/2") == .backend(console))
        #expect(backend("/local/domain/0/backend/console/5/2/state") == .backend(console))
        #expect(backend("/local/domain/0/backend/console/5/2/online/x") == .backend(console))
    }

    @Test func frontendsChangeAtEachLevel() {
        #expect(frontend("/local/domain/5/device/console") == .frontends(5))
        #expect(frontend("/local/domain/5/device/console/2") == .frontend(console, nil))
        #expect(frontend("/local/domain/5/device/console/2/state") == .frontend(console, .state))
        #expect(frontend("/local/domain/5/device/console/2/ring-ref") == .frontend(console, .ringReference))
        #expect(frontend("/local/domain/5/device/console/2/port") == .frontend(console, .port))
        #expect(frontend("/local/domain/5/device/console/2/type") == .frontend(console, .type))
    }

    @Test func whatTheDaemonWritesIsNoChange() {
        #expect(backend("/local/domain/0/backend/console/5/2/error") == nil)
        #expect(frontend("/local/domain/5/device/console/2/tty") == nil)
        #expect(frontend("/local/domain/5/device/console/2/limit") == nil)
        #expect(frontend("/local/domain/5/device/console/2/statex") == nil)
        #expect(backend("/local/domain/0/backend/console/5/2/errors") == .backend(console))
    }

    @Test(arguments: [
        "", "/", "/local/domain/0/backend", "/local/domain/0/backend/console2", "/local/domain/0/backend/console2/5/2",
        "/local/domain/0/backend/consol", "/local/domain/1/backend/console/5/2", "local/domain/0/backend/console/5/2",
        "/local/domain/0/backend/console/x", "/local/domain/0/backend/console/-1", "/local/domain/0/backend/console/+5/2",
        "/local/domain/0/backend/console/4294967296", "/local/domain/0/backend/console/4294967301/2",
        "/local/domain/0/backend/console/5/0", "/local/domain/0/backend/console/5/02",
        "/local/domain/0/backend/console/5/+2", "/local/domain/0/backend/console/5/x",
        "/local/domain/0/backend/console/5/2147483648", "/local/domain/0/backend/console/5/4294967298",
        "/local/domain/0/backend/console/5/18446744073709551618", "@releaseDomain",
    ])
    func otherBackendPathsAreNoChanges(_ path: String) {
        #expect(backend(path) == nil)
    }

    @Test(arguments: [
        "", "/local/domain/5", "/local/domain/5/device/console2/2", "/local/domain/6/device/console/2",
        "/local/domain/55/device/console/2", "/local/domain/5/device/console/0", "/local/domain/5/device/console/02/state",
        "/local/domain/5/device/console/+2/state", "/local/domain/5/device/console/x/state",
        "/local/domain/5/device/console/2147483648/state", "/local/domain/5/device/console/18446744073709551618",
    ])
    func otherFrontendPathsAreNoChanges(_ path: String) {
        #expect(frontend(path) == nil)
    }

    @Test(arguments: ["", "x", "-5", "+5", "5 ", "4294967301", "backend2", "Backend"])
    func otherTokensAreNoChanges(_ token: String) {
        #expect(frontend("/local/domain/5/device/console/2/state", token: token) == nil)
    }

    @Test func bytesThatAreNoTextAreNoChanges() {
        var random = SplitMix(seed: 3)
        for _ in 0..<2000 {
            var path = Bytes("/local/domain/0/backend/console/")
            for _ in 0..<Int.random(in: 0..<12, using: &random) { path.array.append([0xff, 0x2f, 0x35, 0, 0x2b].randomElement(using: &random)!) }
            _ = Change(WatchEvent(path: path, token: "backend"), backends: "/local/domain/0/backend/console")
        }
    }
}

struct DeviceNodesTests {
    private let address = ConsoleAddress(domid: 5, devid: 0)
    private let backend = "/local/domain/0/backend/console/5/1"
    private let frontend = "/local/domain/5/device/console/1"

    /// What is read of these nodes, by their keys.
    private func reading(
        _ backendNodes: [String: String], _ guestNodes: [String: String] = [:], domain: Bool = true,
        refused: [String: String] = [:]
    ) throws -> DeviceReading? {
        let runner = try ScriptedRunner()
        for (key, value) in backendNodes { runner.store.nodes["\(backend)/\(key)"] = Array(value.utf8) }
        for (key, value) in guestNodes { runner.store.nodes["\(frontend)/\(key)"] = Array(value.utf8) }
        if domain { runner.store.nodes["/local/domain/5"] = [] }
        runner.store.refused = refused
        var batch = Batch()
        let nodes = DeviceNodes(address, in: 0, asking: &batch)
        return try nodes.reading(runner.run(SingleBatch(batch)))
    }

    private var usual: [String: String] {
        ["frontend": frontend, "online": "1", "state": "2", "name": "org.test", "connection": "path", "path": "/p"]
    }
    private var guest: [String: String] { ["state": "4", "type": "xenchanneld", "ring-ref": "8", "port": "9"] }

    @Test func aDeviceIsRead() throws {
        let reading = try #require(try reading(usual.merging(["error": "why"]) { $1 }, guest))
        #expect(reading.description == DeviceDescription(name: "org.test", connection: .path("/p"), word: "path"))
        #expect(reading.observation == Observation(
            guest: .connected, own: .initWait, online: true, ring: RingLocation(reference: 8, port: 9)))
        #expect(reading.isForUs && !reading.isDomainGone)
        #expect(reading.error == "why")
    }

    @Test func withoutAStateThereIsNone() throws {
        var nodes = usual
        nodes["state"] = nil
        #expect(try reading(nodes, guest) == nil)
        #expect(try reading(usual, guest, refused: ["\(backend)/state": "EACCES"]) == nil)
    }

    @Test func whatIsMissingIsNothing() throws {
        let reading = try #require(try reading(["state": "1"], [:]))
        #expect(reading.description == DeviceDescription(name: "", connection: nil, word: ""))
        #expect(reading.observation == Observation(guest: .unknown, own: .initialising, online: false, ring: nil))
        #expect(!reading.isForUs && !reading.isDomainGone && reading.error == nil)
    }

    @Test func whatIsRefusedIsNothing() throws {
        var refused: [String: String] = [:]
        for key in guest.keys { refused["\(frontend)/\(key)"] = "EACCES" }
        refused["/local/domain/5"] = "EACCES"
        let reading = try #require(try reading(usual, guest, refused: refused))
        #expect(reading.observation.guest == .unknown && reading.observation.ring == nil)
        #expect(!reading.isForUs)
        #expect(!reading.isDomainGone, "who may not look knows nothing")
    }

    @Test func aDomainThatIsGoneIsTold() throws {
        #expect(try reading(usual, [:], domain: false)?.isDomainGone == true)
    }

    @Test func aPathIsOfItsKindOnly() throws {
        var nodes = usual
        nodes["path"] = nil
        #expect(try reading(nodes)?.description.connection == nil)
        nodes["connection"] = "tcp"
        #expect(try reading(nodes)?.description == DeviceDescription(name: "org.test", connection: .unknown, word: "tcp"))
    }

    @Test(arguments: ["", "-1", "+8", "8 ", "x", "4294967296", "99999999999999999999", "0x8", "8\n"])
    func nonsenseIsNoRing(_ number: String) throws {
        for key in ["ring-ref", "port"] {
            #expect(try reading(usual, guest.merging([key: number]) { $1 })?.observation.ring == nil)
        }
        #expect(try reading(usual, guest.merging(["state": number]) { $1 })?.observation.guest == .unknown)
    }

    @Test func theWholeRangeOfNumbersIsARing() throws {
        let numbers = ["ring-ref": "4294967295", "port": "0"]
        #expect(try reading(usual, guest.merging(numbers) { $1 })?.observation.ring == RingLocation(reference: .max, port: 0))
    }

    @Test func onlineIsExactlyOne() throws {
        for value in ["0", "", "2", "01", "1 ", "yes"] {
            #expect(try reading(usual.merging(["online": value]) { $1 })?.observation.online == false)
        }
    }

    @Test func onlyOurConsolesAreForUs() throws {
        for (key, value) in [("frontend", "/local/domain/5/device/console/2"), ("frontend", "")] {
            #expect(try reading(usual.merging([key: value]) { $1 }, guest)?.isForUs == false)
        }
        for type in ["ioemu", "xenconsoled", ""] {
            #expect(try reading(usual, guest.merging(["type": type]) { $1 })?.isForUs == false)
        }
    }
}
