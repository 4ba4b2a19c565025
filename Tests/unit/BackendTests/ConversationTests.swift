import CLibc
import Channel
import System
import Testing
import XenConsole

@testable import Backend

struct ConversationTests {
    @Test func aChannelIsTakenUpAndConnected() throws {
        let world = try World()
        try world.start()
        #expect(world.read("/local/domain/0/data/xenchanneld") == "1")
        world.add(5)
        world.settle()
        #expect(world.state(5) == "2")
        world.connect(5)
        world.settle()
        #expect(world.state(5) == "4")
        #expect(world.hypervisor.mapped == 1 && world.hypervisor.bound.count == 1)
        #expect(world.device(5)?.unpublished == 0)
        #expect(world.store.watches.map(\.token) == ["backend", "5"])
    }

    @Test func channelsOfBeforeAreFoundAndOthersLeftAlone() throws {
        let world = try World()
        world.add(5)
        world.add(5, 2)
        world.add(7, 3)
        world.add(7, 4)
        world.write("\(world.frontend(7, 4))/type", "ioemu")
        world.write("\(world.backend(7, 3))/frontend", "/local/domain/8/device/console/3")
        world.write("/local/domain/0/backend/console/nonsense/1/state", "1")
        world.write("/local/domain/0/backend/console/7/01/state", "1")
        try world.start()
        #expect(world.table.devices.map(\.address.domid) == [5, 5])
        #expect(world.state(5) == "2" && world.state(5, 2) == "2")
        #expect(world.state(7, 3) == "1" && world.state(7, 4) == "1")
    }

    @Test func aRemovedChannelIsForgotten() throws {
        let world = try World()
        world.add(5)
        try world.start()
        world.connect(5)
        world.settle()
        weak let device = world.device(5)
        #expect(device != nil)
        world.store.change(world.backend(5), nil)
        world.store.change(world.frontend(5), nil)
        world.settle()
        #expect(world.table.devices.isEmpty)
        #expect(world.hypervisor.mapped == 0 && world.hypervisor.bound.isEmpty)
        #expect(world.store.watches.map(\.token) == ["backend"])
        #expect(world.read(world.backend(5)) == nil, "what was removed stays removed")
        #expect(device == nil, "nothing holds it")
    }

    @Test func aChannelThatWasReplacedBetweenTwoLooksIsAnother() throws {
        let world = try World()
        world.add(5)
        try world.start()
        let first = world.device(5)
        world.store.change(world.backend(5), nil)
        world.add(5, 1, "none")
        world.write("\(world.backend(5))/name", "org.other")
        world.settle()
        let second = try #require(world.device(5))
        #expect(second !== first && second.description.name == "org.other")
        #expect(world.state(5) == "2")
        #expect(world.store.watches.map(\.token) == ["backend", "5"])
    }

    @Test func theBackendOfADomainThatIsGoneIsRemoved() throws {
        let world = try World()
        world.add(5)
        world.add(6)
        try world.start()
        world.store.nodes = world.store.nodes.filter { !$0.key.hasPrefix("/local/domain/5") }
        world.store.tell("/local/domain/5/device/console", "5")
        world.settle()
        #expect(world.read("/local/domain/0/backend/console/5") == nil)
        #expect(world.state(6) == "2")
        #expect(world.store.openTransactions == 0)
    }

    @Test func manyGuestsComeInParts() throws {
        let world = try World()
        for domid in 4_294_960_000..<4_294_960_400 as Range<UInt32> { world.store.nodes["/local/domain/0/backend/console/\(domid)"] = [] }
        for parent in ["", "/0", "/0/backend", "/0/backend/console"] { world.store.nodes["/local/domain\(parent)"] = [] }
        world.add(4_294_960_399)
        try world.start()
        #expect(world.state(4_294_960_399) == "2")
        #expect(world.store.requests.contains("directoryPart /local/domain/0/backend/console"))
    }

    @Test func conflictsAreTriedAgainAndThenLater() throws {
        let world = try World()
        try world.start()
        world.store.conflicts = 3
        world.add(5)
        world.settle()
        #expect(world.state(5) == "2" && world.store.conflicts == 0)
        world.store.conflicts = 9
        world.add(6)
        world.settle()
        #expect(world.device(6)?.unpublished == 0, "a failure leaves nothing waiting")
        #expect(world.reaches { world.state(6) == "2" })
        #expect(world.lines.filter { $0.contains("trying again") }.count >= 1)
        #expect(world.device(6)?.unpublished == 0)
    }

    @Test func aRefusedWatchIsLogged() throws {
        let world = try World()
        world.add(5)
        world.store.refused["/local/domain/5/device/console"] = "E2BIG"
        try world.start()
        #expect(world.lines.contains { $0.contains("watch") })
    }

    @Test func theJournalKeepsWhatIsThere() throws {
        let world = try World()
        let log = String(decoding: world.directory.file("channel").array, as: UTF8.self)
        world.add(5, 1, "path", path: log)
        let gone = ConsoleAddress(domid: 9, devid: 0)
        let stale = try #require(world.journal.entry(of: gone))
        try world.start()
        world.settle()
        #expect(world.state(5) == "2")
        let kept = try #require(world.journal.entry(of: ConsoleAddress(domid: 5, devid: 0)))
        #expect(kept != stale)
        // The stale entry's place is free for the next owner.
        #expect(world.journal.entry(of: ConsoleAddress(domid: 11, devid: 0)) == stale)
    }

    @Test func everythingIsBackAfterXenstored() throws {
        let world = try World()
        world.add(5, 1, "pty")
        try world.start()
        world.connect(5)
        world.settle()
        let terminal = try #require(world.read("\(world.frontend(5))/tty"))
        #expect(terminal.hasPrefix("/dev/pts/"))
        world.store.hangUp()
        world.store.isGone = true
        world.settle()
        #expect(!world.session.isIdle)
        // What it knew is lost, but for what the toolstack restores.
        world.write("\(world.frontend(5))/tty", "")
        world.write("\(world.backend(5))/state", "2")
        world.store.change("/local/domain/0/data/xenchanneld", nil)
        world.store.isGone = false
        #expect(world.reaches { world.read("\(world.frontend(5))/tty") == terminal && world.state(5) == "4" })
        world.settle()
        #expect(world.read("/local/domain/0/data/xenchanneld") == "1")
        #expect(world.store.watches.map(\.token) == ["backend", "5"])
        #expect(world.device(5)?.unpublished == 0)
    }

    /// Wherever the line is cut, all is as it was meant to be in the end.
    @Test(arguments: 0..<40)
    func theLineIsCutAnywhere(_ replies: Int) throws {
        let world = try World()
        try world.start()
        world.store.repliesLeft = replies
        world.add(5)
        world.add(5, 2)
        world.connect(5, 2)
        world.settle()
        world.store.repliesLeft = .max
        #expect(world.reaches { world.state(5) == "2" && world.state(5, 2) == "4" })
        world.settle()
        #expect(world.table.devices.allSatisfy { $0.unpublished == 0 })
        #expect(!world.conversation.isPending)
    }
}
