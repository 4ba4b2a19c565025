import CLibc
import Channel
import System
import Testing

@testable import XenStore

/// A connection, and xenstored's end of it.
private final class Line {
    let connection: StoreConnection
    private var other: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        _ = socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &ends)
        connection = StoreConnection(descriptor: ends[0], isSocket: true)
        other = ends[1]
    }

    deinit { hangUp() }

    func hangUp() {
        if other >= 0 { close(other) }
        other = -1
    }

    func say(_ bytes: [UInt8]) { _ = send(other, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

    func heard() -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var heard: [UInt8] = []
        while true {
            let count = recv(other, &buffer, buffer.count, 0)
            guard count > 0 else { return heard }
            heard += buffer[..<count]
        }
    }
}

struct StoreConnectionTests {
    private let event = message(15, 0, [UInt8]("/p\0t\0".utf8))

    private func reads(_ count: Int) -> Batch {
        var batch = Batch()
        for _ in 0..<count { batch.read("/a") }
        return batch
    }

    @Test func repliesComePieceByPiece() throws {
        let line = Line()
        let batch = reads(2)
        try line.connection.start(batch)
        #expect(try line.connection.proceed() == nil)
        #expect(line.heard() == batch.bytes)
        let stream = message(2, 0, [0x31]) + event + message(2, 1, [0x32])
        for byte in stream.dropLast() {
            line.say([byte])
            #expect(try line.connection.proceed() == nil)
        }
        line.say([stream.last!])
        let replies = try #require(try line.connection.proceed())
        #expect(try replies.value(.first) == "1")
        #expect(try replies.value(Batch.Index(number: 1)) == "2")
        #expect(line.connection.takenEvents() == [WatchEvent(path: "/p", token: "t")])
        #expect(!line.connection.isUnderWay && line.connection.takenEvents().isEmpty)
    }

    @Test func eventsAreTakenWithoutABatch() throws {
        let line = Line()
        line.say(event + event + event.prefix(9))
        #expect(try line.connection.takeEvents().count == 2)
        line.say(Array(event.dropFirst(9)))
        #expect(try line.connection.takeEvents().count == 1)
        #expect(try line.connection.waitForEvents(until: .now + .milliseconds(1)).isEmpty)
    }

    @Test func aLongBatchIsSentAsThereIsSpace() throws {
        let line = Line()
        let batch = reads(40_000)
        try line.connection.start(batch)
        var heard: [UInt8] = []
        while heard.count < batch.bytes.count {
            #expect(try line.connection.proceed() == nil)
            let more = line.heard()
            try #require(!more.isEmpty)
            heard += more
        }
        #expect(heard == batch.bytes)
        #expect(!line.connection.wantsToSend)
    }

    @Test func anEndOfFileClosesIt() throws {
        let line = Line()
        try line.connection.start(reads(1))
        _ = try line.connection.proceed()
        line.hangUp()
        #expect(throws: StoreError.self) { try line.connection.proceed() }
        #expect(line.connection.descriptor == -1)
        #expect(throws: StoreError.disconnected(EBADF)) { try line.connection.proceed() }
        #expect(throws: StoreError.disconnected(EBADF)) { try line.connection.start(reads(1)) }
    }

    @Test func repliesBeforeTheEndOfFileCount() throws {
        let line = Line()
        try line.connection.start(reads(1))
        _ = try line.connection.proceed()
        _ = line.heard()
        line.say(message(2, 0, [0x31]))
        line.hangUp()
        #expect(try line.connection.proceed() != nil)
        #expect(throws: StoreError.disconnected(0)) { try line.connection.proceed() }
    }

    @Test func whatIsTooLongDoesNotHarmIt() throws {
        let line = Line()
        var batch = Batch()
        batch.write("/a", Bytes([UInt8](repeating: 0, count: 5000)))
        #expect(throws: StoreError.tooLong) { try line.connection.start(batch) }
        #expect(line.connection.descriptor >= 0 && !line.connection.isUnderWay)
        #expect(try line.connection.proceed() == nil)
    }

    @Test func repliesToNothingCloseIt() {
        let line = Line()
        line.say(message(2, 0, []))
        #expect(throws: StoreError.self) { try line.connection.proceed() }
        #expect(line.connection.descriptor == -1)
    }

    @Test func moreRepliesThanRequestsCloseIt() throws {
        let line = Line()
        try line.connection.start(reads(1))
        _ = try line.connection.proceed()
        line.say(message(2, 0, []) + message(2, 0, []))
        #expect(throws: StoreError.self) { try line.connection.proceed() }
    }

    @Test(arguments: [(.send, EPIPE), (.receive, ECONNRESET)] as [(SystemCall, Int32)])
    func whatFailsClosesIt(_ call: SystemCall, _ number: Int32) throws {
        let line = Line()
        try line.connection.start(reads(1))
        #expect(throws: StoreError.disconnected(number)) {
            try SystemFault.fail(call, with: number) { try line.connection.proceed() }
        }
        #expect(line.connection.descriptor == -1)
    }

    @Test(arguments: [.send, .receive] as [SystemCall])
    func whatWouldWaitComesLater(_ call: SystemCall) throws {
        let line = Line()
        try line.connection.start(reads(1))
        let early = try SystemFault.fail(call, with: EAGAIN) { try line.connection.proceed() }
        #expect(early == nil && line.connection.descriptor >= 0)
        #expect(line.connection.wantsToSend == (call == .send))
        _ = try line.connection.proceed()
        line.say(message(2, 0, [0x31]))
        #expect(try line.connection.proceed() != nil)
    }
}
