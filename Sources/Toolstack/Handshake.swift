import Channel
import System
import XenConsole
import XenStore

/// What the ends of a device were told, when it is to go: to be taken back if
/// it stays after all.
struct Farewell {
    let served: ServedChannel
    /// What was told, in this order.
    fileprivate private(set) var told: [Told] = []

    init(_ served: ServedChannel) {
        self.served = served
    }

    /// Whether anybody was.
    var isTold: Bool { !told.isEmpty }

    /// An end of the device.
    enum End {
        /// The backend is closing: it waits for the guest to close.
        case backend
        /// The frontend is closed, whatever the guest does.
        case frontend

        /// What its state says then.
        var word: Bytes {
            switch self {
            case .backend: XenbusState.closing.value
            case .frontend: XenbusState.closed.value
            }
        }
    }

    fileprivate struct Told {
        let end: End
        /// The end's state before; nil without the node.
        var before: Bytes?
    }

    fileprivate func state(_ end: End) -> Bytes {
        switch end {
        case .backend: served.backend / BackendNode.state
        case .frontend: served.console.frontend / FrontendNode.state
        }
    }

    /// Remembers an end's state, before it is told for the first time or again.
    fileprivate mutating func remember(_ before: Bytes?, of end: End) {
        if let index = told.firstIndex(where: { $0.end == end }) {
            if before != end.word { told[index].before = before }
        } else {
            told.append(Told(end: end, before: before))
        }
    }
}

extension Toolstack {
    /// Asks guest and backend to let go of a channel, and waits until they have.
    ///
    /// - Throws: `.timedOut`; what is in `farewell` is to be taken back then.
    func letGo(_ farewell: inout Farewell) throws(ChannelError) {
        let title = farewell.served.title
        let isClosed = try attempt("removing \(title)") { () throws(StoreError) in
            try close(.backend, &farewell, within: patience) { (_) in true }
        }
        guard isClosed else {
            throw ChannelError(.timedOut, "\(title): guest or backend did not let go within 10 seconds; removal by force does not ask them")
        }
    }

    /// Tells an end of a device that it is to close, and waits until the backend has.
    ///
    /// - Parameter isWorthWaiting: asked when it was told.
    /// - Returns: false when the backend has not closed in time.
    func close(
        _ end: Farewell.End, _ farewell: inout Farewell, within patience: Interval, if isWorthWaiting: (ServedChannel) -> Bool
    ) throws(StoreError) -> Bool {
        let waiter = try store.waiter()
        let backend = farewell.state(.backend), state = farewell.state(end)
        try waiter.watch(end == .backend ? [backend] : [backend, state])
        var isClosed = false
        let isTold = try tell(end, &farewell) { now in isClosed = now == nil || now == XenbusState.closed.value }
        guard isTold, isWorthWaiting(farewell.served), !isClosed else { return true }
        return try waiter.waitForChange(until: .now + patience) { batch in
            let backend = batch.read(backend)
            return (backend: backend, end: end == .backend ? backend : batch.read(state))
        } look: { (replies, reads) throws(StoreError) in
            guard let backend = try replies.value(reads.backend), backend != XenbusState.closed.value else { return true }
            // An end that was changing its state has written over it.
            if try replies.value(reads.end) != end.word { _ = try tell(end, &farewell) }
            return nil
        } ?? false
    }

    /// Tells an end of a device that it is to close.
    ///
    /// - Parameter seen: gets the backend's state right after that.
    /// - Returns: false when there is nobody to be told, or to wait for.
    private func tell(
        _ end: Farewell.End, _ farewell: inout Farewell, seen: (Bytes?) -> Void = { _ in }
    ) throws(StoreError) -> Bool {
        let served = farewell.served
        return try store.withTransaction(orElse: { $0 }, seen: seen) { (transaction, _) throws(StoreError) in
            var batch = Batch(in: transaction)
            let backend = batch.read(farewell.state(.backend))
            let before = end == .backend ? backend : batch.read(farewell.state(end))
            // xenchanneld, or the domain, whose directory is not to come back by this.
            let listener = batch.read(end == .backend ? announcement(in: served.channel.backendDomid) : served.console.domain)
            batch.write(served.backend / BackendNode.online, "0")
            batch.write(farewell.state(end), end.word)
            let replies = try store.run(batch)
            guard let state = try replies.value(backend), state != XenbusState.closed.value else { return .abort(false) }
            let isThere = try replies.value(listener) != nil
            let stateBefore = try replies.value(before)
            switch end {
            case .backend: guard isThere || served.program != .xenchanneld else { return .abort(false) }
            // Also when the guest has removed it: QEMU looks at nothing else.
            case .frontend: guard isThere, stateBefore != end.word else { return .abort(false) }
            }
            farewell.remember(stateBefore, of: end)
            try replies.checkWrites()
            return .commit(true, next: farewell.state(.backend))
        }
    }

    /// Takes back what the ends of a device were told, unless it has closed.
    func takeBack(_ farewell: Farewell) {
        for told in farewell.told {
            twice { (try? takeBack(told, farewell)) != nil }
        }
    }

    private func takeBack(_ told: Farewell.Told, _ farewell: Farewell) throws(StoreError) -> Bool {
        try store.withTransaction(orElse: { $0 }) { (transaction, _) throws(StoreError) in
            var batch = Batch(in: transaction)
            let backend = batch.read(farewell.state(.backend))
            let end = batch.read(farewell.state(told.end))
            batch.write(farewell.served.backend / BackendNode.online, "1")
            let replies = try store.run(batch)
            guard let state = try replies.value(backend), state != XenbusState.closed.value else { return .abort(true) }
            try replies.checkWrites()
            guard try replies.value(end) == told.end.word else { return .commit(true) }
            var restoring = Batch(in: transaction)
            if let before = told.before {
                restoring.write(farewell.state(told.end), before)
            } else {
                restoring.remove(farewell.state(told.end))
            }
            try store.run(restoring).checkWrites()
            return .commit(true)
        }
    }

    /// Undoes something after a failure: once more if that fails too, since the
    /// connection opens again then.
    @inline(never)
    func twice(_ undo: () -> Bool) {
        if !undo() { _ = undo() }
    }
}
