import Channel
import XenConsole
import XenStore

/// What the daemon is about to write into xenstore.
///
/// A node is only written while its device is there: writing into a directory
/// that the toolstack, or the guest, has just removed would make it again.
final class Publications {
    struct Node {
        var device: Device
        var path: Bytes
        /// nil: the node is to be removed.
        var value: Bytes?
        /// The node without which it is not written.
        var condition: Bytes
    }

    /// The nodes of each guest, in the order of domids.
    private var guests: [(domid: UInt32, nodes: [Node])] = []
    /// The guests have their turns round and round: the next is the first at or behind it.
    private var cursor: UInt32 = 0
    /// Watches and unwatches, which belong to no transaction.
    private var watches = Batch()

    private(set) var isEmpty = true

    /// Writes into a device's backend directory.
    func write(_ device: Device, _ node: BackendNode, _ value: Bytes) {
        add(Node(device: device, path: device.backend / node, value: value, condition: device.backend))
    }

    /// Removes from a device's backend directory.
    func remove(_ device: Device, _ node: BackendNode) {
        add(Node(device: device, path: device.backend / node, value: nil, condition: device.backend))
    }

    /// Writes a device's terminal into its frontend, where the toolstack has made
    /// the node for it. The directory is the guest's, who may keep us from reading it.
    func write(_ device: Device, terminal: Bytes) {
        let path = device.frontend / FrontendNode.terminal
        add(Node(device: device, path: path, value: terminal, condition: path))
    }

    private func add(_ node: Node) {
        isEmpty = false
        node.device.unpublished += 1
        let domid = node.device.address.domid
        let position = position(of: domid)
        if position < guests.count, guests[position].domid == domid {
            guests[position].nodes.append(node)
        } else {
            guests.insert((domid, [node]), at: position)
        }
    }

    /// Where a guest is, or would be.
    private func position(of domid: UInt32) -> Int {
        guests.partitionPoint { $0.domid < domid }
    }

    func watch(_ path: Bytes, token: Bytes) {
        isEmpty = false
        watches.watch(path, token: token)
    }

    func unwatch(_ path: Bytes, token: Bytes) {
        isEmpty = false
        watches.unwatch(path, token: token)
    }

    /// Takes the watches and unwatches; nil without any.
    func takeWatches() -> Batch? {
        guard watches.count > 0 else { return nil }
        let taken = watches
        watches = Batch()
        isEmpty = guests.isEmpty
        return taken
    }

    /// Takes what is to be written of one guest; nil when there is nothing.
    func takeGuest() -> GuestPublication? {
        guard !guests.isEmpty else { return nil }
        let next = position(of: cursor)
        let (domid, nodes) = guests.remove(at: next < guests.count ? next : 0)
        cursor = domid &+ 1
        isEmpty = guests.isEmpty && watches.count == 0
        return GuestPublication(nodes: nodes)
    }

    /// Forgets everything: xenstored is gone, and all is looked at when it is back.
    func removeAll() {
        for (_, nodes) in guests {
            for node in nodes { node.device.unpublished -= 1 }
        }
        guests = []
        watches = Batch()
        isEmpty = true
    }
}

/// What is written of one guest's devices, in one transaction: a guest that
/// gets in the way with its own nodes does so for itself, and not for long.
struct GuestPublication: TransactionBody {
    let nodes: [Publications.Node]

    func ask(_ batch: inout Batch) -> [Batch.Index] {
        nodes.map { batch.read($0.condition) }
    }

    func write(_ replies: Replies, _ conditions: [Batch.Index], _ batch: inout Batch) throws(StoreError) -> Bool {
        for (node, condition) in zip(nodes, conditions) where try isThere(replies, condition) {
            if let value = node.value {
                batch.write(node.path, value)
            } else {
                batch.remove(node.path)
            }
        }
        return true
    }

    /// Whether a node was read; one that may not be is as good as none.
    private func isThere(_ replies: Replies, _ index: Batch.Index) throws(StoreError) -> Bool {
        do throws(StoreError) {
            return try replies.value(index) != nil
        } catch .refused {
            return false
        } catch {
            throw error
        }
    }
}
