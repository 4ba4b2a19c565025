import Channel
import Testing
import XenConsole

@testable import Toolstack

struct AddTests {
    private let world = World()

    private func error(_ requests: [ChannelRequest], to domid: UInt32 = 1) -> ChannelError? {
        world.refused { () throws(ChannelError) in _ = try world.toolstack.add(requests, to: domid) }
    }

    @Test func aChannelIsThereAndServed() throws {
        let added = try world.toolstack.add([World.request(as: .socket("/s"))], to: 1)
        #expect(added.map { $0.devid } == [0])
        #expect(world.store[World.backend() + "/state"] == "2")
        #expect(world.store[World.backend() + "/path"] == "/s")
        #expect(world.store[World.frontend() + "/type"] == "xenchanneld")
        #expect(world.store[World.record() + "/xlchannel"] == "socket\n0\norg.test\n/s")
        let channel = Channel(devid: 0, name: "org.test", backendDomid: 0, connection: .socket("/s"))
        #expect(try world.toolstack.channels(of: 1) == [channel])
        #expect(try world.toolstack.channel(named: "org.test", of: 1) == channel)
        #expect(try world.toolstack.info(0, of: 1).state == 1)
    }

    @Test func severalGoTogetherWithGivenDevidsFirst() throws {
        let added = try world.toolstack.add(
            [World.request("a"), World.request("b", devid: 0), World.request("c", backend: 3, as: .none)], to: 1)
        #expect(added.map { $0.devid } == [1, 0, 2])
        #expect(added.map { $0.backendDomid } == [0, 0, 3])
        #expect(world.store[World.backend(3, in: 3) + "/state"] == "2")
    }

    @Test func whatIsTakenIsRefused() throws {
        _ = try world.toolstack.add([World.request("a", devid: 4)], to: 1)
        let name = error([World.request("b"), World.request("a")])
        #expect(name?.kind == .exists && name?.position == 1)
        #expect(name?.message == #"channel "a": the name is taken"#)
        #expect(error([World.request("b", devid: 4)])?.message == #"channel "b" (devid 4): the devid is taken"#)
        #expect(error([World.request("b"), World.request("b")])?.kind == .exists)
        #expect(error([World.request("b", devid: 5), World.request("c", devid: 5)])?.position == 1)
    }

    @Test func whoIsNotThereIsTold() {
        let guest = error([World.request()], to: 9)
        #expect(guest?.kind == .domainNotFound && guest?.message == #"channel "org.test": there is no such domain"#)
        let backend = error([World.request("a"), World.request("b", backend: 9)])
        #expect(backend?.kind == .domainNotFound && backend?.position == 1)
        #expect(backend?.message == #"channel "b": there is no backend domain 9"#)
        let silent = error([World.request(backend: 2)])
        #expect(silent?.kind == .notReady)
        #expect(silent?.message == #"channel "org.test": xenchanneld is not running in the backend domain 2"#)
        world.store["/local/domain/0/data"] = nil
        #expect(error([World.request()])?.message
            == #"channel "org.test": xenchanneld is not running in the backend domain and the guest has no QEMU"#)
    }

    @Test func domain0HasNoChannels() {
        let itself = error([World.request()], to: 0)
        #expect(itself?.kind == .invalid && itself?.message == "channels can be added to guests only")
    }

    @Test func aBackendMayRefuse() {
        world.store.others = [World.refuse]
        let refusal = error([World.request("a", as: .none), World.request("b")])
        #expect(refusal?.kind == .failed && refusal?.position == 0)
        #expect(refusal?.message == #"channel "a" (devid 0): the backend says: not with me"#)
    }

    @Test func aSilentBackendIsNotWaitedForWithoutEnd() {
        world.store.others = []
        let silence = error([World.request(backend: 3)])
        #expect(silence?.kind == .timedOut)
        #expect(silence?.message == #"channel "org.test" (devid 0): the backend in domain 3 did not answer within 10 seconds"#)
    }

    @Test func whatGoesMeanwhileIsNoSuccess() {
        world.store.others = [{ $0["/local/domain/0/backend/console/1"] = nil }]
        let gone = error([World.request()])
        #expect(gone?.message == #"channel "org.test" (devid 0): it was removed meanwhile"#)
    }

    @Test func anotherToolstacksChannelMakesItBeginAgain() throws {
        world.store.meanwhile = {
            $0["/libxl/1/device/console/1/xlchannel"] = "pty\n0\nother"
            $0["/libxl/1/device/console/1/backend"] = World.backend()
        }
        #expect(try world.toolstack.add([World.request()], to: 1).map { $0.devid } == [1])
        #expect(world.store[World.record() + "/xlchannel"] == "pty\n0\nother")
    }

    @Test func anotherToolstacksNameIsSeen() {
        world.store.meanwhile = {
            $0["/libxl/1/device/console/1/xlchannel"] = "pty\n0\norg.test"
            $0["/libxl/1/device/console/1/backend"] = World.backend()
        }
        #expect(throws: ChannelError.self) { try world.toolstack.add([World.request()], to: 1) }
        #expect(world.store[World.record() + "/xlchannel"] == "pty\n0\norg.test", "it is not ours to remove")
    }

    /// Also when it is the withdrawal that meets the fault.
    @Test func aSilentBackendLeavesNothing() throws {
        try everyFault { $0.store.others = [] } _: { (world) throws(ChannelError) in
            _ = try world.toolstack.add([World.request()], to: 1)
        } check: { world, before, failure, what in
            #expect(failure != nil && world.store.isClean(since: before), what)
        }
    }

    /// Whatever fails and whenever, a channel is there wholly or not at all.
    @Test(arguments: [
        [World.request()], [World.request("a", as: .none), World.request("b", backend: 3, as: .socket("/s"))],
        [World.request(as: .path("/log"))],
    ])
    func allOrNothing(_ requests: [ChannelRequest]) throws {
        let whole = World()
        _ = try whole.toolstack.add(requests, to: 1)
        try everyFault { (world) throws(ChannelError) in
            _ = try world.toolstack.add(requests, to: 1)
        } check: { world, before, failure, what in
            #expect(world.store.changes(since: failure == nil ? whole.store.contents : before) == [], what)
        }
    }
}
