import CLibc

/// What a transaction of one reading and one writing does.
public protocol TransactionBody {
    associatedtype Reads

    /// Adds what is to be read.
    func ask(_ batch: inout Batch) -> Reads
    /// Adds what is to be written because of that; false to end without any change.
    func write(_ replies: Replies, _ reads: Reads, _ batch: inout Batch) throws(StoreError) -> Bool
}

/// A transaction as an exchange, in three steps. It begins again while other
/// clients' changes get in its way, a few times; then it fails with EAGAIN.
public struct TransactionExchange<Body: TransactionBody>: Exchange {
    public let body: Body
    private var attemptsLeft: Int
    private var stage = Stage.begin

    private enum Stage {
        case begin
        case started(Batch.Index)
        case asked(Transaction, Body.Reads)
        case committed(Batch.Index)
        case aborted
    }

    public init(_ body: Body, attempts: Int) {
        self.body = body
        attemptsLeft = attempts
    }

    public mutating func next(_ replies: Replies?) throws(StoreError) -> ExchangeStep<Void> {
        guard let replies else { return begin() }
        switch stage {
        case .begin:
            return begin()
        case .started(let index):
            let transaction = try replies.transaction(index)
            var reads = Batch(in: transaction)
            stage = .asked(transaction, body.ask(&reads))
            return .send(reads)
        case .asked(let transaction, let reads):
            var writes = Batch(in: transaction)
            if try body.write(replies, reads, &writes) {
                stage = .committed(writes.endTransaction(commit: true))
            } else {
                writes = Batch(in: transaction)
                writes.endTransaction(commit: false)
                stage = .aborted
            }
            return .send(writes)
        case .committed(let end):
            do throws(StoreError) {
                _ = try replies.payload(end)
                return .done(())
            } catch .refused(EAGAIN) {
                guard attemptsLeft > 0 else { throw .refused(EAGAIN) }
                return begin()
            } catch {
                throw error
            }
        case .aborted:
            return .done(())
        }
    }

    private mutating func begin() -> ExchangeStep<Void> {
        attemptsLeft -= 1
        var batch = Batch()
        stage = .started(batch.startTransaction())
        return .send(batch)
    }
}
