import Channel
import ChannelJSON
import XenConsole
import XenStore

/// A channel that is there, with what its removal takes.
struct ServedChannel {
    let channel: Channel
    let console: ConsoleAddress
    /// A program that serves no channels of ours counts as xenchanneld: nobody answers then.
    let program: ServingProgram
    let userdata: Userdata?

    var backend: Bytes { console.backend(in: channel.backendDomid) }
    /// How messages name it.
    var title: Text { channel.title }
    /// Where its entry in a saved configuration would be.
    var saving: Userdata? { channel.connection.kind.isKnownToLibXL ? userdata : nil }

    /// Takes its entry out of a saved configuration; whether there was one.
    func removeEntry(_ channels: inout SavedChannels) throws(ChannelError) -> Bool {
        try channels.remove(console: console.number)
    }
}

extension Toolstack {
    /// Asks backend and guest to let go of a channel, waits until they have,
    /// and removes it.
    ///
    /// - Throws: `.notFound`; `.timedOut`, with the device as it was.
    public func remove(_ devid: Int32, of domid: UInt32) throws(ChannelError) {
        try remove(devid, of: domid, isForced: false)
    }

    /// Removes a channel's nodes at once, without asking the guest, and the
    /// directories that are empty without them.
    ///
    /// - Throws: `.notFound`; what the saved configuration or QEMU give, with
    ///   the channel removed.
    public func destroy(_ devid: Int32, of domid: UInt32) throws(ChannelError) {
        try remove(devid, of: domid, isForced: true)
    }

    /// - Parameter isForced: whether backend and guest are not asked, and the
    ///   channel goes also if its entry in the saved configuration must stay.
    private func remove(_ devid: Int32, of domid: UInt32, isForced: Bool) throws(ChannelError) {
        let served = try served(devid, of: domid)
        guard served.program != .xenchanneld else { return try remove(served, isForced: isForced) }
        try served.userdata.holding(.deviceChanges) { () throws(ChannelError) in
            // Whoever had the lock may have changed it.
            try remove(self.served(devid, of: domid), isForced: isForced)
        }
    }

    private func remove(_ served: ServedChannel, isForced: Bool) throws(ChannelError) {
        var farewell = Farewell(served)
        let failure: ChannelError?
        do throws(ChannelError) {
            if !isForced {
                // What would fail in the end is not begun.
                try served.saving?.checkConfiguration(orLeaveUnread: true, served.removeEntry)
                if try hasSomebodyToAsk(served) { try letGo(&farewell) }
            }
            if served.program != .xenchanneld { try disconnectQEMU(&farewell) }
            failure = try removeSaved(served, isForced: isForced)
        } catch {
            takeBack(farewell)
            throw error
        }
        if let chardev = served.program.chardev {
            try close(chardev, of: served)
        } else if !farewell.isTold {
            // Who was told, and has closed, has removed its socket.
            removeAbandonedSocket(of: served)
        }
        if let failure { throw failure }
    }

    /// Removes the socket of a channel in this domain when no xenchanneld runs that would.
    private func removeAbandonedSocket(of served: ServedChannel) {
        guard served.channel.connection.kind == .socket, served.channel.backendDomid == 0,
            (try? store.value(announcement(in: 0)) == nil) == true
        else { return }
        served.channel.connection.removeStaleSocket()
    }

    private func hasSomebodyToAsk(_ served: ServedChannel) throws(ChannelError) -> Bool {
        switch served.program {
        case .xenchanneld: true
        case .qemu: try isInUseByQEMU(served)
        }
    }

    /// The channel with a devid and who serves it, in one batch; one of libxl's in two.
    ///
    /// - Throws: `.domainNotFound`, `.notFound`.
    private func served(_ devid: Int32, of domid: UInt32) throws(ChannelError) -> ServedChannel {
        let console = try console(devid, of: domid)
        let found = try attempt("reading \(channelTitle(devid: devid))") { () throws(StoreError) -> ServedChannel? in
            var batch = Batch()
            let summary = batch.read(console.hiddenRecord)
            let chardev = batch.read(console.chardevRecord)
            let vm = batch.read(console.domain / "vm")
            let replies = try store.run(batch)
            let userdata = Userdata(of: domid, vm: try replies.value(vm))
            if let channel = Channel(devid: devid, summary: try replies.value(summary)) {
                let program = try replies.value(chardev).map { ServingProgram.qemu(Chardev(id: $0)) } ?? .xenchanneld
                return ServedChannel(channel: channel, console: console, program: program, userdata: userdata)
            }
            return try servedByLibXLsQEMU(console, userdata)
        }
        guard let found else { throw try missing(devid, of: domid) }
        return found
    }

    /// Removes a channel's nodes, and its entry in the domain's saved configuration.
    ///
    /// - Parameter isForced: whether the nodes go also when the entry must stay.
    /// - Returns: why the entry stays, when the nodes are gone.
    private func removeSaved(_ served: ServedChannel, isForced: Bool) throws(ChannelError) -> ChannelError? {
        guard let userdata = served.saving else {
            try removeNodesIfThere(served)
            return nil
        }
        var isBegun = false, isRemoved = false
        do throws(ChannelError) {
            // One that cannot be read names no channel.
            try userdata.editConfiguration(orLeaveUnread: true, served.removeEntry) { () throws(ChannelError) in
                isBegun = true
                try removeNodesIfThere(served)
                isRemoved = true
            }
            return nil
        } catch {
            if isForced, !isBegun {
                try removeNodesIfThere(served)
                isRemoved = true
            }
            guard isRemoved else { throw error }
            return error.about("\(served.title) is removed, but not from the domain's saved configuration")
        }
    }

    /// - Throws: `.notFound` when another toolstack was faster.
    private func removeNodesIfThere(_ served: ServedChannel) throws(ChannelError) {
        if try !removeNodes(served) { throw .notFound(served.channel.devid) }
    }
}
