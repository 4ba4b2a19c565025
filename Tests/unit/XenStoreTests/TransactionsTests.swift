import CLibc
import Channel
import Testing

@testable import XenStore

/// A xenstored that accepts everything, but for the ends of transactions, which
/// it answers as told.
private final class Journal: BatchRunner {
    private var ends: [[UInt8]]
    /// The batches, each with the operations in it: S start, r read, w write, x remove, C commit, A abort.
    private(set) var batches: [String] = []
    private var started = 0

    init(ends: [String] = []) {
        self.ends = ends.map { [UInt8]($0.utf8) + [0] }
    }

    func waiter() throws(StoreError) -> NoWaiter { throw .disconnected(0) }

    func run(_ batch: Batch) throws(StoreError) -> Replies {
        var text = ""
        var stream: [UInt8] = []
        for (index, operation) in batch.operations.enumerated() {
            var type = operation.rawValue
            var payload = [UInt8]("OK\0".utf8)
            switch operation {
            case .transactionStart:
                started += 1
                text += "S"
                payload = [UInt8]("\(started)\0".utf8)
            case .transactionEnd:
                let isCommit = batch.bytes[batch.starts[index] + Wire.headerSize] == UInt8(ascii: "T")
                text += isCommit ? "C" : "A"
                if isCommit, let answer = ends.first {
                    ends.removeFirst()
                    if answer.first == UInt8(ascii: "E") { (type, payload) = (Operation.error.rawValue, answer) }
                }
            case .remove: text += "x"
            case .write: text += "w"
            default: text += "r"
            }
            stream += message(type, UInt32(index), payload)
        }
        batches.append(text)
        return try replies(to: batch, stream)
    }
}

struct TransactionsTests {
    private func run(
        _ journal: Journal, _ body: (Transaction, Int) throws(StoreError) -> TransactionEnd<Int>
    ) throws(StoreError) -> Int {
        var before = Batch()
        let value = before.read("/before")
        var attempt = 0
        return try journal.withTransaction(after: before, orElse: { $0 }) { (transaction, replies) throws(StoreError) in
            #expect(try replies.value(value) == "OK\0")
            attempt += 1
            var batch = Batch(in: transaction)
            batch.read("/a")
            batch.write("/b", "c")
            _ = try journal.run(batch)
            return try body(transaction, attempt)
        }
    }

    @Test func aTransactionTakesThreeRoundTrips() throws {
        let journal = Journal()
        #expect(try run(journal) { (_, _) in .commit(7) } == 7)
        #expect(journal.batches == ["rS", "rw", "C"])
    }

    @Test func whatIsLastGoesAlongWithTheCommit() throws {
        let journal = Journal()
        _ = try run(journal) { (transaction, _) in
            var last = Batch(in: transaction)
            last.remove("/d")
            return .commit(7, last: last)
        }
        #expect(journal.batches == ["rS", "rw", "xC"])
    }

    @Test func aConflictBeginsItAnew() throws {
        let journal = Journal(ends: ["EAGAIN", "EAGAIN"])
        let attempts = try run(journal) { (transaction, attempt) in
            #expect(transaction.id == UInt32(attempt))
            return .commit(attempt)
        }
        #expect(attempts == 3)
        #expect(journal.batches == ["rS", "rw", "C", "rS", "rw", "C", "rS", "rw", "C"])
    }

    @Test func whatIsNoLongerSoIsAbortedAndBegunAnew() throws {
        let journal = Journal()
        #expect(try run(journal) { (_, attempt) in attempt == 1 ? .again : .commit(attempt) } == 2)
        #expect(journal.batches == ["rS", "rw", "A", "rS", "rw", "C"])
    }

    @Test func anAbortHasAResult() throws {
        let journal = Journal()
        #expect(try run(journal) { (_, _) in .abort(5) } == 5)
        #expect(journal.batches == ["rS", "rw", "A"])
    }

    @Test func anErrorAborts() {
        let journal = Journal()
        #expect(throws: StoreError.tooLong) {
            try run(journal) { (_, _) throws(StoreError) in throw .tooLong }
        }
        #expect(journal.batches == ["rS", "rw", "A"])
    }

    @Test func aCommitThatIsRefusedIsAnError() {
        let journal = Journal(ends: ["ENOSPC"])
        #expect(throws: StoreError.refused(ENOSPC)) { try run(journal) { (_, _) in .commit(1) } }
        #expect(journal.batches == ["rS", "rw", "C"])
    }
}
