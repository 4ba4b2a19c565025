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
        var nodes: Nodes?
        var result: Result?
        try wait(at: watched, until: deadline) { nodes = ask(&$0) } look: { (replies) throws(StoreError) in
            if let nodes { result = try look(replies, nodes) }
            return result != nil
        }
        return result
    }

    /// The same for whatever is asked and found, which the caller keeps.
    @inline(never)
    private func wait(
        at watched: [Bytes], until deadline: Instant,
        ask: (inout Batch) -> Void, look: (Replies) throws(StoreError) -> Bool
    ) throws(StoreError) {
        // The watches go along with the first reading, and before it: no change is missed.
        var batch = Batch()
        var watches: [Batch.Index] = []
        for path in watched { watches.append(batch.watch(path, token: "wait")) }
        while true {
            ask(&batch)
            let replies = try run(batch)
            for watch in watches { _ = try replies.payload(watch) }
            if try look(replies) { return }
            // Every watch fires at once by itself. That event may stand for a change
            // too: xenstored drops an event that is equal to one that is not sent yet.
            // A client that writes there without end must not make it longer.
            if Instant.now >= deadline { return }
            if try waitForEvents(until: deadline).isEmpty { return }
            batch = Batch()
            watches = []
        }
    }
}
