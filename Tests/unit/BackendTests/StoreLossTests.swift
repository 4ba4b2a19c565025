import CLibc
import Channel
import System
import Testing
import XenConsole

@testable import Backend
@testable import XenStore

/// A xenstored that hangs, goes or lies.
struct StoreLossTests {
    @Test func aSilentXenstoredIsGivenUp() throws {
        let setup = try SessionSetup(timeLimit: .milliseconds(30))
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
        let setup = try SessionSetup(timeLimit: .milliseconds(50))
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
        let setup = try SessionSetup()
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
        let setup = try SessionSetup()
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
        let setup = try SessionSetup()
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
        let setup = try SessionSetup()
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
        let setup = try SessionSetup()
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
        let setup = try SessionSetup()
        try setup.connect()
        setup.read("/a") { [unowned setup] _ in setup.store.serve() }
        setup.settle()
        #expect(setup.losses == 0)
        setup.store.tell("/x", "t")
        setup.settle()
        setup.store.say(2, 0, [])
        #expect(setup.reaches { setup.losses == 1 })
    }
}
