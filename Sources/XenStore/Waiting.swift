import Channel
import System

/// Waits for changes in xenstore.
public protocol StoreWaiter {
    /// Sends a batch and waits for its replies.
    func run(_ batch: Batch) throws(StoreError) -> Replies

    /// Waits for watch events until `deadline`; empty when none came.
    func waitForEvents(until deadline: Instant) throws(StoreError) -> [WatchEvent]
}

extension StoreWaiter {
    /// Waits until `look` finds what it looks for in the replies to `ask`: at
    /// first, and after every change at or below the nodes in `watched`.
    ///
    /// A waiter waits once: its watches stay.
    ///
    /// - Returns: what `look` returned, nil when it found nothing until `deadline`.
    public func waitForChange<Nodes, Result>(
        at watched: [Bytes], until deadline: Instant,
        ask: (inout Batch) -> Nodes, look: (Replies, Nodes) throws(StoreError) -> Result?
    ) throws(StoreError) -> Result? {
        // The watches go along with the first reading, and before it: no change is missed.
        var batch = Batch()
        var watches: [Batch.Index] = []
        for path in watched { watches.append(batch.watch(path, token: "wait")) }
        while true {
            let nodes = ask(&batch)
            let replies = try run(batch)
            for watch in watches { _ = try replies.payload(watch) }
            if let result = try look(replies, nodes) { return result }
            // A client that writes there without end must not make it longer.
            if Instant.now >= deadline { return nil }
            if try waitForEvents(until: deadline).isEmpty { return nil }
            batch = Batch()
            watches = []
        }
    }
}
