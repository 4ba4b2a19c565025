import CLibc
import Channel
import ChannelJSON
import XenStore

/// A channel that is there, with what its removal takes.
struct ServedChannel {
    let channel: Channel
    let console: Console
    /// A program that serves no channels of ours counts as xenchanneld: nobody answers then.
    let server: Server
    let userdata: Userdata?
    /// The guest's xenbus state.
    let frontendState: Int32

    var backend: Bytes { console.backend(in: channel.backendDomid) }
    /// How messages name it.
    var title: Text { "channel \(channel.devid) (\(channel.name))" }
    var qemu: QEMU { QEMU(domid: console.domid, userdata: userdata) }

    /// The character devices that QEMU has for it.
    func chardevs(beside chardev: Chardev) -> [Bytes] {
        // For a PTY that libxl makes there are two: libxl's own, which nobody
        // uses, and the one that QEMU opens at `output = pty`.
        guard chardev.id == libxlChardevID(console) else { return [chardev.id] }
        return [chardev.id, "xencons" + Bytes(decimal: console.number)]
    }
}

extension Toolstack {
    /// Asks backend and guest to let go of a channel, waits until they have,
    /// and removes it.
    ///
    /// - Throws: `.notFound`; `.timedOut`, with the device as it was.
    public func remove(_ devid: Int32, of domid: UInt32) throws(ChannelError) {
        try takeAway(devid, of: domid) { (served) throws(ChannelError) in
            if case .qemu = served.server {
                // A guest that was never connected has nothing to let go.
                guard served.frontendState == 3 || served.frontendState == 4, try served.qemu.answers() else { return }
            }
            try letGo(served)
        }
    }

    /// Removes a channel's nodes at once, without asking the guest, and the
    /// directories that are empty without them.
    ///
    /// - Throws: `.notFound`.
    public func destroy(_ devid: Int32, of domid: UInt32) throws(ChannelError) {
        try takeAway(devid, of: domid) { (_) throws(ChannelError) in }
    }

    /// Removes a channel after `ask`, from its backend, from xenstore and from
    /// the domain's saved configuration.
    private func takeAway(
        _ devid: Int32, of domid: UInt32, after ask: (ServedChannel) throws(ChannelError) -> Void
    ) throws(ChannelError) {
        let served = try served(devid, of: domid)
        guard case .qemu = served.server else { return try takeAway(served, after: ask) }
        try served.userdata.holding(.deviceChanges) { () throws(ChannelError) in
            // Whoever had the lock may have changed it.
            try takeAway(self.served(devid, of: domid), after: ask)
        }
    }

    private func takeAway(
        _ served: ServedChannel, after ask: (ServedChannel) throws(ChannelError) -> Void
    ) throws(ChannelError) {
        try ask(served)
        guard case .qemu(let chardev) = served.server else { return try removeSaved(served) }
        try disconnectQEMU(served)
        try removeSaved(served)
        do throws(ChannelError) {
            try served.qemu.close(served.chardevs(beside: chardev))
        } catch {
            // A QEMU that is gone has no character devices.
            guard error.kind != .notReady else { return }
            throw error.about("\(served.title) is removed, but not its character device")
        }
    }

    /// The channel with a devid and who serves it, in one batch.
    ///
    /// - Throws: `.domainNotFound`, `.notFound`.
    func served(_ devid: Int32, of domid: UInt32) throws(ChannelError) -> ServedChannel {
        guard devid >= 0, devid < Int32.max else { throw .notFound(devid) }
        let console = Console(domid: domid, devid: devid)
        let found = try attempt("reading channel \(devid)") { () throws(StoreError) -> ServedChannel? in
            var batch = Batch()
            ListedConsole.ask(console, &batch)
            let chardev = batch.read(console.chardevRecord)
            let type = batch.read(console.frontend / "type")
            let state = batch.read(console.frontend / "state")
            let userdata = batch.count
            Userdata.ask(domid, &batch)
            let replies = try store.run(batch)
            guard let channel = try ListedConsole.channel(console, replies, 0) else { return nil }
            var server = Server.xenchanneld
            if let id = try replies.value(chardev) {
                server = .qemu(Chardev(id: id))
            } else if channel.backendDomid == 0, try replies.value(type) == "ioemu" {
                // libxl made it at the domain's creation.
                server = .qemu(Chardev(id: libxlChardevID(console)))
            }
            return ServedChannel(
                channel: channel, console: console, server: server,
                userdata: try Userdata(of: domid, replies, userdata),
                frontendState: leadingNumber(try replies.value(state)))
        }
        if let found { return found }
        try checkExistence(of: domid)
        throw .notFound(devid)
    }

    /// Tells guest and backend that a channel goes, and waits until they have let go.
    private func letGo(_ served: ServedChannel) throws(ChannelError) {
        let backend = served.backend
        guard let before = try close(served, "removing \(served.title)") else { return }
        if try waitUntilClosed(served, milliseconds: patience) { return }
        try reopen(backend, state: before, "restoring \(served.title)")
        throw ChannelError(.timedOut, "\(served.title): guest or backend did not let go within 10 seconds")
    }

    /// Whether the backend has closed, or is gone, in time.
    private func waitUntilClosed(_ served: ServedChannel, milliseconds: Int64) throws(ChannelError) -> Bool {
        let state = served.backend / "state"
        return try wait(for: served, on: [state], milliseconds: milliseconds) { (states) in
            states[0] == nil || states[0] == "6"
        }
    }

    /// Waits until `isEnough` says so of the values of some nodes; false when it does not in time.
    private func wait(
        for served: ServedChannel, on nodes: [Bytes], milliseconds: Int64, _ isEnough: ([Bytes?]) -> Bool
    ) throws(ChannelError) -> Bool {
        let found = try attempt("waiting for the end of \(served.title)") { () throws(StoreError) in
            try waitForChange(of: nodes, milliseconds: milliseconds) { isEnough($0) ? true : nil }
        }
        return found != nil
    }

    /// Makes QEMU let go of a console whatever the guest does: its backend
    /// closes when the frontend is closed. When the nodes of one that is
    /// connected just vanish, QEMU keeps the character device, and goes on
    /// reading from the event channel's descriptor, which is another's then.
    func disconnectQEMU(_ served: ServedChannel) throws(ChannelError) {
        let frontend = served.console.frontend / "state"
        let backend = served.backend / "state"
        let deadline = now() + 2_000
        var isKnownToAnswer = false
        while try closeFrontend(served, frontend), now() < deadline {
            // A QEMU that does not answer is none to wait for.
            if !isKnownToAnswer, (try? served.qemu.answers()) != true { return }
            isKnownToAnswer = true
            // A guest that is just connecting writes over it; then it is said again.
            _ = try wait(for: served, on: [backend, frontend], milliseconds: max(0, deadline - now())) { (states) in
                states[0] == nil || states[0] == "6" || states[1] != nil && states[1] != "6"
            }
        }
    }

    /// Writes that the frontend is closed; false when the backend is, or is gone.
    private func closeFrontend(_ served: ServedChannel, _ frontend: Bytes) throws(ChannelError) -> Bool {
        try change(served.backend, "removing \(served.title)", reading: [frontend]) { state, others, writes in
            guard state != "6", others[0] != nil else { return }
            writes.write(served.backend / "online", "0")
            writes.write(frontend, "6")
        }
    }

    /// Tells both ends that the device goes; its state before. nil: there is
    /// nobody to wait for.
    private func close(_ served: ServedChannel, _ doing: Text) throws(ChannelError) -> Bytes? {
        var before: Bytes?
        try change(served.backend, doing, reading: [announcement(in: served.channel.backendDomid)]) { state, others, writes in
            before = nil
            guard state != "6", others[0] != nil || served.server != .xenchanneld else { return }
            before = state
            writes.write(served.backend / "online", "0")
            writes.write(served.backend / "state", "5")
        }
        return before
    }

    /// Takes back `close`, unless the device went after all.
    private func reopen(_ backend: Bytes, state before: Bytes, _ doing: Text) throws(ChannelError) {
        try change(backend, doing) { state, _, writes in
            guard state == "5" else { return }
            writes.write(backend / "online", "1")
            writes.write(backend / "state", before)
        }
    }

    /// Changes a backend's nodes in a transaction, if it is there.
    ///
    /// - Parameter write: given the backend's state and the values of `nodes`.
    /// - Returns: whether anything was written.
    @discardableResult
    private func change(
        _ backend: Bytes, _ doing: Text, reading nodes: [Bytes] = [],
        _ write: (_ state: Bytes, _ values: [Bytes?], _ writes: inout Batch) -> Void
    ) throws(ChannelError) -> Bool {
        try store.withTransaction(orElse: { ChannelError($0, while: doing) }) { (transaction, _) throws(ChannelError) in
            try attempt(doing) { () throws(StoreError) in
                var reads = Batch(in: transaction)
                reads.read(backend / "state")
                for node in nodes { reads.read(node) }
                let replies = try store.run(reads)
                guard let state = try replies.value(0) else { return false }
                var values: [Bytes?] = []
                for index in 1..<(1 + nodes.count) { values.append(try replies.value(index)) }
                var writes = Batch(in: transaction)
                write(state, values, &writes)
                guard writes.count > 0 else { return false }
                try store.run(writes).check()
                return true
            }
        }
    }

    /// Removes a channel's nodes, and its entry in the domain's saved configuration.
    private func removeSaved(_ served: ServedChannel) throws(ChannelError) {
        guard let userdata = served.userdata, !served.channel.connection.isHiddenFromLibXL else {
            return try removeNodes(served)
        }
        // One that cannot be read names no channel.
        try userdata.editConfiguration(orLeaveUnread: true) { (channels) throws(ChannelError) in
            try channels.remove(console: served.console.number)
        } whenReady: { () throws(ChannelError) in
            try removeNodes(served)
        }
    }

    /// Removes a channel's nodes, and the directories that are empty without them.
    ///
    /// - Throws: `.notFound` when another toolstack was faster.
    func removeNodes(_ served: ServedChannel) throws(ChannelError) {
        let backend = served.backend
        let doing: Text = "removing \(served.title)"
        // Each tree's nodes from the device upward, as far as they may go.
        let trees = [
            Ancestry(served.console.frontend, levels: 2),
            Ancestry(served.console.record, levels: 3),
            Ancestry(backend, levels: 4),
        ]
        try store.withTransaction(orElse: { ChannelError($0, while: doing) }) { (transaction, _) throws(ChannelError) in
            var reads = Batch(in: transaction)
            reads.read(served.console.record / "backend")
            for tree in trees {
                for parent in tree.path.dropFirst() { reads.directory(parent) }
            }
            let isThere = try attempt(doing) { () throws(StoreError) in
                let replies = try store.run(reads)
                // What another toolstack put there is not ours.
                guard try replies.value(0) == backend else { return false }
                var removals = Batch(in: transaction)
                var index = 1
                // Node by node, as libxl does: a guest, and QEMU, are told of the
                // topmost node of a removal only, and take no notice of the
                // directories above their devices. Linux then would still have
                // the device, and not see a new one with its number.
                for tree in trees {
                    removals.remove(tree.path[0])
                    var climbing = true
                    for (child, parent) in zip(tree.path, tree.path.dropFirst()) {
                        // A listing too long for one message has other entries.
                        let children = climbing ? try? replies.children(index) : nil
                        index += 1
                        // It goes when there is nothing else in it. The child may be gone already.
                        climbing = children?.allSatisfy { parent / $0 == child } ?? false
                        if climbing { removals.remove(parent) }
                    }
                }
                try store.run(removals).checkWrites()
                return true
            }
            guard isThere else { throw .notFound(served.channel.devid) }
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
