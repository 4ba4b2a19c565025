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
        /// Ended without any change; with the reason, unless the body wanted it so.
        case aborted(StoreError?)
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
            do throws(StoreError) {
                guard try body.write(replies, reads, &writes) else { return abort(transaction, nil) }
                let end = writes.endTransaction(commit: true)
                guard !writes.isTooLong else { return abort(transaction, .tooLong) }
                stage = .committed(end)
                return .send(writes)
            } catch {
                // Left open, it would count towards this domain's quota of transactions.
                return abort(transaction, error)
            }
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
        case .aborted(let reason):
            if let reason { throw reason }
            return .done(())
        }
    }

    private mutating func abort(_ transaction: Transaction, _ reason: StoreError?) -> ExchangeStep<Void> {
        var batch = Batch(in: transaction)
        batch.endTransaction(commit: false)
        stage = .aborted(reason)
        return .send(batch)
    }

    private mutating func begin() -> ExchangeStep<Void> {
        attemptsLeft -= 1
        var batch = Batch()
        stage = .started(batch.startTransaction())
        return .send(batch)
    }
}
