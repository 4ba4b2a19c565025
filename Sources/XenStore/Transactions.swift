import CLibc
import Channel

extension BatchRunner {
    /// Runs `body` in a transaction and commits it, again while other clients'
    /// changes get in its way (EAGAIN). `body` throws to abort.
    ///
    /// - Parameter before: requests to go along with the transaction's start,
    ///   outside of it; their replies are given to `body`.
    public func withTransaction<Result, Failure: Error>(
        after before: Batch = Batch(),
        orElse convert: (StoreError) -> Failure,
        _ body: (Transaction, Replies) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try exclusively { () throws(Failure) in
            try repeatTransaction(after: before, orElse: convert, body)
        }
    }

    private func repeatTransaction<Result, Failure: Error>(
        after before: Batch, orElse convert: (StoreError) -> Failure,
        _ body: (Transaction, Replies) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let deadline = now() + StoreConnection.timeLimit
        var attempt: UInt32 = 0
        while true {
            var opening = before
            let start = opening.startTransaction()
            let transaction: Transaction
            let replies: Replies
            do throws(StoreError) {
                replies = try run(opening)
                transaction = try replies.transaction(start)
            } catch {
                throw convert(error)
            }
            let result: Result
            do throws(Failure) {
                result = try body(transaction, replies)
            } catch {
                var abort = Batch(in: transaction)
                abort.endTransaction(commit: false)
                _ = try? run(abort)
                throw error
            }
            do throws(StoreError) {
                var commit = Batch(in: transaction)
                commit.endTransaction(commit: true)
                try run(commit).check()
                return result
            } catch .refused(EAGAIN) {
                guard now() < deadline else { throw convert(.refused(EAGAIN)) }
                pause(attempt)
                attempt += 1
            } catch {
                throw convert(error)
            }
        }
    }

    /// After repeated conflicts, waits a little, differently in each thread.
    private func pause(_ attempt: UInt32) {
        guard attempt >= 2 else { return }
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let limit = 1 << min(attempt, 6)
        time = timespec(tv_sec: 0, tv_nsec: (time.tv_nsec / 64 % limit + 1) * 100_000)
        nanosleep(&time, nil)
    }
}
