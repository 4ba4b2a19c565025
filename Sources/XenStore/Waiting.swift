import Channel

/// Waits, on a connection of its own, until `look` finds what it looks for:
/// it is called at first and after every change below `paths`.
///
/// - Returns: what `look` returned, nil when it found nothing within
///   `milliseconds`.
public func waitForChange<Result>(
    below paths: [Bytes], milliseconds: Int64,
    _ look: (StoreConnection) throws(StoreError) -> Result?
) throws(StoreError) -> Result? {
    let deadline = now() + milliseconds
    let connection = try StoreConnection()
    var batch = Batch()
    for path in paths { batch.watch(path, token: "wait") }
    try connection.run(batch).check()
    while true {
        if let result = try look(connection) { return result }
        if try connection.waitForEvents(until: deadline).isEmpty { return nil }
    }
}
