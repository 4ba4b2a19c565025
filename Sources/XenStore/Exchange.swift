/// Several batches, each made from the replies to the one before: a
/// conversation with xenstored as a value. A thread may wait through it, an
/// event loop take it step by step.
public protocol Exchange {
    associatedtype Outcome

    /// The batch to be sent next, or the outcome.
    ///
    /// - Parameter replies: those to the last batch; nil at first.
    mutating func next(_ replies: Replies?) throws(StoreError) -> ExchangeStep<Outcome>
}

public enum ExchangeStep<Outcome> {
    case send(Batch)
    case done(Outcome)
}

extension BatchRunner {
    /// Waits through an exchange.
    public func run<E: Exchange>(_ exchange: E) throws(StoreError) -> E.Outcome {
        var exchange = exchange
        var replies: Replies?
        while true {
            switch try exchange.next(replies) {
            case .send(let batch): replies = try run(batch)
            case .done(let outcome): return outcome
            }
        }
    }
}

/// One batch by itself, as an exchange.
public struct SingleBatch: Exchange {
    private let batch: Batch

    public init(_ batch: Batch) {
        self.batch = batch
    }

    public mutating func next(_ replies: Replies?) -> ExchangeStep<Replies> {
        if let replies { .done(replies) } else { .send(batch) }
    }
}
