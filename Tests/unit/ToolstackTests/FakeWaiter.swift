import CLibc
import Channel
import System

@testable import XenStore

/// A connection to wait by.
final class FakeWaiter: StoreWaiter {
    private let store: FakeStore
    var watches: [String] = []
    var events: [WatchEvent] = []
    var isOpen = true

    init(_ store: FakeStore) {
        self.store = store
    }

    func watch(_ paths: [Bytes]) throws(StoreError) {
        var batch = Batch()
        for path in paths { batch.watch(path, token: "wait") }
        try run(batch).check()
    }

    func run(_ batch: Batch) throws(StoreError) -> Replies {
        guard isOpen else { throw .disconnected(EBADF) }
        return try store.run(batch, for: self)
    }

    func waitForEvents(until deadline: Instant) throws(StoreError) -> [WatchEvent] {
        guard isOpen else { throw .disconnected(EBADF) }
        if events.isEmpty { for other in store.others { other(store) } }
        defer { events = [] }
        return events
    }
}

struct FakeError: Error {
    let number: Int32

    init(_ number: Int32) { self.number = number }

    var name: String {
        switch number {
        case ENOENT: "ENOENT"
        case EAGAIN: "EAGAIN"
        case ENOSPC: "ENOSPC"
        case ENOSYS: "ENOSYS"
        case EACCES: "EACCES"
        default: "EIO"
        }
    }
}
