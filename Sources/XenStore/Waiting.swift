import Channel
import System

/// Waits for changes in xenstore.
public protocol StoreWaiter {
    /// Watches nodes and what is below them. Does not wait for xenstored's
    /// answer: a refusal comes with the next request or event.
    func watch(_ paths: [Bytes]) throws(StoreError)

    /// Sends a batch and waits for its replies.
    func run(_ batch: Batch) throws(StoreError) -> Replies

    /// Waits for watch events until `deadline`; empty when none came.
    func waitForEvents(until deadline: Instant) throws(StoreError) -> [WatchEvent]
}

extension StoreWaiter {
    /// Waits until `look` finds what it looks for in the replies to `ask`: after
    /// every change at or below the watched nodes, and at least once, since
    /// every watch fires at once by itself.
    ///
    /// - Returns: what `look` returned, nil when it found nothing until `deadline`.
    public func waitForChange<Nodes, Result>(
        until deadline: Instant, ask: (inout Batch) -> Nodes, look: (Replies, Nodes) throws(StoreError) -> Result?
    ) throws(StoreError) -> Result? {
        var nodes: Nodes?
        var result: Result?
        try wait(until: deadline) { nodes = ask(&$0) } look: { (replies) throws(StoreError) in
            if let nodes { result = try look(replies, nodes) }
            return result != nil
        }
        return result
    }

    /// The same for whatever is asked and found, which the caller keeps.
    @inline(never)
    private func wait(
        until deadline: Instant, ask: (inout Batch) -> Void, look: (Replies) throws(StoreError) -> Bool
    ) throws(StoreError) {
        while true {
            if try waitForEvents(until: deadline).isEmpty { return }
            // A watch's own first event may stand for a change too: xenstored drops
            // an event that is equal to one that is not sent yet.
            var batch = Batch()
            ask(&batch)
            if try look(run(batch)) { return }
            // A client that writes there without end must not make it longer.
            if Instant.now >= deadline { return }
        }
    }
}
