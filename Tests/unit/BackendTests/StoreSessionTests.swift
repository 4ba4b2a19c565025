import CLibc
import Channel
import System
import Testing
import XenConsole

@testable import Backend
@testable import XenStore

/// A session with a xenstored of the test's own.
private final class Setup {
    let directory = TemporaryDirectory()
    let store = FakeStore()
    let poller: Poller
    let session: StoreSession
    var events: [WatchEvent] = []
    var reconnects = 0
    var losses = 0

    init(timeLimit: Interval = .seconds(10), pause: Interval = .milliseconds(2)) throws {
        poller = try Poller()
        session = StoreSession(
            try Log(directory.file("log"), .debug), poller, timeLimit: timeLimit, pause: pause
        ) { [store] (_, _) throws(StoreError) in try store.connect() }
        session.onEvent = { [unowned self] in events.append($0) }
        session.onReconnect = { [unowned self] in reconnects += 1 }
        session.onLoss = { [unowned self] in losses += 1 }
    }

    func connect() throws {
        try store.whileServing { try session.connectFirst() }
        // Events that came along with the introduction are told with the next words.
        read("/") { _ in }
        settle()
        events = []
    }

    /// One round of a loop. Nothing in it may wait, whatever xenstored does.
    @discardableResult func turn() -> Bool {
        let start = Instant.now
        poller.wait(.zero)
        session.tick()
        #expect(Instant.now - start < .seconds(2))
        return store.serve()
    }

    func settle() {
        var quiet = 0
        for _ in 0..<5000 where quiet < 3 { quiet = turn() ? 0 : quiet + 1 }
    }

    func reaches(_ condition: () -> Bool) -> Bool {
        let deadline = Instant.now + .seconds(10)
        while !condition() {
            guard Instant.now < deadline else { return false }
            if !turn() { System.pause(.microseconds(200)) }
        }
        return true
    }

    func read(_ path: Bytes, _ done: @escaping (Bytes?) -> Void) {
        var batch = Batch()
        let index = batch.read(path)
        session.run(SingleBatch(batch)) { result in
            done((try? result.get()).flatMap { try? $0.value(index) })
        }
    }
}

struct StoreSessionTests {
    @Test func connectingIntroducesTheDaemon() throws {
        let setup = try Setup()
        #expect(!setup.session.isIdle)
        setup.store.nodes["/local/domain/0/domid"] = [UInt8]("7".utf8)
        try setup.connect()
        #expect(setup.session.isIdle && setup.session.ownDomid == 7)
        #expect(setup.store.watches.map(\.path) == ["/local/domain/7/backend/console"])
        #expect(setup.store.nodes["/local/domain/0/data/xenchanneld"] == [0x31])
        #expect(setup.session.due == nil)
    }

    @Test func aXenstoredThatIsNotThereIsAnError() throws {
        let setup = try Setup()
        setup.store.isGone = true
        #expect(throws: ChannelError.self) { try setup.session.connectFirst() }
        #expect(!setup.session.isIdle)
    }

    @Test func withoutEpollThereIsNoConnection() throws {
        let setup = try Setup()
        #expect(throws: ChannelError.self) {
            try SystemFault.fail(.epollControl, with: ENOMEM) { try setup.connect() }
        }
        #expect(!setup.session.isIdle && setup.losses == 0)
    }

    @Test func aReplyEndsTheExchange() throws {
        let setup = try Setup()
        try setup.connect()
        setup.store.nodes["/a"] = [0x31]
        var value: Bytes?
        setup.read("/a") { value = $0 }
        #expect(!setup.session.isIdle && setup.session.due != nil)
        setup.settle()
        #expect(value == "1" && setup.session.isIdle && setup.session.due == nil)
    }

    @Test func anExchangeMayBeginWhereAnotherEnds() throws {
        let setup = try Setup()
        try setup.connect()
        var values: [Bytes?] = []
        for (path, value) in [("/a", 0x31), ("/b", 0x32), ("/c", 0x33)] as [(String, UInt8)] { setup.store.nodes[path] = [value] }
        setup.read("/a") { [unowned setup] in
            values.append($0)
            #expect(setup.session.isIdle)
            setup.read("/b") {
                values.append($0)
                // One that cannot be sent ends at once.
                setup.read(Bytes([UInt8](repeating: 0x2f, count: 5000))) {
                    values.append($0)
                    setup.read("/c") { values.append($0) }
                }
            }
        }
        setup.settle()
        #expect(values == ["1", "2", nil, "3"])
        #expect(setup.session.isIdle && setup.losses == 0)
    }

    @Test func onlyOneExchangeIsUnderWay() throws {
        let setup = try Setup()
        try setup.connect()
        setup.read("/a") { _ in }
        setup.read("/b") { _ in Issue.record("it did not begin") }
        setup.settle()
        #expect(!setup.store.requests.contains("read /b"))
    }

    @Test func eventsComeBeforeTheRepliesThatCameWithThem() throws {
        let setup = try Setup()
        try setup.connect()
        var order: [String] = []
        setup.session.onEvent = { _ in order.append("event") }
        setup.store.tell("/local/domain/0/backend/console/1", "backend")
        setup.read("/a") { _ in order.append("reply") }
        setup.store.serve()
        setup.store.tell("/local/domain/0/backend/console/2", "backend")
        setup.settle()
        #expect(order == ["event", "event", "reply"])
    }

    @Test func eventsComeWithoutAnyExchange() throws {
        let setup = try Setup()
        try setup.connect()
        for number in 0..<100 { setup.store.tell("/p/\(number)", "backend") }
        setup.settle()
        #expect(setup.events.map(\.path) == (0..<100).map { Bytes(Array("/p/\($0)".utf8)) })
    }

    @Test func aSilentXenstoredIsGivenUp() throws {
        let setup = try Setup(timeLimit: .milliseconds(30))
        try setup.connect()
        setup.store.isSilent = true
        setup.read("/a") { _ in Issue.record("there was no reply") }
        let start = Instant.now
        #expect(setup.reaches { setup.losses == 1 })
        #expect(Instant.now - start >= .milliseconds(30))
        #expect(!setup.session.isIdle && setup.session.due != nil)
        // It hangs on: each new connection is given up in its time.
        #expect(setup.reaches { setup.store.connections >= 4 })
        #expect(setup.losses == 1 && setup.reconnects == 0)
        setup.store.isSilent = false
        #expect(setup.reaches { setup.reconnects == 1 })
        #expect(setup.session.isIdle && setup.session.due == nil)
    }

    /// Its socket takes nothing any more: no call waits for space in it.
    @Test func aXenstoredThatReadsNothingIsGivenUp() throws {
        let setup = try Setup(timeLimit: .milliseconds(50))
        try setup.connect()
        var batch = Batch()
        for _ in 0..<20_000 { batch.read("/local/domain/0/backend/console/1/1/state") }
        let start = Instant.now
        setup.session.run(SingleBatch(batch)) { _ in Issue.record("there was no reply") }
        while setup.losses == 0, Instant.now - start < .seconds(10) {
            setup.poller.wait(.milliseconds(1))
            setup.session.tick()
        }
        #expect(setup.losses == 1)
    }

    @Test func aLongBatchGoesOutAsThereIsSpace() throws {
        let setup = try Setup()
        try setup.connect()
        setup.store.nodes["/a"] = [0x31]
        var batch = Batch()
        for _ in 0..<20_000 { batch.read("/a") }
        var last: Bytes?
        let index = batch.read("/a")
        setup.session.run(SingleBatch(batch)) { last = (try? $0.get()).flatMap { try? $0.value(index) } }
        #expect(setup.reaches { last != nil })
        #expect(last == "1" && setup.session.isIdle)
    }

    @Test func aConnectionThatIsCutIsOpenedAgain() throws {
        let setup = try Setup()
        try setup.connect()
        setup.store.hangUp()
        #expect(setup.reaches { setup.reconnects == 1 })
        #expect(setup.losses == 1 && setup.session.isIdle)
        #expect(setup.store.watches.count == 1)
        // And while it does not listen, again and again.
        setup.store.isGone = true
        setup.store.hangUp()
        #expect(setup.reaches { setup.losses == 2 })
        for _ in 0..<20 {
            setup.turn()
            System.pause(.milliseconds(1))
        }
        #expect(!setup.session.isIdle && setup.reconnects == 1)
        setup.store.isGone = false
        #expect(setup.reaches { setup.reconnects == 2 })
        #expect(setup.losses == 2)
    }

    @Test func epollMayFailAtReconnecting() throws {
        let setup = try Setup()
        try setup.connect()
        setup.store.hangUp()
        SystemFault.fail(.epollControl, with: ENOMEM) {
            for _ in 0..<20 {
                setup.turn()
                System.pause(.milliseconds(1))
            }
        }
        #expect(!setup.session.isIdle && setup.losses == 1 && setup.reconnects == 0)
        #expect(setup.reaches { setup.reconnects == 1 })
    }

    @Test(arguments: 0..<9)
    func theLineIsCutAtAnyReply(_ replies: Int) throws {
        let setup = try Setup()
        try setup.connect()
        setup.store.hangUp()
        setup.store.repliesLeft = replies
        #expect(setup.reaches { setup.store.connections > 2 || setup.session.isIdle && setup.reconnects > 0 })
        var batch = Batch()
        for _ in 0..<5 { batch.read("/a") }
        var isDone = false
        setup.session.run(SingleBatch(batch)) { _ in isDone = true }
        setup.settle()
        setup.store.repliesLeft = .max
        #expect(setup.reaches { setup.session.isIdle })
        #expect(isDone == (replies >= 8))
        #expect(setup.losses == 1 + (replies >= 3 && replies < 8 ? 1 : 0))
    }

    @Test(arguments: 0..<7)
    func liesAreTheEndOfAConnection(_ kind: Int) throws {
        let setup = try Setup()
        try setup.connect()
        setup.store.lie = { type, id, payload in
            switch kind {
            case 0: type = 11
            case 1: type = 99
            case 2: id = 1
            case 3: id = .max
            case 4: payload = [UInt8](repeating: 0, count: 4097)
            case 5: (type, payload) = (15, [1, 2])
            default: id = 0x8000_0000
            }
        }
        setup.read("/a") { _ in Issue.record("that was no reply") }
        #expect(setup.reaches { setup.losses == 1 })
        setup.store.lie = nil
        #expect(setup.reaches { setup.reconnects == 1 })
    }

    @Test func aReplyToNoRequestIsTheEndOfAConnection() throws {
        let setup = try Setup()
        try setup.connect()
        setup.read("/a") { [unowned setup] _ in setup.store.serve() }
        setup.settle()
        #expect(setup.losses == 0)
        setup.store.tell("/x", "t")
        setup.settle()
        setup.store.say(2, 0, [])
        #expect(setup.reaches { setup.losses == 1 })
    }

    @Test func theAnnouncementIsWithdrawn() throws {
        let setup = try Setup()
        try setup.connect()
        setup.read("/a") { _ in }
        setup.store.whileServing { setup.session.withdrawAnnouncement() }
        #expect(setup.store.nodes["/local/domain/0/data/xenchanneld"] == nil)
    }

    @Test func aSilentXenstoredKeepsTheDaemonForAMomentOnly() throws {
        let setup = try Setup()
        try setup.connect()
        setup.store.isSilent = true
        let start = Instant.now
        setup.store.whileServing { setup.session.withdrawAnnouncement() }
        #expect(Instant.now - start < .seconds(5))
    }
}
