import Channel
import Testing

import CLibc
@testable import XenStore

/// A message as xenstored sends it.
func message(_ type: UInt32, _ id: UInt32, _ payload: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    for word in [type, id, 0, UInt32(payload.count)] { withUnsafeBytes(of: word) { bytes.append(contentsOf: $0) } }
    return bytes + payload
}

/// Feeds a reply stream to the decoder in pieces, and takes the replies.
func replies(to batch: Batch, _ stream: [UInt8], pieces: Int = 4096) throws(StoreError) -> Replies {
    var decoder = Decoder()
    var replies = Replies(to: batch)
    var rest = stream[...]
    while !rest.isEmpty {
        [UInt8](rest.prefix(pieces)).withUnsafeBytes { decoder.append($0) }
        rest = rest.dropFirst(pieces)
        while let message = try decoder.message() { try replies.take(message, decoder.bytes) }
    }
    replies.finish(decoder.takeBytes())
    return replies
}

struct EncodingTests {
    @Test func aRequestIsHeaderPathAndValue() {
        var batch = Batch(in: Transaction(id: 7))
        batch.read("/a")
        #expect(batch.write("/b", "v") == Batch.Index(number: 1))
        #expect(batch.bytes == [2, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 3, 0, 0, 0, 0x2f, 0x61, 0]
            + [11, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 4, 0, 0, 0, 0x2f, 0x62, 0, 0x76])
        #expect(batch.starts == [0, 19])
    }

    @Test func permissionsAreOneStringEach() {
        var batch = Batch()
        batch.setPermissions("/a", [Permission(.none, 1), Permission(.read, 0)])
        #expect(batch.bytes.dropFirst(16) == [0x2f, 0x61, 0, 0x6e, 0x31, 0, 0x72, 0x30, 0])
    }

    @Test func whatTheProtocolCannotCarryIsMarked() {
        var batch = Batch()
        batch.write("/a", Bytes([UInt8](repeating: 0x61, count: 4096)))
        #expect(batch.isTooLong)
        batch = Batch()
        batch.read(Bytes([UInt8](repeating: 0x61, count: 3072)))
        #expect(batch.isTooLong)
        batch = Batch()
        batch.read(Bytes([0x2f, 0, 0x61]))
        #expect(batch.isTooLong)
        batch = Batch()
        batch.write("/a", Bytes([UInt8](repeating: 0x61, count: 4093)))
        #expect(!batch.isTooLong)
    }

    @Test func onlyReadsAreHarmless() {
        var batch = Batch()
        batch.read("/a")
        batch.directory("/a")
        batch.startTransaction()
        #expect(batch.isHarmless)
        batch.remove("/a")
        #expect(!batch.isHarmless)
    }
}

struct DecodingTests {
    private var batch: Batch {
        var batch = Batch()
        batch.read("/a")
        batch.read("/b")
        batch.directory("/c")
        return batch
    }

    @Test(arguments: [1, 2, 3, 15, 16, 17, 4096])
    func repliesArriveInAnyPieces(_ pieces: Int) throws {
        let stream = message(2, 0, [0x76]) + message(16, 1, [UInt8]("ENOENT\0".utf8))
            + message(1, 2, [UInt8]("x\0y\0".utf8))
        let found = try replies(to: batch, stream, pieces: pieces)
        #expect(found.missing == 0)
        #expect(try found.value(Batch.Index(number: 0)) == ("v" as Bytes))
        #expect(try found.value(Batch.Index(number: 1)) == nil)
        #expect(try found.children(Batch.Index(number: 2)) == ["x", "y"])
    }

    @Test func repliesMayComeInAnyOrder() throws {
        let stream = message(1, 2, []) + message(2, 1, [0x62]) + message(2, 0, [0x61])
        let found = try replies(to: batch, stream)
        #expect(try found.value(Batch.Index(number: 0)) == ("a" as Bytes))
        #expect(try found.children(Batch.Index(number: 2)) == [])
    }

    @Test func errorsHaveTheirNumbers() throws {
        for (name, number) in [("EACCES", EACCES), ("E2BIG", E2BIG), ("NONSENSE", EIO), ("", EIO)] {
            let stream = message(16, 0, [UInt8](name.utf8) + [0])
            let found = try replies(to: batch, stream)
            #expect(throws: StoreError.refused(number)) { try found.value(Batch.Index(number: 0)) }
        }
    }

    @Test func brokenStreamsAreErrors() {
        func refused(_ stream: [UInt8]) -> Bool {
            do throws(StoreError) {
                _ = try replies(to: batch, stream)
                return false
            } catch .protocolViolation {
                return true
            } catch {
                return false
            }
        }
        #expect(refused(message(2, 3, [])))  // no such request
        #expect(refused(message(2, .max, [])))
        #expect(refused(message(2, 0, []) + message(2, 0, [])))  // answered twice
        #expect(refused(message(11, 0, [])))  // the type of another request
        #expect(refused(message(99, 0, [])))
        #expect(refused(message(2, 0, [UInt8](repeating: 0, count: 4097))))  // oversized
    }

    @Test func transactionNumbers() throws {
        var batch = Batch()
        batch.startTransaction()
        #expect(try replies(to: batch, message(6, 0, [UInt8]("42\0".utf8))).transaction(Batch.Index(number: 0)) == Transaction(id: 42))
        for wrong in ["", "0", "x", "4294967296", "-1"] {
            let found = try replies(to: batch, message(6, 0, [UInt8](wrong.utf8) + [0]))
            #expect(throws: StoreError.self) { try found.transaction(Batch.Index(number: 0)) }
        }
    }

    @Test func watchEvents() {
        #expect(WatchEvent(payload: [UInt8]("/p\0token\0".utf8)[...]) == WatchEvent(path: "/p", token: "token"))
        #expect(WatchEvent(payload: [UInt8]("/p\0token".utf8)[...]) == WatchEvent(path: "/p", token: "token"))
        #expect(WatchEvent(payload: [UInt8]("/p".utf8)[...]) == nil)
        #expect(WatchEvent(payload: []) == nil)
    }

    @Test func numbers() {
        #expect(unsigned([UInt8]("18446744073709551615".utf8)) == UInt64.max)
        #expect(unsigned([UInt8]("18446744073709551616".utf8)) == nil)
        #expect(unsigned([UInt8]("1x".utf8)) == nil)
        #expect(unsigned([UInt8]()) == nil)
    }
}
