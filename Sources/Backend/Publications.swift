import CLibc
import Channel
import XenStore

/// What the daemon is about to write into xenstore.
///
/// A node is only written while its device is there: writing into a directory
/// that the toolstack, or the guest, has just removed would make it anew.
struct Publications {
    private struct Node {
        var path: Bytes
        /// nil: the node is to be removed.
        var value: Bytes?
        /// The node without which it is not written.
        var condition: Bytes
    }

    /// What could not be written of one guest's devices.
    struct Failure {
        var domid: UInt32
        var error: StoreError
    }

    private var nodes: [(domid: UInt32, nodes: [Node])] = []
    /// Watches and unwatches, which belong to no transaction.
    private var watches = Batch()

    /// Writes into a device's backend directory.
    mutating func write(_ device: Device, _ key: Bytes, _ value: Bytes) {
        add(device, Node(path: device.backend / key, value: value, condition: device.backend))
    }

    /// Removes from a device's backend directory.
    mutating func remove(_ device: Device, _ key: Bytes) {
        add(device, Node(path: device.backend / key, value: nil, condition: device.backend))
    }

    /// Writes a device's terminal into its frontend, where the toolstack has made
    /// the node for it. The directory is the guest's, who may keep us from reading it.
    mutating func write(_ device: Device, tty: Bytes) {
        let path = device.frontend / "tty"
        add(device, Node(path: path, value: tty, condition: path))
    }

    private mutating func add(_ device: Device, _ node: Node) {
        if let index = nodes.firstIndex(where: { $0.domid == device.domid }) {
            nodes[index].nodes.append(node)
        } else {
            nodes.append((device.domid, [node]))
        }
    }

    mutating func watch(_ path: Bytes, token: Bytes) {
        watches.watch(path, token: token)
    }

    mutating func unwatch(_ path: Bytes, token: Bytes) {
        watches.unwatch(path, token: token)
    }

    /// Writes it all, in one transaction for each guest: one that gets in the
    /// way with its own nodes does so for itself, and not for long.
    ///
    /// - Returns: what could not be written, with xenstored still there.
    func publish(_ store: StoreConnection) throws(StoreError) -> [Failure] {
        if watches.count > 0 { _ = try store.run(watches) }
        var failures: [Failure] = []
        for (domid, nodes) in nodes {
            do throws(StoreError) {
                try store.withTransaction(attempts: 4, orElse: { $0 }) { (transaction, _) throws(StoreError) in
                    var reads = Batch(in: transaction)
                    for node in nodes { reads.read(node.condition) }
                    let replies = try store.run(reads)
                    var writes = Batch(in: transaction)
                    for (index, node) in nodes.enumerated() where try isThere(replies, index) {
                        if let value = node.value {
                            writes.write(node.path, value)
                        } else {
                            writes.remove(node.path)
                        }
                    }
                    return .commit((), last: writes)
                }
            } catch {
                guard store.descriptor >= 0 else { throw error }
                failures.append(Failure(domid: domid, error: error))
            }
        }
        return failures
    }

    /// Whether a node was read; one that may not be is as good as none.
    private func isThere(_ replies: Replies, _ index: Int) throws(StoreError) -> Bool {
        do throws(StoreError) {
            return try replies.value(index) != nil
        } catch .refused {
            return false
        }
    }
}
