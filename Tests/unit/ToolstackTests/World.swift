import Channel
import CLibc
import Testing
import XenConsole

@testable import Toolstack

/// A host in a fake store: guests 1 and 2, a driver domain 3, and xenchanneld
/// in the domains 0 and 3.
struct World {
    let store = FakeStore()
    var toolstack: Toolstack<FakeStore> { Toolstack(store) }

    init() {
        for domid in 0...3 {
            store["/local/domain/\(domid)/name"] = "guest\(domid)"
            store["/local/domain/\(domid)/device"] = ""
        }
        for domid in [0, 3] { store["/local/domain/\(domid)/data/xenchanneld"] = "1" }
        store["/libxl/1/device/console/0/state"] = "1"
        store.others = [World.serve]
    }

    static func record(_ number: Int = 1) -> String { "/libxl/1/device/console/\(number)" }
    static func frontend(_ number: Int = 1) -> String { "/local/domain/1/device/console/\(number)" }
    static func backend(_ number: Int = 1, in domid: UInt32 = 0) -> String { "/local/domain/\(domid)/backend/console/1/\(number)" }

    /// All backends that are there.
    private static func backends(_ store: FakeStore) -> [String] {
        ["/local/domain/0/backend/console", "/local/domain/3/backend/console"].flatMap { directory in
            store.children(directory).flatMap { guest in store.children("\(directory)/\(guest)").map { "\(directory)/\(guest)/\($0)" } }
        }
    }

    /// A backend with a guest that lets go of everything.
    static func serve(_ store: FakeStore) {
        for backend in backends(store) {
            if store[backend + "/state"] == "1" { store[backend + "/state"] = "2" }
            if store[backend + "/state"] == "5" { store[backend + "/state"] = "6" }
        }
    }

    /// A backend that opens nothing.
    static func refuse(_ store: FakeStore) {
        for backend in backends(store) where store[backend + "/state"] == "1" && store[backend + "/error"] == nil {
            store[backend + "/error"] = "not with me"
        }
    }

    static func request(
        _ name: Bytes = "org.test", devid: Int32? = nil, backend: UInt32 = 0, as connection: Connection = .pty
    ) -> ChannelRequest {
        try! ChannelRequest(devid: devid, name: name, backend: .domid(backend), kind: connection.kind, path: connection.path)
    }

    /// The error of an operation that changes nothing.
    func refused(_ body: () throws(ChannelError) -> Void, sourceLocation: SourceLocation = #_sourceLocation) -> ChannelError? {
        let before = store.contents
        do throws(ChannelError) {
            try body()
            Issue.record("no error", sourceLocation: sourceLocation)
            return nil
        } catch {
            #expect(store.changes(since: before) == [], sourceLocation: sourceLocation)
            return error
        }
    }
}

/// Every fault at every message of `body`, on a world of its own each time,
/// until there is no such message; `check` looks at what is left, with the
/// error if there was one.
func everyFault(
    _ prepare: (World) throws -> Void = { _ in }, _ body: (World) throws(ChannelError) -> Void,
    check: (World, _ before: [String: String], ChannelError?, Comment) -> Void
) throws {
    for kind: FakeStore.Fault in [.refuses(ENOSPC), .refuses(EIO), .breaksBefore, .breaksAfter] {
        var message = 0
        while true {
            let world = World()
            try prepare(world)
            let before = world.store.contents
            let first = world.store.messages + message
            world.store.fault = (first, kind)
            var failure: ChannelError?
            do throws(ChannelError) { try body(world) } catch { failure = error }
            if world.store.messages <= first { break }
            check(world, before, failure, "\(kind) at message \(message): \(failure?.message.description ?? "no error")")
            message += 1
        }
        #expect(message > 10)
    }
}
