import CLibc
import Channel
import System

/// How the requests of a transaction, all of them answered, are to end.
public enum TransactionEnd<Result> {
    /// They take effect; if other clients' changes get in their way, all begins again.
    ///
    /// `last` goes along with the commit, and nobody looks at its replies: what
    /// of it is refused does not hold up the rest.
    /// The node `next` is read right after the commit, and shown to `seen`.
    case commit(Result, last: Batch? = nil, next: Bytes? = nil)
    /// None of them takes effect.
    case abort(Result)
    /// What they were made from is not so any more: all begins again.
    case again
}

extension BatchRunner {
    /// Runs `body` in a transaction and ends it as `body` says, again while
    /// other clients' changes get in its way (EAGAIN). `body` throws to abort.
    ///
    /// Three round trips, when `body` takes one: what it writes can be made
    /// from what is read before the transaction, and go along with reading the
    /// same within it, which tells whether it is still so.
    ///
    /// - Parameter before: requests to go along with the transaction's start,
    ///   outside of it; their replies are given to `body`.
    /// - Parameter seen: gets the value that was read after the commit, nil
    ///   without a node; it is not called when the node cannot be read.
    /// - Parameter attempts: how often to begin at most, for 10 s at the longest;
    ///   then it fails with EAGAIN.
    @discardableResult
    public func withTransaction<Result, Failure: Error>(
        after before: Batch = Batch(),
        attempts: UInt32 = .max,
        orElse convert: (StoreError) -> Failure,
        seen: (Bytes?) -> Void = { _ in },
        _ body: (Transaction, Replies) throws(Failure) -> TransactionEnd<Result>
    ) throws(Failure) -> Result {
        var outcome: Swift.Result<Result, Failure>?
        do throws(StoreError) {
            // What others take before it counts: behind one that hangs, nobody waits for longer than it does.
            let deadline = Instant.now + StoreConnection.timeLimit
            try exclusively(until: deadline) { () throws(StoreError) in
                try repeatTransaction(after: before, attempts, until: deadline, seen) { (transaction, replies) in
                    do throws(Failure) {
                        switch try body(transaction, replies) {
                        case .commit(let result, let last, let next):
                            outcome = .success(result)
                            return .commit(true, last: last, next: next)
                        case .abort(let result):
                            outcome = .success(result)
                        case .again:
                            return .again
                        }
                    } catch {
                        outcome = .failure(error)
                    }
                    return .abort(false)
                }
            }
        } catch {
            throw convert(error)
        }
        guard let outcome else { throw convert(.refused(EAGAIN)) }
        return try outcome.get()
    }

    /// The same for whatever a body makes, which it keeps itself.
    @inline(never)
    private func repeatTransaction(
        after before: Batch, _ attempts: UInt32, until deadline: Instant, _ seen: (Bytes?) -> Void,
        _ body: (Transaction, Replies) -> TransactionEnd<Bool>
    ) throws(StoreError) {
        var attempt: UInt32 = 0
        var opening = before
        let start = opening.startTransaction()
        while true {
            let replies = try run(opening, until: deadline)
            let transaction = try replies.transaction(start)
            switch body(transaction, replies) {
            case .commit(_, let last, let next):
                do throws(StoreError) {
                    var commit = last ?? Batch(in: transaction)
                    let end = commit.endTransaction(commit: true)
                    let read = next.map { commit.readOutside($0) }
                    let replies = try run(commit)
                    _ = try replies.payload(end)
                    if let read, let value = try? replies.value(read) { seen(value) }
                    return
                } catch {
                    guard error == .refused(EAGAIN) else { throw error }
                }
            case .abort:
                return abort(transaction)
            case .again:
                abort(transaction)
            }
            guard attempt + 1 < attempts, Instant.now < deadline else { throw .refused(EAGAIN) }
            pause(attempt)
            attempt += 1
        }
    }

    private func abort(_ transaction: Transaction) {
        var abort = Batch(in: transaction)
        abort.endTransaction(commit: false)
        _ = try? run(abort)
    }

    /// After repeated conflicts, waits a little, differently in each thread.
    private func pause(_ attempt: UInt32) {
        guard attempt >= 2 else { return }
        let limit: Int64 = 1 << min(Int64(attempt), 6)
        System.pause(.microseconds((Instant.now.fraction % limit + 1) * 100))
    }
}
