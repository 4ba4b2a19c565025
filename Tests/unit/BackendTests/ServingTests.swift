import CLibc
import Channel
import FileSystem
import System
import Testing
import XenConsole

@testable import Backend

/// The guest's end of a ring.
struct GuestRing {
    let page: UnsafeMutableRawPointer

    subscript(field: Ring.Field) -> UInt32 {
        get { page.load(fromByteOffset: field.rawValue, as: UInt32.self) }
        nonmutating set { page.storeBytes(of: newValue, toByteOffset: field.rawValue, as: UInt32.self) }
    }

    func write(_ text: String) {
        for byte in text.utf8 {
            page.storeBytes(of: byte, toByteOffset: Ring.Field.out.rawValue + Int(self[.outProducer] % 2048), as: UInt8.self)
            self[.outProducer] &+= 1
        }
    }

    func read() -> String {
        var bytes: [UInt8] = []
        while self[.inConsumer] != self[.inProducer] {
            bytes.append(page.load(fromByteOffset: Ring.Field.in.rawValue + Int(self[.inConsumer] % 1024), as: UInt8.self))
            self[.inConsumer] &+= 1
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension World {
    func ring(_ domid: UInt32, reference: UInt32 = 8) -> GuestRing { GuestRing(page: hypervisor.page(reference, of: domid)) }

    func text(_ name: String) -> String { String(decoding: directory.file(name).array, as: UTF8.self) }

    func contents(_ name: String) -> String {
        String(decoding: ((try? readFile(directory.file(name))) ?? nil)?.array ?? [], as: UTF8.self)
    }
}

struct ServingTests {
    private func connected(_ connection: String = "none", path: String? = nil) throws -> World {
        let world = try World()
        world.add(5, 1, connection, path: path.map { world.text($0) })
        try world.start()
        world.connect(5)
        world.settle()
        #expect(world.state(5) == "4")
        return world
    }

    @Test func whatAGuestWritesArrives() throws {
        let world = try connected("path", path: "out")
        for round in 0..<50 {
            world.ring(5).write("line \(round)\n")
            world.hypervisor.notify(remote: 9)
            #expect(world.reaches { world.contents("out").hasSuffix("line \(round)\n") })
        }
        #expect(world.contents("out").split(separator: "\n").count == 50)
        #expect(world.device(5)?.fromGuest == UInt64(world.contents("out").utf8.count))
    }

    @Test func impossibleIndicesEndTheRingAndNotTheDaemon() throws {
        let world = try connected()
        world.ring(5)[.outProducer] = 5000
        world.hypervisor.notify(remote: 9)
        world.settle()
        #expect(world.state(5) == "5" && world.hypervisor.mapped == 0)
        #expect(world.lines.contains { $0.contains("impossible") })
    }

    @Test func whatIsLeftIsTakenAtTheEnd() throws {
        let world = try connected("path", path: "out")
        world.ring(5).write("last words")
        world.write("\(world.frontend(5))/state", "6")
        world.settle()
        #expect(world.contents("out") == "last words")
        #expect(world.state(5) == "2" && world.hypervisor.mapped == 0)
    }

    @Test func aWriteThatFailsIsTriedAgain() throws {
        let world = try connected("path", path: "out")
        world.ring(5).write("some")
        world.hypervisor.notify(remote: 9)
        SystemFault.fail(.write, with: ENOSPC) { world.settle() }
        #expect(world.contents("out").isEmpty)
        #expect(world.lines.contains { $0.contains("cannot write") })
        #expect(world.reaches { world.contents("out") == "some" })
        // Nothing is taken for delivered that is not.
        #expect(world.device(5)?.fromGuest == 4)
    }

    @Test func aPollThatFailsIsTriedAgain() throws {
        let world = try World()
        world.add(5, 1, "socket", path: world.text("sock"))
        SystemFault.fail(.epollControl, with: ENOSPC, first: 1) { try? world.start() }
        #expect(world.lines.contains { $0.contains("cannot poll") })
        #expect(world.state(5) == "2")
        // The listener is not in the loop yet: a client that comes is accepted later.
        #expect(world.reaches { world.lines.contains { $0.contains("cannot poll") } && world.device(5)?.retryAt == nil })
        let client = try connectToSocket(world.directory.file("sock"), until: .now)
        defer { close(client) }
        #expect(world.reaches { world.device(5)?.endpoint.hasClient == true })
    }

    @Test func aClientsBytesReachTheGuest() throws {
        let world = try connected("socket", path: "sock")
        let client = try connectToSocket(world.directory.file("sock"), until: .now)
        _ = write(client, "hello", 5)
        var got = ""
        #expect(world.reaches {
            got += world.ring(5).read()
            return got == "hello"
        })
        world.ring(5).write("answer")
        world.hypervisor.notify(remote: 9)
        var answer = ""
        #expect(world.reaches {
            _ = try? receive(from: client, atMost: 100) { answer += String(decoding: $0, as: UTF8.self) }
            return answer == "answer"
        })
        close(client)
        #expect(world.reaches { world.device(5)?.endpoint.hasClient == false })
    }

    @Test func aRingThatCannotBeMappedIsTriedAgain() throws {
        let world = try World()
        world.add(5)
        world.hypervisor.mapFailure = EINVAL
        try world.start()
        world.connect(5)
        world.settle()
        #expect(world.state(5) == "2")
        world.hypervisor.mapFailure = nil
        world.hypervisor.bindFailure = EINVAL
        #expect(world.reaches { world.lines.contains { $0.contains("bind") } })
        #expect(world.hypervisor.mapped == 0, "half of a ring is let go of")
        world.hypervisor.bindFailure = nil
        #expect(world.reaches { world.state(5) == "4" })
        #expect(world.lines.filter { $0.contains("cannot map") }.count == 1, "each cause once")
    }

    /// Opening the endpoint again does not cancel what the ring waits for.
    @Test func aRingThatFailedIsTriedAgainThoughTheChannelWasClosedMeanwhile() throws {
        let world = try World(pause: .milliseconds(100))
        world.add(5)
        world.hypervisor.mapFailure = EINVAL
        try world.start()
        world.connect(5)
        world.settle()
        world.write("\(world.backend(5))/online", "0")
        world.settle()
        #expect(world.state(5) == "6")
        world.write("\(world.backend(5))/online", "1")
        world.settle()
        world.hypervisor.mapFailure = nil
        #expect(world.reaches { world.state(5) == "4" })
    }

    @Test func anEndpointThatCannotBeOpenedSaysWhy() throws {
        let world = try World()
        world.add(5, 1, "path", path: "/nowhere/at/all")
        try world.start()
        let error = "\(world.backend(5))/error"
        #expect(world.read(error)?.contains("/nowhere/at/all") == true)
        #expect(world.state(5) == "1")
        // It is said again to a xenstored that has forgotten it.
        world.store.change(error, nil)
        world.store.hangUp()
        #expect(world.reaches { world.read(error) != nil })
    }

    @Test func anErrorThatIsOverIsRemoved() throws {
        let world = try World()
        world.add(5, 1, "path", path: world.text("out"))
        world.write("\(world.backend(5))/error", "of another daemon")
        try world.start()
        #expect(world.state(5) == "2")
        #expect(world.read("\(world.backend(5))/error") == nil)
        // And where the removal was lost, when it is looked at again.
        world.write("\(world.backend(5))/error", "of another daemon")
        world.write("\(world.backend(5))/name", "org.test.1")
        world.settle()
        #expect(world.read("\(world.backend(5))/error") == nil)
    }

    @Test func aCauseIsNoLongerThanANode() throws {
        let world = try World()
        world.add(5, 1, String(repeating: "w", count: 4000))
        world.add(5, 2)
        try world.start()
        #expect(world.read("\(world.backend(5))/error")?.contains("www") == true)
        #expect(world.state(5, 2) == "2", "the guest's other channels are published")
    }

    @Test func aForgottenDeviceStaysForgotten() throws {
        let world = try connected()
        let device = try #require(world.device(5))
        world.ready.add(device)
        world.retries.add(device)
        world.actions.step(device, .vanished)
        #expect(device.retryAt == nil)
        world.actions.step(device, .retry)
        #expect(device.state.phase == .closed, "whatever still comes")
        world.settle()
        #expect(world.hypervisor.mapped == 0)
    }

    @Test func manyChannelsOfManyGuestsAreServed() throws {
        let world = try World()
        for domid in 1...20 as ClosedRange<UInt32> { for number in 1...5 as ClosedRange<UInt32> { world.add(domid, number) } }
        try world.start()
        #expect(world.table.devices.count == 100)
        #expect((1...20).allSatisfy { domid in (1...5).allSatisfy { world.state(domid, $0) == "2" } })
        for domid in 1...20 as ClosedRange<UInt32> { world.connect(domid, 3, port: 100 + domid) }
        world.settle()
        #expect((1...20).allSatisfy { world.state($0, 3) == "4" })
        #expect(world.hypervisor.mapped == 20)
        // A guest that notifies without end takes nobody's turn.
        world.hypervisor.notify(remote: 101)
        for domid in 1...20 as ClosedRange<UInt32> { world.store.change("/local/domain/0/backend/console/\(domid)", nil) }
        world.settle()
        #expect(world.table.devices.isEmpty && world.hypervisor.mapped == 0 && world.hypervisor.bound.isEmpty)
        #expect(world.store.watches.map(\.token) == ["backend"])
    }

    /// Bytes accumulate, and the device goes meanwhile.
    @Test func oneThatGathersMayGo() throws {
        let world = try connected("path", path: "out")
        for _ in 0..<20 where world.pump.due == nil {
            world.ring(5).write(String(repeating: "x", count: 400))
            world.hypervisor.notify(remote: 9)
            world.turn()
            System.pause(.microseconds(1500))
        }
        world.store.change(world.backend(5), nil)
        world.settle()
        #expect(world.table.devices.isEmpty)
        System.pause(.milliseconds(6))
        world.settle()
        #expect(world.pump.due == nil)
    }
}

struct StatusSocketTests {
    @Test func slowClientsAreServedAsTheyRead() throws {
        let directory = TemporaryDirectory()
        let poller = try Poller()
        let text = [UInt8](repeating: 0x61, count: 1 << 20)
        let socket = try StatusSocket(directory.file("status"), poller) { text }
        defer { socket.close() }
        let clients = try (0..<8).map { _ in try connectToSocket(directory.file("status"), until: .now) }
        for _ in 0..<8 { poller.wait(.zero) }
        var counts = clients.map { _ in 0 }
        close(clients[7])
        for _ in 0..<10_000 where counts.prefix(7).contains(where: { $0 < text.count }) {
            for index in 0..<7 { counts[index] += (try? receive(from: clients[index], atMost: 65536) { _ in }) ?? 0 }
            poller.wait(.zero)
        }
        #expect(counts.prefix(7).allSatisfy { $0 == text.count })
        for client in clients.prefix(7) { close(client) }
    }
}
