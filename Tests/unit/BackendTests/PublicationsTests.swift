import CLibc
import Channel
import Testing
import XenConsole

@testable import Backend
@testable import XenStore

/// Runs exchanges against a fake xenstored, a batch at a time.
final class ScriptedRunner {
    let store = FakeStore()
    private let connection: StoreConnection
    private(set) var batches = 0

    init() throws {
        connection = try store.connect()
    }

    func run<E: Exchange>(_ exchange: E) throws(StoreError) -> E.Outcome {
        var exchange = exchange
        var replies: Replies?
        while true {
            switch try exchange.next(replies) {
            case .done(let outcome): return outcome
            case .send(let batch):
                batches += 1
                try connection.start(batch)
                repeat {
                    replies = try connection.proceed()
                    store.serve()
                } while replies == nil
            }
        }
    }
}

func testDevice(_ domid: UInt32, _ devid: Int32 = 0) -> Device {
    let description = DeviceDescription(name: "org.test", connection: Connection.none, word: "none")
    return Device(ConsoleAddress(domid: domid, devid: devid), backendDomid: 0, description, NoneEndpoint())
}

struct PublicationsTests {
    private let publications = Publications()
    private let device = testDevice(5)

    private func run(_ publication: GuestPublication, on runner: ScriptedRunner) throws(StoreError) {
        try runner.run(TransactionExchange(publication, attempts: 4))
    }

    private func make(_ runner: ScriptedRunner) {
        runner.store.nodes["/local/domain/0/backend/console/5/1"] = []
        runner.store.nodes["/local/domain/5/device/console/1/tty"] = []
    }

    @Test func nodesAreWrittenInOneTransaction() throws {
        let runner = try ScriptedRunner()
        make(runner)
        runner.store.nodes["/local/domain/0/backend/console/5/1/error"] = [1]
        publications.write(device, .state, "4")
        publications.write(device, terminal: "/dev/pts/7")
        publications.remove(device, .error)
        #expect(device.unpublished == 3)
        try run(#require(publications.takeGuest()), on: runner)
        #expect(runner.store.nodes["/local/domain/0/backend/console/5/1/state"] == [0x34])
        #expect(runner.store.nodes["/local/domain/5/device/console/1/tty"] == [UInt8]("/dev/pts/7".utf8))
        #expect(runner.store.nodes["/local/domain/0/backend/console/5/1/error"] == nil)
        #expect(runner.batches == 3)
        #expect(publications.isEmpty)
    }

    @Test func whatIsGoneIsNotMadeAgain() throws {
        let runner = try ScriptedRunner()
        publications.write(device, .state, "4")
        publications.write(device, terminal: "/dev/pts/7")
        try run(#require(publications.takeGuest()), on: runner)
        #expect(runner.store.nodes.count == 1)
    }

    @Test func whatMayNotBeReadIsNotWritten() throws {
        let runner = try ScriptedRunner()
        make(runner)
        runner.store.refused["/local/domain/5/device/console/1/tty"] = "EACCES"
        publications.write(device, .state, "4")
        publications.write(device, terminal: "/dev/pts/7")
        try run(#require(publications.takeGuest()), on: runner)
        #expect(runner.store.nodes["/local/domain/5/device/console/1/tty"] == [])
        #expect(runner.store.nodes["/local/domain/0/backend/console/5/1/state"] == [0x34])
    }

    @Test func itIsTriedFourTimes() throws {
        let runner = try ScriptedRunner()
        make(runner)
        publications.write(device, .state, "4")
        let publication = try #require(publications.takeGuest())
        runner.store.conflicts = 3
        try run(publication, on: runner)
        #expect(runner.batches == 12)
        runner.store.conflicts = 4
        #expect(throws: StoreError.refused(EAGAIN)) { try run(publication, on: runner) }
        #expect(runner.store.conflicts == 0 && runner.store.openTransactions == 0)
    }

    @Test func aWriteThatIsTooLongEndsItsTransaction() throws {
        let runner = try ScriptedRunner()
        make(runner)
        publications.write(device, .error, Bytes([UInt8](repeating: 0x61, count: 4096)))
        #expect(throws: StoreError.tooLong) { try run(#require(publications.takeGuest()), on: runner) }
        #expect(runner.store.openTransactions == 0)
    }

    @Test func guestsHaveTheirTurnsRoundAndRound() throws {
        for domid: UInt32 in [5, 3, 5, 9, 3] { publications.write(testDevice(domid), .state, "2") }
        func taken(_ count: Int) -> [[UInt32]] {
            (0..<count).compactMap { _ in publications.takeGuest() }.map { $0.nodes.map(\.device.address.domid) }
        }
        #expect(taken(1) == [[3, 3]])
        // One that has more to say waits for the others.
        publications.write(testDevice(3), .state, "4")
        #expect(taken(4) == [[5, 5], [9], [3]])
        #expect(publications.takeGuest() == nil)
    }

    @Test func watchesBelongToNoTransaction() throws {
        #expect(publications.takeWatches() == nil && publications.isEmpty)
        publications.watch("/a", token: "1")
        publications.unwatch("/a", token: "1")
        #expect(!publications.isEmpty)
        let batch = try #require(publications.takeWatches())
        #expect(batch.operations == [.watch, .unwatch])
        #expect(publications.takeWatches() == nil && publications.isEmpty)
    }

    @Test func whatIsForgottenIsNotCounted() {
        let other = testDevice(6)
        publications.write(device, .state, "2")
        publications.write(device, .state, "4")
        publications.write(other, .state, "2")
        publications.watch("/a", token: "1")
        publications.removeAll()
        #expect(device.unpublished == 0 && other.unpublished == 0)
        #expect(publications.isEmpty)
    }
}

struct OrphanTests {
    private let removal = OrphanRemoval(address: ConsoleAddress(domid: 5, devid: 0), backendDomid: 0)
    private let parent = "/local/domain/0/backend/console/5"

    private func run(_ change: (FakeStore) -> Void) throws -> FakeStore {
        let runner = try ScriptedRunner()
        runner.store.nodes[parent] = []
        runner.store.nodes["\(parent)/1"] = []
        runner.store.nodes["\(parent)/1/state"] = [0x34]
        change(runner.store)
        try runner.run(TransactionExchange(removal, attempts: 8))
        #expect(runner.store.openTransactions == 0)
        return runner.store
    }

    @Test func theLastOneTakesItsDirectoryAlong() throws {
        #expect(try run { _ in }.nodes[parent] == nil)
    }

    @Test func othersKeepTheirs() throws {
        let store = try run { $0.nodes["\(parent)/2"] = [] }
        #expect(store.nodes[parent] != nil && store.nodes["\(parent)/2"] != nil && store.nodes["\(parent)/1"] == nil)
    }

    @Test func aDomainThatIsThereKeepsItsBackend() throws {
        #expect(try run { $0.nodes["/local/domain/5"] = [] }.nodes["\(parent)/1/state"] != nil)
        #expect(try run { $0.refused["/local/domain/5"] = "EACCES" }.nodes["\(parent)/1/state"] != nil)
    }

    @Test func siblingsThatExceedAMessageAreSiblings() throws {
        let store = try run { $0.refused[parent] = "E2BIG" }
        #expect(store.nodes[parent] != nil && store.nodes["\(parent)/1"] == nil)
    }

    @Test func conflictsBeginItAgain() throws {
        let store = try run { $0.conflicts = 7 }
        #expect(store.nodes[parent] == nil && store.conflicts == 0)
        #expect(throws: StoreError.refused(EAGAIN)) { try run { $0.conflicts = 8 } }
    }
}
