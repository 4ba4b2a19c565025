import CLibc
import Channel
import System
import Testing

@testable import XenStore

/// Nobody waits.
struct NoWaiter: StoreWaiter {
    func watch(_ paths: [Bytes]) throws(StoreError) { throw .disconnected(0) }
    func run(_ batch: Batch) throws(StoreError) -> Replies { throw .disconnected(0) }
    func waitForEvents(until deadline: Instant) throws(StoreError) -> [WatchEvent] { [] }
}

/// A xenstored that gives one answer after another.
private final class Script: BatchRunner {
    private var answers: [(UInt32, [UInt8])]
    private(set) var sent: [[UInt8]] = []

    init(_ answers: [(UInt32, [UInt8])]) {
        self.answers = answers
    }

    func waiter() throws(StoreError) -> NoWaiter { throw .disconnected(0) }

    func run(_ batch: Batch) throws(StoreError) -> Replies {
        sent.append(batch.bytes)
        let (type, payload) = answers.removeFirst()
        return try replies(to: batch, message(type, 0, payload))
    }
}

struct DirectoryTests {
    private let tooBig: (UInt32, [UInt8]) = (16, [UInt8]("E2BIG\0".utf8))

    @Test func aBigDirectoryComesInParts() throws {
        let script = Script([
            tooBig, (22, [UInt8]("5\0a\0b\0".utf8)), (22, [UInt8]("5\0c\0\0".utf8)),
        ])
        #expect(try script.directory("/d") == ["a", "b", "c"])
        #expect(script.sent[2].suffix(5) == [0x2f, 0x64, 0, 0x34, 0])
    }

    @Test func aDirectoryThatChangesIsReadAnew() throws {
        let script = Script([
            tooBig, (22, [UInt8]("5\0a\0".utf8)), (22, [UInt8]("6\0c\0\0".utf8)),
            (22, [UInt8]("6\0x\0\0".utf8)),
        ])
        #expect(try script.directory("/d") == ["x"])
    }

    @Test func partsThatBreakTheProtocolAreErrors() {
        for part in ["", "5", "5\0abc"] {
            let script = Script([tooBig, (22, [UInt8](part.utf8))])
            #expect(throws: StoreError.self) { try script.directory("/d") }
        }
    }

    @Test func noDirectoryIsNil() throws {
        #expect(try Script([(16, [UInt8]("ENOENT\0".utf8))]).directory("/d") == nil)
    }
}
