import CLibc
import Channel
import System
import Testing

@testable import XenStore

/// Answers a batch: its requests' replies, one after another.
private func answer(_ batch: Batch, _ answers: [(UInt32, String)]) throws -> Replies {
    var stream: [UInt8] = []
    for (index, (type, payload)) in answers.enumerated() {
        stream += message(type, UInt32(index), Array(payload.utf8))
    }
    return try replies(to: batch, stream)
}

/// Takes an exchange through scripted replies to each of its batches; what it sent, and its outcome.
private func play<E: Exchange>(_ exchange: E, _ script: [[(UInt32, String)]]) throws -> (sent: [[Operation]], outcome: E.Outcome?) {
    var exchange = exchange
    var replies: Replies?
    var sent: [[Operation]] = []
    var rest = script[...]
    while true {
        switch try exchange.next(replies) {
        case .done(let outcome): return (sent, outcome)
        case .send(let batch):
            sent.append(batch.operations)
            guard let answers = rest.popFirst() else { return (sent, nil) }
            replies = try answer(batch, answers)
        }
    }
}

struct DirectoriesTests {
    private let big: (UInt32, String) = (16, "E2BIG\0")
    private let missing: (UInt32, String) = (16, "ENOENT\0")
    private let refused: (UInt32, String) = (16, "EACCES\0")

    @Test func allAreListedAtOnce() throws {
        let (sent, children) = try play(Directories(["/a", "/b", "/c", "/d"]), [
            [(1, "x\0y\0"), missing, refused, (1, "")],
        ])
        #expect(children == [["x", "y"], [], [], []])
        #expect(sent == [[.directory, .directory, .directory, .directory]])
    }

    @Test func noneAreNone() throws {
        let (sent, children) = try play(Directories([]), [])
        #expect(children == [] && sent.isEmpty)
    }

    @Test func thoseThatExceedAMessageComeInParts() throws {
        let (sent, children) = try play(Directories(["/a", "/b", "/c"]), [
            [big, (1, "m\0"), big],
            [(22, "7\0x\0y\0")], [(22, "7\0z\0\0")],
            [(22, "9\0p\0\0")],
        ])
        #expect(children == [["p"], ["m"], ["x", "y", "z"]])
        #expect(sent.count == 4)
    }

    @Test func oneThatChangesIsReadAgain() throws {
        let (_, children) = try play(Directories(["/a"]), [
            [big], [(22, "7\0x\0")], [(22, "8\0y\0\0")], [(22, "8\0p\0")], [(22, "8\0q\0\0")],
        ])
        #expect(children == [["p", "q"]])
    }

    @Test func oneThatGoesMeanwhileIsEmpty() throws {
        #expect(try play(Directories(["/a", "/b"]), [[(1, "x\0"), big], [missing]]).outcome == [["x"], []])
    }

    /// An older xenstored has no XS_DIRECTORY_PART (ENOSYS).
    @Test func oneThatIsRefusedDoesNotKeepTheOthers() throws {
        let (_, children) = try play(Directories(["/a", "/b", "/c"]), [
            [big, big, (1, "x\0")], [(16, "ENOSYS\0")], [(22, "1\0y\0\0")],
        ])
        #expect(children == [["y"], [], ["x"]])
        #expect(try play(Directories(["/a"]), [[big], [(22, "1\0x\0")], [refused]]).outcome == [[]])
    }

    @Test func oneWithoutRestIsAnError() {
        var script: [[(UInt32, String)]] = [[big]]
        for round in 0..<300 { script.append([(22, "\(round)\0x\0")]) }
        #expect(throws: StoreError.timedOut) { try play(Directories(["/a"]), script) }
    }

    @Test(arguments: ["", "7", "7\0abc"])
    func partsThatBreakTheProtocolAreErrors(_ part: String) {
        #expect(throws: StoreError.self) { try play(Directories(["/a"]), [[big], [(22, part)]]) }
    }
}

/// Reads one node, and writes another or what it is told.
private struct CopyBody: TransactionBody {
    var value: Bytes = "v"
    var changes = true
    var error: StoreError?

    func ask(_ batch: inout Batch) -> Batch.Index { batch.read("/a") }

    func write(_ replies: Replies, _ read: Batch.Index, _ batch: inout Batch) throws(StoreError) -> Bool {
        if let error { throw error }
        _ = try replies.value(read)
        batch.write("/b", value)
        return changes
    }
}

struct TransactionExchangeTests {
    private let start: [(UInt32, String)] = [(6, "3\0")]
    private let read: [(UInt32, String)] = [(2, "x")]
    private let written: [(UInt32, String)] = [(11, "OK\0"), (7, "OK\0")]
    private let conflict: [(UInt32, String)] = [(11, "OK\0"), (16, "EAGAIN\0")]
    private let aborted: [(UInt32, String)] = [(7, "OK\0")]

    @Test func itTakesThreeSteps() throws {
        let (sent, outcome) = try play(TransactionExchange(CopyBody(), attempts: 1), [start, read, written])
        #expect(outcome != nil)
        #expect(sent == [[.transactionStart], [.read], [.write, .transactionEnd]])
    }

    @Test(arguments: 1...5)
    func conflictsBeginItAgainSoOften(_ attempts: Int) throws {
        var script: [[(UInt32, String)]] = []
        for _ in 1..<attempts { script += [start, read, conflict] }
        let exchange = TransactionExchange(CopyBody(), attempts: attempts)
        #expect(try play(exchange, script + [start, read, written]).outcome != nil)
        #expect(throws: StoreError.refused(EAGAIN)) { try play(exchange, script + [start, read, conflict]) }
    }

    @Test func withoutChangesItIsAborted() throws {
        let (sent, outcome) = try play(TransactionExchange(CopyBody(changes: false), attempts: 1), [start, read, aborted])
        #expect(outcome != nil && sent.last == [.transactionEnd])
    }

    @Test func whatFailsIsAbortedFirst() throws {
        let failing: [(CopyBody, [(UInt32, String)], StoreError)] = [
            (CopyBody(), [(16, "EACCES\0")], .refused(EACCES)),
            (CopyBody(error: .timedOut), read, .timedOut),
            (CopyBody(value: Bytes([UInt8](repeating: 0x61, count: 4096))), read, .tooLong),
        ]
        for (body, replies, error) in failing {
            let exchange = TransactionExchange(body, attempts: 3)
            #expect(try play(exchange, [start, replies]).sent.last == [.transactionEnd])
            #expect(throws: error) { try play(exchange, [start, replies, aborted]) }
            #expect(throws: error) { try play(exchange, [start, replies, [(16, "ENOENT\0")]]) }
        }
    }

    @Test func aRefusedEndIsAnError() {
        let exchange = TransactionExchange(CopyBody(), attempts: 3)
        #expect(throws: StoreError.refused(ENOSPC)) {
            try play(exchange, [start, read, [(11, "OK\0"), (16, "ENOSPC\0")]])
        }
        #expect(throws: StoreError.refused(ENOSPC)) { try play(exchange, [[(16, "ENOSPC\0")]]) }
        #expect(throws: StoreError.self) { try play(exchange, [[(6, "0\0")]]) }
    }
}
