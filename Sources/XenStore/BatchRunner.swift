import System

/// What operations need of a xenstore: to run batches, and to wait for changes.
public protocol BatchRunner {
    associatedtype Waiter: StoreWaiter

    /// Sends a batch and waits for its replies.
    func run(_ batch: Batch) throws(StoreError) -> Replies
    /// The same, until a moment of the caller's.
    func run(_ batch: Batch, until deadline: Instant) throws(StoreError) -> Replies

    /// Runs `body`, a transaction, while no other thread runs one: they would
    /// only make each other begin again.
    ///
    /// - Throws: `.timedOut` when others had transactions under way until `deadline`.
    func exclusively(until deadline: Instant, _ body: () throws(StoreError) -> Void) throws(StoreError)

    /// A connection with watches of its own, to wait by. Whoever changes
    /// something and then waits for the effect opens it first: without it
    /// nothing is changed.
    func waiter() throws(StoreError) -> Waiter
}

extension BatchRunner {
    public func run(_ batch: Batch, until deadline: Instant) throws(StoreError) -> Replies {
        try run(batch)
    }

    public func exclusively(until deadline: Instant, _ body: () throws(StoreError) -> Void) throws(StoreError) {
        try body()
    }
}
