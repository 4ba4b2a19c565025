import CLibc
import Channel
import XenStore

extension Toolstack {
    /// Removes a channel's nodes at once, without asking guest or backend,
    /// and the directories that are empty without them.
    ///
    /// - Throws: `.notFound`.
    public func destroy(_ devid: Int32, of domid: UInt32) throws(ChannelError) {
        let channel = try channel(devid, of: domid)
        let console = Console(domid: domid, devid: devid)
        let backend = console.backend(in: channel.backendDomid)
        let doing = "removing channel \(devid) (\(channel.name))"
        // Each tree's nodes from the device upward, as far as they may go.
        let trees = [
            Ancestry(console.frontend, levels: 2),
            Ancestry(console.record, levels: 3),
            Ancestry(backend, levels: 4),
        ]
        try store.withTransaction(orElse: { ChannelError($0, while: doing) }) { (transaction, _) throws(ChannelError) in
            var reads = Batch(in: transaction)
            reads.read(console.record / "backend")
            for tree in trees {
                for parent in tree.path.dropFirst() { reads.directory(parent) }
            }
            try attempt(doing) { () throws(StoreError) in
                let replies = try store.run(reads)
                // Another toolstack was faster; what it put there is not ours.
                guard try replies.value(0) == backend else { throw StoreError.refused(ENOENT) }
                var removals = Batch(in: transaction)
                var index = 1
                for tree in trees {
                    var top = tree.path[0]
                    var climbing = true
                    for (child, parent) in zip(tree.path, tree.path.dropFirst()) {
                        // A listing too long for one message has other entries.
                        let children = climbing ? try? replies.children(index) : nil
                        index += 1
                        // It goes when there is nothing else in it. The child may be gone already.
                        climbing = children?.allSatisfy { parent / $0 == child } ?? false
                        if climbing { top = parent }
                    }
                    removals.remove(top)
                }
                try store.run(removals).checkWrites()
            }
        }
    }
}

/// A node and the nodes above it.
private struct Ancestry {
    /// From the node upward.
    var path: [Bytes]

    init(_ node: Bytes, levels: Int) {
        path = [node]
        while path.count < levels, let slash = path.last!.array.lastIndex(of: UInt8(ascii: "/")) {
            path.append(Bytes(path.last!.array[..<slash]))
        }
    }
}

extension Replies {
    /// Fails for the first request that was refused; that a node to be removed
    /// is not there is no failure.
    func checkWrites() throws(StoreError) {
        for index in 0..<count {
            do throws(StoreError) {
                _ = try payload(index)
            } catch .refused(ENOENT) {
                continue
            } catch {
                throw error
            }
        }
    }
}
