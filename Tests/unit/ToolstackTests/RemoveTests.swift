import Channel
import Testing
import XenConsole

@testable import Toolstack

struct RemoveTests {
    private let world = World()
    private let before: [String: String]

    init() throws {
        before = world.store.contents
        _ = try world.toolstack.add([World.request()], to: 1)
    }

    @Test func whatLetsGoLeavesNothing() throws {
        try world.toolstack.remove(0, of: 1)
        #expect(world.store.changes(since: before) == [])
        #expect(world.refused { () throws(ChannelError) in try world.toolstack.remove(0, of: 1) }?.kind == .notFound)
        #expect(world.refused { () throws(ChannelError) in try world.toolstack.remove(0, of: 9) }?.kind == .domainNotFound)
    }

    /// xenstored's time goes by requests.
    @Test(arguments: [(Connection.pty, 76), (.none, 73)]) func theyTakeFewRequests(_ connection: Connection, _ count: Int) throws {
        let world = World()
        let start = world.store.messages
        _ = try world.toolstack.add([World.request(as: connection)], to: 1)
        try world.toolstack.remove(0, of: 1)
        #expect(world.store.messages - start == count)
    }

    @Test func directoriesThatOthersUseStay() throws {
        _ = try world.toolstack.add([World.request("other")], to: 1)
        try world.toolstack.remove(0, of: 1)
        #expect(world.store.children("/local/domain/0/backend/console/1") == ["2"])
        try world.toolstack.destroy(1, of: 1)
        #expect(world.store.changes(since: before) == [])
    }

    @Test func whoDoesNotLetGoKeepsTheChannel() throws {
        for state in ["1", "2", "4"] {
            world.store[World.backend() + "/state"] = state
            world.store.others = []
            let error = world.refused { () throws(ChannelError) in try world.toolstack.remove(0, of: 1) }
            #expect(error?.kind == .timedOut)
            #expect(error?.message
                == #"channel "org.test" (devid 0): guest or backend did not let go within 10 seconds; removal by force does not ask them"#)
        }
        try world.toolstack.destroy(0, of: 1)
        #expect(world.store.changes(since: before) == [])
    }

    /// Removed right after it was added: the backend was about to connect.
    @Test func whatABackendWritesOverIsSaidAgain() throws {
        var states = ["4", "6"]
        world.store.others = [{ store in
            if store[World.backend() + "/state"] == "5" { store[World.backend() + "/state"] = states.removeFirst() }
        }]
        try world.toolstack.remove(0, of: 1)
        #expect(states == [] && world.store.changes(since: before) == [])
    }

    @Test func aBackendInItsOwnStateIsWantedAgain() throws {
        var isConnecting = true
        world.store.others = [{ store in
            if isConnecting { store[World.backend() + "/state"] = "4" }
            isConnecting = false
        }]
        #expect(throws: ChannelError.self) { try world.toolstack.remove(0, of: 1) }
        #expect(world.store[World.backend() + "/online"] == "1")
        #expect(world.store[World.backend() + "/state"] == "4")
    }

    /// However long a backend writes over it, it ends.
    @Test func aBackendThatNeverListensIsNotAskedWithoutEnd() throws {
        var rest = 1000
        world.store.others = [{ store in
            rest -= 1
            if rest > 0 { store[World.backend() + "/state"] = "4" }
        }]
        #expect(throws: ChannelError.self) { try world.toolstack.remove(0, of: 1) }
        #expect(world.store[World.backend() + "/online"] == "1")
    }

    /// A channel that libxl made, and whose guest has removed its own directory:
    /// xenchanneld does not serve it, and is not waited for.
    @Test func aGuestsDirectoryDoesNotTellWhoServes() throws {
        let record = World.record(), backend = World.backend()
        world.store[record + "/xlchannel"] = nil
        world.store[World.frontend()] = nil
        world.store[backend + "/state"] = "4"
        world.store.others = []
        try world.toolstack.remove(0, of: 1)
        #expect(world.store[record] == nil && world.store[backend] == nil)
        #expect(world.store[World.frontend()] == nil)
    }

    @Test func withoutABackendNobodyIsWaitedFor() throws {
        world.store.others = []
        world.store["/local/domain/0/data"] = nil
        try world.toolstack.remove(0, of: 1)
        #expect(world.store[World.record()] == nil)
    }

    @Test func whatAnotherToolstackPutThereStays() throws {
        world.store.others.append { $0[World.record() + "/backend"] = "/local/domain/7/backend/console/1/1" }
        #expect(throws: ChannelError.self) { try world.toolstack.remove(0, of: 1) }
        #expect(world.store[World.frontend() + "/state"] != nil)
    }

    /// Whatever fails and whenever, a channel that is not removed is as it was,
    /// unless its backend has closed already.
    @Test(arguments: ["1", "2", "4"], [true, false])
    func allOrNothing(_ state: String, _ letsGo: Bool) throws {
        try everyFault { world in
            _ = try world.toolstack.add([World.request()], to: 1)
            world.store[World.backend() + "/state"] = state
            world.store.others = letsGo ? [World.serve] : []
        } _: { (world) throws(ChannelError) in
            try world.toolstack.remove(0, of: 1)
        } check: { world, before, failure, what in
            switch world.store[World.backend() + "/state"] {
            case nil: #expect(failure == nil && world.store.isClean(since: self.before), what)
            case "6": #expect(failure != nil && world.store.changes(since: before).count == 2, what)
            default: #expect(failure != nil && world.store.changes(since: before) == [], what)
            }
        }
    }

    @Test func destructionIsAllOrNothingToo() throws {
        try everyFault { world in
            _ = try world.toolstack.add([World.request()], to: 1)
        } _: { (world) throws(ChannelError) in
            try world.toolstack.destroy(0, of: 1)
        } check: { world, before, failure, what in
            #expect(failure == nil ? world.store.isClean(since: self.before) : world.store.changes(since: before) == [], what)
        }
    }
}
