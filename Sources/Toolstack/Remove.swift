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

extension Toolstack {
    /// Asks backend and guest to let go of a channel, waits until they have,
    /// and removes it.
    ///
    /// - Throws: `.notFound`; `.timedOut`, with the device as it was.
    public func remove(_ devid: Int32, of domid: UInt32) throws(ChannelError) {
        let channel = try channel(devid, of: domid)
        let title = "channel \(devid) (\(channel.name))"
        let backend = Console(domid: domid, devid: devid).backend(in: channel.backendDomid)
        if let before = try close(backend, in: channel.backendDomid, "removing \(title)") {
            let isClosed = try attempt("waiting for the end of \(title)") { () throws(StoreError) in
                try waitForChange(below: [backend / "state"], milliseconds: patience) {
                    (connection) throws(StoreError) -> Bool? in
                    var batch = Batch()
                    batch.read(backend / "state")
                    let state = try connection.run(batch).value(0)
                    return state == nil || state == "6" ? true : nil
                }
            }
            if isClosed == nil {
                try reopen(backend, state: before, "restoring \(title)")
                throw ChannelError(.timedOut, "\(title): guest or backend did not let go within 10 seconds")
            }
        }
        try destroy(devid, of: domid)
    }

    /// Tells both ends that the device goes; its state before. nil: there is
    /// nobody to wait for.
    private func close(
        _ backend: Bytes, in backendDomid: UInt32, _ doing: String
    ) throws(ChannelError) -> Bytes? {
        try store.withTransaction(orElse: { ChannelError($0, while: doing) }) { (transaction, _) throws(ChannelError) in
            try attempt(doing) { () throws(StoreError) in
                var reads = Batch(in: transaction)
                reads.read(backend / "state")
                reads.read(announcement(in: backendDomid))
                let replies = try store.run(reads)
                guard let state = try replies.value(0), state != "6", try replies.value(1) != nil else { return nil }
                var writes = Batch(in: transaction)
                writes.write(backend / "online", "0")
                writes.write(backend / "state", "5")
                try store.run(writes).check()
                return state
            }
        }
    }

    /// Takes back `close`, unless the device went after all.
    private func reopen(_ backend: Bytes, state: Bytes, _ doing: String) throws(ChannelError) {
        try store.withTransaction(orElse: { ChannelError($0, while: doing) }) { (transaction, _) throws(ChannelError) in
            try attempt(doing) { () throws(StoreError) in
                var reads = Batch(in: transaction)
                reads.read(backend / "state")
                guard try store.run(reads).value(0) == "5" else { return }
                var writes = Batch(in: transaction)
                writes.write(backend / "online", "1")
                writes.write(backend / "state", state)
                try store.run(writes).check()
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
