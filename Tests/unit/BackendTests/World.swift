import CLibc
import Channel
import FileSystem
import System
import XenConsole
import XenStore

@testable import Backend

/// A directory of a test's own, removed after it.
final class TemporaryDirectory {
    let path: String

    init() {
        var template = Array("/tmp/xenchanneld.XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template))
    }

    private var names: Set<String> = []

    func file(_ name: String) -> Bytes {
        names.insert(name)
        return Bytes(Array("\(path)/\(name)".utf8))
    }

    deinit {
        for name in names { unlink("\(path)/\(name)") }
        rmdir(path)
    }
}

/// The daemon's rooms, put together as in Server, with a hypervisor and a
/// xenstored of the test's own.
final class World {
    let directory = TemporaryDirectory()
    let hypervisor = FakeHypervisor()
    let store = FakeStore()
    let log: Log
    let poller: Poller
    let table = DeviceTable()
    let ready = ReadyDevices()
    let retries: Retries
    let publications = Publications()
    let journal: Journal
    let grants: Grants
    let channels: EventChannels
    let session: StoreSession
    let actions: DeviceActions
    let conversation: Conversation
    let pump: Pump

    init(timeLimit: Interval = .seconds(10), pause: Interval = .milliseconds(5)) throws {
        log = try Log(directory.file("log"), .debug)
        poller = try Poller()
        retries = Retries(pause: pause)
        journal = try Journal(directory.file("journal"))
        (grants, channels) = try FakeHypervisor.$current.withValue(hypervisor) { [poller, ready] in
            (try Grants(), try EventChannels(poller, ready))
        }
        session = StoreSession(log, poller, timeLimit: timeLimit, pause: pause) { [store] (_, _) throws(StoreError) in
            try store.connect()
        }
        let endpoints = Endpoints(poller: poller, terminals: try TerminalWatch(poller), journal: journal)
        actions = DeviceActions(log, table, publications, ready, retries, grants, channels, endpoints)
        conversation = Conversation(log, session, table, publications, actions, retries, ready, channels, journal)
        pump = Pump(log, ready, retries, actions)
    }

    deinit {
        for device in table.devices {
            if let ring = device.ring { actions.unmap(ring, of: device, takingRest: false) }
            device.endpoint.close()
        }
        ready.forEach { _ in }
        channels.close()
        grants.close()
    }

    func start() throws {
        try store.whileServing { try session.connectFirst() }
        conversation.begin()
        settle()
    }

    /// One round of the server's loop; false when nothing is left to be done now.
    @discardableResult func turn() -> Bool {
        poller.wait(.zero)
        session.tick()
        conversation.tick()
        conversation.proceed()
        pump.run()
        return store.serve() || conversation.isPending || !ready.isEmpty
    }

    /// Goes on until nothing is left to be done.
    func settle() {
        var quiet = 0
        for _ in 0..<20_000 where quiet < 3 { quiet = turn() ? 0 : quiet + 1 }
    }

    /// Goes on until something is so; false when it is not within some seconds.
    func reaches(_ condition: () -> Bool) -> Bool {
        let deadline = Instant.now + .seconds(10)
        while !condition() {
            guard Instant.now < deadline else { return false }
            if !turn() { System.pause(.microseconds(200)) }
        }
        return true
    }

    // MARK: guests and their toolstack

    func backend(_ domid: UInt32, _ number: UInt32 = 1) -> String { "/local/domain/0/backend/console/\(domid)/\(number)" }
    func frontend(_ domid: UInt32, _ number: UInt32 = 1) -> String { "/local/domain/\(domid)/device/console/\(number)" }

    func write(_ path: String, _ value: String) { store.change(path, Array(value.utf8)) }
    func read(_ path: String) -> String? { store.nodes[path].map { String(decoding: $0, as: UTF8.self) } }

    /// Adds a channel, as the toolstack does.
    func add(_ domid: UInt32, _ number: UInt32 = 1, _ connection: String = "none", path: String? = nil) {
        for (node, value) in [("backend", backend(domid, number)), ("type", "xenchanneld"), ("state", "1")] {
            write("\(frontend(domid, number))/\(node)", value)
        }
        if connection == "pty" { write("\(frontend(domid, number))/tty", "") }
        let nodes = [
            ("frontend", frontend(domid, number)), ("online", "1"), ("name", "org.test.\(number)"),
            ("connection", connection), ("path", path), ("state", "1"),
        ]
        for (node, value) in nodes { if let value { write("\(backend(domid, number))/\(node)", value) } }
    }

    /// The guest's driver offers a ring.
    func connect(_ domid: UInt32, _ number: UInt32 = 1, reference: UInt32 = 8, port: UInt32 = 9) {
        write("\(frontend(domid, number))/ring-ref", "\(reference)")
        write("\(frontend(domid, number))/port", "\(port)")
        write("\(frontend(domid, number))/state", "4")
    }

    func device(_ domid: UInt32, _ number: UInt32 = 1) -> Device? {
        table[ConsoleAddress(domid: domid, devid: Int32(number) - 1)]
    }

    func state(_ domid: UInt32, _ number: UInt32 = 1) -> String? { read("\(backend(domid, number))/state") }

    /// The lines of the log.
    var lines: [String] {
        guard let text = try? readFile(directory.file("log")) else { return [] }
        return String(decoding: text.array, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
