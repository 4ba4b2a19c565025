/// What operations need of a xenstore: to run batches, and to wait for changes.
public protocol BatchRunner {
    associatedtype Waiter: StoreWaiter

    /// Sends a batch and waits for its replies.
    func run(_ batch: Batch) throws(StoreError) -> Replies

    /// Runs `body`, a transaction, while no other thread runs one: they would
    /// only make each other begin again.
    func exclusively<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result

    /// A connection with watches of its own, to wait by. Whoever changes
    /// something and then waits for the effect opens it first: without it
    /// nothing is changed.
    func waiter() throws(StoreError) -> Waiter
}

extension BatchRunner {
    public func exclusively<Result, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body()
    }
}
