import Channel
import XenStore

/// What the daemon is about to write into xenstore.
///
/// A node is only written while its device's directory is there: writing into
/// one that the toolstack, or the guest, has just removed would make it anew.
struct Publications {
    private struct Node {
        var directory: Bytes
        var key: Bytes
        /// nil: the node is to be removed.
        var value: Bytes?
    }

    private var nodes: [Node] = []
    /// Watches and unwatches, which belong to no transaction.
    private var watches = Batch()

    mutating func write(_ directory: Bytes, _ key: Bytes, _ value: Bytes) {
        nodes.append(Node(directory: directory, key: key, value: value))
    }

    mutating func remove(_ directory: Bytes, _ key: Bytes) {
        nodes.append(Node(directory: directory, key: key, value: nil))
    }

    mutating func watch(_ path: Bytes, token: Bytes) {
        watches.watch(path, token: token)
    }

    mutating func unwatch(_ path: Bytes, token: Bytes) {
        watches.unwatch(path, token: token)
    }

    /// Writes it all, in one transaction.
    func publish(_ store: StoreConnection) throws(StoreError) {
        if watches.count > 0 { _ = try store.run(watches) }
        guard !nodes.isEmpty else { return }
        try store.withTransaction(orElse: { $0 }) { (transaction, _) throws(StoreError) in
            var reads = Batch(in: transaction)
            for node in nodes { reads.read(node.directory) }
            let replies = try store.run(reads)
            var writes = Batch(in: transaction)
            for (index, node) in nodes.enumerated() where try replies.value(index) != nil {
                if let value = node.value {
                    writes.write(node.directory / node.key, value)
                } else {
                    writes.remove(node.directory / node.key)
                }
            }
            return .commit((), last: writes)
        }
    }
}
