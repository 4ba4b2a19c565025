import CLibc
import Channel
import System
import Testing
import XenConsole

@testable import Backend
@testable import XenStore

/// A session with a xenstored of the test's own.
final class SessionSetup {
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
