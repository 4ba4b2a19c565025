import CLibc
import Channel
import System
import Testing
import XenConsole

@testable import Backend
@testable import XenStore

struct StoreSessionTests {
    @Test func connectingIntroducesTheDaemon() throws {
        let setup = try SessionSetup()
        #expect(!setup.session.isIdle)
        setup.store.nodes["/local/domain/0/domid"] = [UInt8]("7".utf8)
        try setup.connect()
        #expect(setup.session.isIdle && setup.session.ownDomid == 7)
        #expect(setup.store.watches.map(\.path) == ["/local/domain/7/backend/console"])
        #expect(setup.store.nodes["/local/domain/0/data/xenchanneld"] == [0x31])
        #expect(setup.session.due == nil)
    }

    @Test func aXenstoredThatIsNotThereIsAnError() throws {
        let setup = try SessionSetup()
        setup.store.isGone = true
        #expect(throws: ChannelError.self) { try setup.session.connectFirst() }
        #expect(!setup.session.isIdle)
    }

    @Test func withoutEpollThereIsNoConnection() throws {
        let setup = try SessionSetup()
        #expect(throws: ChannelError.self) {
            try SystemFault.fail(.epollControl, with: ENOMEM) { try setup.connect() }
        }
        #expect(!setup.session.isIdle && setup.losses == 0)
    }

    @Test func aReplyEndsTheExchange() throws {
        let setup = try SessionSetup()
        try setup.connect()
        setup.store.nodes["/a"] = [0x31]
        var value: Bytes?
        setup.read("/a") { value = $0 }
        #expect(!setup.session.isIdle && setup.session.due != nil)
        setup.settle()
        #expect(value == "1" && setup.session.isIdle && setup.session.due == nil)
    }

    @Test func anExchangeMayBeginWhereAnotherEnds() throws {
        let setup = try SessionSetup()
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
        let setup = try SessionSetup()
        try setup.connect()
        setup.read("/a") { _ in }
        setup.read("/b") { _ in Issue.record("it did not begin") }
        setup.settle()
        #expect(!setup.store.requests.contains("read /b"))
    }

    @Test func eventsComeBeforeTheRepliesThatCameWithThem() throws {
        let setup = try SessionSetup()
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
        let setup = try SessionSetup()
        try setup.connect()
        for number in 0..<100 { setup.store.tell("/p/\(number)", "backend") }
        setup.settle()
        #expect(setup.events.map(\.path) == (0..<100).map { Bytes(Array("/p/\($0)".utf8)) })
    }

    @Test func theAnnouncementIsWithdrawn() throws {
        let setup = try SessionSetup()
        try setup.connect()
        setup.read("/a") { _ in }
        setup.store.whileServing { setup.session.withdrawAnnouncement() }
        #expect(setup.store.nodes["/local/domain/0/data/xenchanneld"] == nil)
    }

    @Test func aSilentXenstoredKeepsTheDaemonForAMomentOnly() throws {
        let setup = try SessionSetup()
        try setup.connect()
        setup.store.isSilent = true
        let start = Instant.now
        setup.store.whileServing { setup.session.withdrawAnnouncement() }
        #expect(Instant.now - start < .seconds(5))
    }
}
