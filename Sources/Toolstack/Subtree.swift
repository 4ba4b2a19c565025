import Channel
import XenConsole
import XenStore

/// A device's directory, and those above it that go with it when they are empty.
private struct Subtree {
    private let node: Bytes
    /// The directories above the node, from the nearest one upward.
    private let above: [Bytes]

    init(_ node: Bytes, above levels: Int) {
        self.node = node
        var above: [Bytes] = []
        var path = node.array[...]
        while above.count < levels, let slash = path.lastIndex(of: UInt8(ascii: "/")) {
            path = path[..<slash]
            above.append(Bytes(path))
        }
        self.above = above
    }

    /// The removal of the node, and the listings of the directories above it.
    struct Requests {
        let removal: Batch.Index
        let listings: [Batch.Index]
    }

    func remove(_ batch: inout Batch) -> Requests {
        Requests(removal: batch.remove(node), listings: above.map { batch.directory($0) })
    }

    /// Adds the removal of the directories that are empty now.
    func removeEmpty(_ requests: Requests, _ replies: Replies, _ batch: inout Batch) {
        var child = node
        for (directory, listing) in zip(above, requests.listings) {
            if !replies.isMissing(listing) {
                // A listing too long for one message has other entries.
                let children = try? replies.children(listing)
                // The child is gone already, or goes too.
                guard children?.allSatisfy({ directory / $0 == child }) == true else { return }
                batch.remove(directory)
            }
            child = directory
        }
    }
}

extension Toolstack {
    /// Removes a channel's nodes, and the directories that are empty without them.
    ///
    /// - Returns: whether its record was there; else nothing is removed: another
    ///   toolstack was faster, and what it put there is not ours.
    func removeNodes(_ served: ServedChannel) throws(ChannelError) -> Bool {
        let record = served.console.record / "backend"
        do throws(StoreError) {
            return try remove(
                [
                    Subtree(served.console.frontend, above: 1), Subtree(served.console.record, above: 2),
                    Subtree(served.backend, above: 3),
                ], if: record, is: served.backend)
        } catch {
            // The answer to the commit may not have come.
            guard !error.isRefusal, try !isThere(record) else { throw ChannelError(error, while: "removing \(served.title)") }
            return true
        }
    }

    private func isThere(_ node: Bytes) throws(ChannelError) -> Bool {
        try attempt("looking for \(node)") { () throws(StoreError) in try store.value(node) } != nil
    }

    /// Removes the backend of a device without a record: the domain was
    /// destroyed, by a toolstack that had looked for its devices before.
    func removeOrphan(_ device: NewDevice) throws(ChannelError) {
        try attempt("removing \(device.title)") { () throws(StoreError) in
            _ = try remove([Subtree(device.backend, above: 3)], if: device.console.record / "backend", is: nil)
        }
    }

    /// Removes nodes, and those above them that are empty without them.
    ///
    /// - Returns: whether `node` had that value; else nothing is removed.
    private func remove(_ trees: [Subtree], if node: Bytes, is value: Bytes?) throws(StoreError) -> Bool {
        try store.withTransaction(orElse: { $0 }) { (transaction, _) throws(StoreError) in
            // Node by node, as libxl does: a guest, and QEMU, are told of the
            // topmost node of a removal only, and take no notice of the
            // directories above their devices. Linux then would still have
            // the device, and not see a new one with its number.
            var batch = Batch(in: transaction)
            let condition = batch.read(node)
            let requests = trees.map { $0.remove(&batch) }
            let replies = try store.run(batch)
            guard try replies.value(condition) == value else { return .abort(false) }
            var last = Batch(in: transaction)
            for (tree, requests) in zip(trees, requests) {
                try replies.checkWrite(requests.removal)
                tree.removeEmpty(requests, replies, &last)
            }
            return .commit(true, last: last)
        }
    }
}
