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

    var backend: Bytes { console.backend(in: channel.backendDomid) }
    /// How messages name it.
    var title: Text { "channel \(channel.devid) (\(channel.name))" }
    var qemu: QEMU { QEMU(domid: console.domid, userdata: userdata) }

    /// Takes its entry out of a saved configuration; whether there was one.
    func removeEntry(_ channels: inout SavedChannels) throws(ChannelError) -> Bool {
        try channels.remove(console: console.number)
    }

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
        try takeAway(devid, of: domid, isForced: false) { (served) throws(ChannelError) in
            // What would fail in the end is not begun.
            try saving(served)?.checkConfiguration(orLeaveUnread: true, served.removeEntry)
            if case .qemu = served.server {
                // A guest that was never connected has nothing to let go.
                guard try isConnected(served), try served.qemu.answers() else { return }
            }
            try letGo(served)
        }
    }

    /// Removes a channel's nodes at once, without asking the guest, and the
    /// directories that are empty without them.
    ///
    /// - Throws: `.notFound`; what the saved configuration or QEMU give, with
    ///   the channel removed.
    public func destroy(_ devid: Int32, of domid: UInt32) throws(ChannelError) {
        try takeAway(devid, of: domid, isForced: true) { (_) throws(ChannelError) in }
    }

    /// Removes a channel after `ask`, from its backend, from xenstore and from
    /// the domain's saved configuration; with `isForced` also when it must stay there.
    private func takeAway(
        _ devid: Int32, of domid: UInt32, isForced: Bool, after ask: (ServedChannel) throws(ChannelError) -> Void
    ) throws(ChannelError) {
        let served = try served(devid, of: domid)
        guard case .qemu = served.server else { return try takeAway(served, isForced: isForced, after: ask) }
        try served.userdata.holding(.deviceChanges) { () throws(ChannelError) in
            // Whoever had the lock may have changed it.
            try takeAway(self.served(devid, of: domid), isForced: isForced, after: ask)
        }
    }

    private func takeAway(
        _ served: ServedChannel, isForced: Bool, after ask: (ServedChannel) throws(ChannelError) -> Void
    ) throws(ChannelError) {
        try ask(served)
        if case .qemu = served.server { try disconnectQEMU(served) }
        let failure = try removeSaved(served, isForced: isForced)
        if case .qemu(let chardev) = served.server { try close(chardev, of: served) }
        if let failure { throw failure }
    }

    /// Takes the character device of a channel that is removed out of QEMU.
    private func close(_ chardev: Chardev, of served: ServedChannel) throws(ChannelError) {
        do throws(ChannelError) {
            try served.qemu.close(served.chardevs(beside: chardev))
        } catch {
            // A QEMU that is gone has no character devices, but may have left a socket.
            guard error.kind != .notReady else { return served.channel.connection.removeStaleSocket() }
            throw error.about("\(served.title) is removed, but not its character device")
        }
    }

    /// The channel with a devid and who serves it, in one batch; one of libxl's in two.
    ///
    /// - Throws: `.domainNotFound`, `.notFound`.
    func served(_ devid: Int32, of domid: UInt32) throws(ChannelError) -> ServedChannel {
        guard devid >= 0, devid < Int32.max else { throw .notFound(devid) }
        let console = Console(domid: domid, devid: devid)
        let found = try attempt("reading channel \(devid)") { () throws(StoreError) -> ServedChannel? in
            var batch = Batch()
            batch.read(console.hiddenRecord)
            batch.read(console.chardevRecord)
            Userdata.ask(domid, &batch)
            let replies = try store.run(batch)
            let userdata = try Userdata(of: domid, replies, 2)
            if let channel = Channel(console, summary: try replies.value(0)) {
                let chardev = try replies.value(1).map { Server.qemu(Chardev(id: $0)) }
                return ServedChannel(channel: channel, console: console, server: chardev ?? .xenchanneld, userdata: userdata)
            }
            // libxl made it at the domain's creation, or it is none.
            var nodes = ListedConsole.nodes(console)
            nodes.append(console.frontend / "type")
            var values = try store.values(nodes)[...]
            guard let channel = ListedConsole.channel(console, &values) else { return nil }
            let isQEMUs = channel.backendDomid == 0 && values.first == "ioemu"
            return ServedChannel(
                channel: channel, console: console,
                server: isQEMUs ? .qemu(Chardev(id: libxlChardevID(console))) : .xenchanneld, userdata: userdata)
        }
        if let found { return found }
        try checkExistence(of: domid)
        throw .notFound(devid)
    }

    /// Whether the guest uses the channel.
    private func isConnected(_ served: ServedChannel) throws(ChannelError) -> Bool {
        let state = try attempt("reading \(served.title)") { () throws(StoreError) in
            try store.values([served.console.frontend / "state"])[0]
        }
        return [3, 4].contains(leadingNumber(state))
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
        guard try closeFrontend(served, frontend) else { return }
        // One that is gone is none to wait for; one with a busy monitor may let go all the same.
        if (try? served.qemu.answers()) == false { return }
        let deadline = now() + 2_000
        repeat {
            // A guest that is just connecting writes over it; then it is said again.
            _ = try wait(for: served, on: [backend, frontend], milliseconds: max(0, deadline - now())) { (states) in
                states[0] == nil || states[0] == "6" || states[1] != nil && states[1] != "6"
            }
        } while try closeFrontend(served, frontend) && now() < deadline
    }

    /// Writes that the frontend is closed; false when the backend is, or is gone.
    private func closeFrontend(_ served: ServedChannel, _ frontend: Bytes) throws(ChannelError) -> Bool {
        try change(
            served.backend, "removing \(served.title)", [(served.backend / "online", "0"), (frontend, "6")],
            reading: frontend
        ) { $0 != "6" && $1 != nil } != nil
    }

    /// Tells both ends that the device goes; its state before. nil: there is
    /// nobody to wait for.
    private func close(_ served: ServedChannel, _ doing: Text) throws(ChannelError) -> Bytes? {
        let backend = served.backend
        return try change(
            backend, doing, [(backend / "online", "0"), (backend / "state", "5")],
            reading: announcement(in: served.channel.backendDomid)
        ) { $0 != "6" && ($1 != nil || served.server != .xenchanneld) }
    }

    /// Takes back `close`, unless the device went after all.
    private func reopen(_ backend: Bytes, state before: Bytes, _ doing: Text) throws(ChannelError) {
        let nodes: [(Bytes, Bytes)] = [(backend / "online", "1"), (backend / "state", before)]
        _ = try change(backend, doing, nodes, reading: backend / "state") { state, _ in state == "5" }
    }

    /// Writes nodes of a device in a transaction, if its backend is there.
    ///
    /// - Parameter isWanted: given the backend's state and the value of `other`.
    /// - Returns: the backend's state before; nil when nothing was written.
    private func change(
        _ backend: Bytes, _ doing: Text, _ nodes: [(Bytes, Bytes)], reading other: Bytes,
        if isWanted: (_ state: Bytes, _ other: Bytes?) -> Bool
    ) throws(ChannelError) -> Bytes? {
        try store.withTransaction(orElse: { ChannelError($0, while: doing) }) { (transaction, _) throws(ChannelError) in
            try attempt(doing) { () throws(StoreError) in
                var batch = Batch(in: transaction)
                batch.read(backend / "state")
                batch.read(other)
                for (node, value) in nodes { batch.write(node, value) }
                let replies = try store.run(batch)
                guard let state = try replies.value(0), isWanted(state, try replies.value(1)) else { return .abort(nil) }
                try replies.checkWrites()
                return .commit(state)
            }
        }
    }

    /// Where the channel's entry in a saved configuration would be.
    private func saving(_ served: ServedChannel) -> Userdata? {
        served.channel.connection.isHiddenFromLibXL ? nil : served.userdata
    }

    /// Removes a channel's nodes, and its entry in the domain's saved configuration.
    ///
    /// - Parameter isForced: whether the nodes go also when the entry must stay.
    /// - Returns: why the entry stays, when the nodes are gone.
    private func removeSaved(_ served: ServedChannel, isForced: Bool) throws(ChannelError) -> ChannelError? {
        guard let userdata = saving(served) else {
            try removeNodes(served)
            return nil
        }
        var isBegun = false, isRemoved = false
        do throws(ChannelError) {
            // One that cannot be read names no channel.
            try userdata.editConfiguration(orLeaveUnread: true, served.removeEntry) { () throws(ChannelError) in
                isBegun = true
                try removeNodes(served)
                isRemoved = true
            }
            return nil
        } catch {
            if isForced, !isBegun {
                try removeNodes(served)
                isRemoved = true
            }
            guard isRemoved else { throw error }
            return error.about("\(served.title) is removed, but not from the domain's saved configuration")
        }
    }

    /// Removes a channel's nodes, and the directories that are empty without them.
    ///
    /// - Throws: `.notFound` when another toolstack was faster.
    func removeNodes(_ served: ServedChannel) throws(ChannelError) {
        let backend = served.backend
        let trees = [
            Ancestry(served.console.frontend, levels: 2),
            Ancestry(served.console.record, levels: 3),
            Ancestry(backend, levels: 4),
        ]
        // What another toolstack put there is not ours.
        let isRemoved = try remove(trees, "removing \(served.title)", while: served.console.record / "backend", is: backend)
        guard isRemoved else { throw .notFound(served.channel.devid) }
    }

    /// Removes the backend of a console without a record: the domain was
    /// destroyed, by a toolstack that had looked for its devices before.
    func removeOrphan(_ device: Device) throws(ChannelError) {
        let backend = device.console.backend(in: device.backendDomid)
        try remove(
            [Ancestry(backend, levels: 4)], "removing \(device.title)", while: device.console.record / "backend", is: nil)
    }

    /// Removes nodes, and those above them that are empty without them, each
    /// as far as the tree goes.
    ///
    /// - Returns: whether `node` had that value; else nothing is removed.
    @discardableResult
    private func remove(
        _ trees: [Ancestry], _ doing: Text, while node: Bytes, is value: Bytes?
    ) throws(ChannelError) -> Bool {
        try store.withTransaction(orElse: { ChannelError($0, while: doing) }) { (transaction, _) throws(ChannelError) in
            try attempt(doing) { () throws(StoreError) in
                // Node by node, as libxl does: a guest, and QEMU, are told of the
                // topmost node of a removal only, and take no notice of the
                // directories above their devices. Linux then would still have
                // the device, and not see a new one with its number.
                var batch = Batch(in: transaction)
                batch.read(node)
                for tree in trees {
                    batch.remove(tree.path[0])
                    for parent in tree.path.dropFirst() { batch.directory(parent) }
                }
                let replies = try store.run(batch)
                guard try replies.value(0) == value else { return .abort(false) }
                var empty = Batch(in: transaction)
                var index = 1
                for tree in trees {
                    try replies.checkWrite(index)
                    for (above, (child, parent)) in zip(tree.path, tree.path.dropFirst()).enumerated() {
                        // A listing too long for one message has other entries.
                        let children = try? replies.children(index + 1 + above)
                        // It goes when there is nothing else in it. The child is gone already, or goes too.
                        guard children?.allSatisfy({ parent / $0 == child }) == true else { break }
                        empty.remove(parent)
                    }
                    index += tree.path.count
                }
                return .commit(true, last: empty)
            }
        }
    }
}

/// A node and the nodes above it that go with it when they are empty.
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
    /// Fails for the first request that was refused; that a node to be read or
    /// removed is not there is no failure.
    func checkWrites() throws(StoreError) {
        for index in 0..<count { try checkWrite(index) }
    }

    /// Fails if a request was refused, as `checkWrites`.
    func checkWrite(_ index: Int) throws(StoreError) {
        guard !isMissing(index) else { return }
        _ = try payload(index)
    }
}
