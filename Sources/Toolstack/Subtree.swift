import Channel
import XenConsole
import XenStore

/// A device's directory, and those above it that go with it when they are empty.
private struct Subtree {
    /// What is removed.
    private(set) var node: Bytes
    /// How many directories above it may go too.
    private(set) var levels: Int

    init(_ node: Bytes, above levels: Int) {
        self.node = node
        self.levels = levels
    }

    /// The directory above the node.
    var directory: Bytes {
        Bytes(node.array[..<(node.array.lastIndex(of: UInt8(ascii: "/")) ?? 0)])
    }

    /// Goes up by a level, and adds the removal of the directory there if it has
    /// no other entries; false when that is the end.
    mutating func climb(_ listing: Batch.Index, _ replies: Replies, removing batch: inout Batch) -> Bool {
        let directory = directory
        if !replies.isMissing(listing) {
            // A listing too long for one message has other entries.
            let children = try? replies.children(listing)
            // The child is gone already, or goes too.
            guard children?.allSatisfy({ directory / $0 == node }) == true else { return false }
            batch.remove(directory)
        }
        node = directory
        levels -= 1
        return levels > 0
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
            var removals: [Batch.Index] = []
            var listings: [Batch.Index] = []
            for tree in trees {
                removals.append(batch.remove(tree.node))
                listings.append(batch.directory(tree.directory))
            }
            var replies = try store.run(batch)
            guard try replies.value(condition) == value else { return .abort(false) }
            for removal in removals { try replies.checkWrite(removal) }
            // Mostly a directory has other entries, and those above it are none to look at.
            var last = Batch(in: transaction)
            var rising = trees
            while true {
                var still: [Subtree] = []
                for (tree, listing) in zip(rising, listings) {
                    var tree = tree
                    if tree.climb(listing, replies, removing: &last) { still.append(tree) }
                }
                rising = still
                if rising.isEmpty { break }
                batch = Batch(in: transaction)
                listings = rising.map { batch.directory($0.directory) }
                replies = try store.run(batch)
            }
            return .commit(true, last: last)
        }
    }
}
