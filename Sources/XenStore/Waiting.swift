import Channel

/// Waits, on a connection of its own, until `look` finds what it looks for in
/// the values of some nodes: it is called at first, and after every change of
/// the nodes or below them.
///
/// - Parameter watched: the directories that have the nodes, if they are to
///   be watched instead of each of them.
/// - Returns: what `look` returned, nil when it found nothing within
///   `milliseconds`.
public func waitForChange<Result>(
    of nodes: [Bytes], below watched: [Bytes] = [], milliseconds: Int64, _ look: ([Bytes?]) -> Result?
) throws(StoreError) -> Result? {
    let deadline = now() + milliseconds
    let connection = try StoreConnection()
    // The watches go along with the first reading, and before it: no change is missed.
    var batch = Batch()
    for path in watched.isEmpty ? nodes : watched { batch.watch(path, token: "wait") }
    while true {
        let first = batch.count
        for node in nodes { batch.read(node) }
        let replies = try connection.run(batch)
        for watch in 0..<first { _ = try replies.payload(watch) }
        var values: [Bytes?] = []
        for index in nodes.indices { values.append(try replies.value(first + index)) }
        if let result = look(values) { return result }
        // Whoever writes there without end must not make it longer.
        if now() >= deadline { return nil }
        if try connection.waitForEvents(until: deadline).isEmpty { return nil }
        batch = Batch()
    }
}
