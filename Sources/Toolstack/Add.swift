import Channel
import ChannelJSON
import XenConsole
import XenStore

extension Toolstack {
    /// Adds channels to a domain, all or none, in one transaction, and waits
    /// until their backends serve them.
    ///
    /// - Throws: `.domainNotFound`, `.exists`, `.notReady` without a backend,
    ///   `.timedOut` or `.failed` when it does not serve, `.qmp…` when QEMU
    ///   refuses, or what xenstore gives. Then nothing is left.
    public func add(
        _ requests: [ChannelRequest], to domid: UInt32
    ) throws(ChannelError) -> [AddedChannel] {
        guard domid != 0 else { throw ChannelError(.invalid, "channels can be added to guests only") }
        var plans: [ChannelPlan] = []
        for (position, request) in requests.enumerated() {
            do throws(ChannelError) {
                plans.append(ChannelPlan(request: request, backendDomid: try resolve(request.backend)))
            } catch {
                throw error.about(request.title, at: position)
            }
        }
        let added =
            if plans.contains(where: { $0.backendDomid == 0 }), let qemu = try servingQEMU(of: domid) {
                try addWithQEMU(qemu, plans, to: domid)
            } else {
                try add(plans, to: domid)
            }
        return added.map { AddedChannel($0) }
    }

    /// Adds channels for whose serving programs all is ready.
    func add(_ plans: [ChannelPlan], to domid: UInt32) throws(ChannelError) -> [NewDevice] {
        let doing: Text = plans.count == 1 ? "adding \(plans[0].title)" : "adding \(plans.count) channels"
        let waiter = try attempt(doing) { () throws(StoreError) in try store.waiter() }
        var before = Batch()
        let beforehand = ReadsBeforehand(plans, domid, asking: &before)
        var saving: Userdata?
        // What a commit may have made.
        var devices: [NewDevice] = []
        var isServed = false
        do throws(ChannelError) {
            _ = try store.withTransaction(
                after: before,
                orElse: { (error) in
                    if case .refused = error { devices = [] }
                    return ChannelError(error, while: doing)
                },
                seen: { isServed = XenbusState($0).isServed }
            ) { (transaction, before) throws(ChannelError) -> TransactionEnd<Bool> in
                devices = []
                // Made from what was there before the transaction. What is read
                // within it, along with the writing, tells whether it is still so.
                let staged = try attempt(doing) { () throws(StoreError) in
                    saving = try savingUserdata(of: domid, before, beforehand.image)
                    let directory = try ConsoleDirectory(of: domid, before, beforehand.directory, in: transaction, store)
                    return try StagedAddition(plans, to: domid, directory, in: transaction, store)
                }
                try checkDomains(plans, staged)
                guard let names = staged.names else { return .again }
                try checkNames(plans, beside: names)
                let new = try staged.devices.get()
                try attempt(doing) { () throws(StoreError) in try staged.checkWrites() }
                try attempt(doing) { () throws(StoreError) in try waiter.watch(watchedNodes(new)) }
                devices = new
                return .commit(true, next: new.count == 1 ? new[0].backend / BackendNode.state : nil)
            }
            if !isServed { try waitUntilServed(devices, by: waiter) }
            try save(devices, saving)
        } catch {
            for device in devices {
                twice { (try? withdraw(device)) != nil }
            }
            throw error
        }
        return devices
    }

    /// - Throws: `.domainNotFound`, `.notReady`.
    private func checkDomains(_ plans: [ChannelPlan], _ staged: StagedAddition) throws(ChannelError) {
        guard staged.hasDomain else { throw plans.count == 1 ? ChannelError.noDomain.about(plans[0].title) : .noDomain }
        for (position, plan) in plans.enumerated() where !staged.isServed[position] {
            let domid = plan.backendDomid
            let backend = try attempt("looking for the backend domain") { () throws(StoreError) in
                try store.value(ConsoleAddress.domain(domid))
            }
            let kind: ChannelError.Kind, cause: Text
            if backend == nil {
                (kind, cause) = (.domainNotFound, "there is no backend domain \(domid)")
            } else if domid == 0 {
                (kind, cause) = (.notReady, "xenchanneld is not running in the backend domain and the guest has no QEMU")
            } else {
                (kind, cause) = (.notReady, "xenchanneld is not running in the backend domain \(domid)")
            }
            throw ChannelError(kind, "\(plan.title): \(cause)", at: position)
        }
    }

    /// Puts devices into the domain's saved configuration.
    private func save(_ devices: [NewDevice], _ userdata: Userdata?) throws(ChannelError) {
        let saved = devices.filter { $0.plan.isForLibXL }
        guard let userdata, let first = saved.first else { return }
        do throws(ChannelError) {
            try userdata.editConfiguration { (channels) throws(ChannelError) in
                // Whoever removed one meanwhile held the same lock, and found it not saved.
                let records = try attempt("reading the new channels") { () throws(StoreError) in
                    try store.values(saved.map { $0.console.record })
                }
                for (device, record) in zip(saved, records) where record != nil {
                    try channels.put(
                        name: device.channel.name, connection: device.channel.connection,
                        backendDomid: device.plan.backendDomid, console: device.console.number)
                }
                return true
            } whenReady: { () throws(ChannelError) in
            }
        } catch {
            throw error.about("\(first.title): the domain's saved configuration")
        }
    }

    /// Removes a device of an `add` that failed, if it is there: the answer to
    /// the commit may not have come.
    private func withdraw(_ device: NewDevice) throws(ChannelError) {
        let console = device.console
        let (summary, chardev, vm) = try attempt("removing \(device.title)") { () throws(StoreError) in
            (try store.value(console.hiddenRecord), try store.value(console.chardevRecord), try store.value(console.domain / "vm"))
        }
        guard let summary else { return try removeOrphan(device) }
        // Another toolstack's may have taken its place.
        guard summary == device.channel.summary, chardev == device.plan.program.chardev?.id else { return }
        let served = ServedChannel(
            channel: device.channel, console: console, program: device.plan.program,
            userdata: Userdata(of: console.domid, vm: vm))
        var farewell = Farewell(served)
        if served.program != .xenchanneld { try disconnectQEMU(&farewell) }
        if try !removeNodes(served) { try removeOrphan(device) }
    }
}

/// What an addition reads before its transaction.
private struct ReadsBeforehand {
    let directory: Batch.Index
    /// For devices that go into the domain's saved configuration.
    private(set) var image: Batch.Index?

    init(_ plans: [ChannelPlan], _ domid: UInt32, asking batch: inout Batch) {
        directory = batch.directory(ConsoleAddress.records(of: domid))
        if plans.contains(where: { $0.isForLibXL }) { image = batch.directory(ConsoleAddress.domain(domid) / "image") }
    }
}

/// An addition in its transaction: written, and what was read before that.
private struct StagedAddition {
    let devices: Result<[NewDevice], ChannelError>
    let hasDomain: Bool
    /// Whether there is somebody to serve it, for each of the plans.
    private(set) var isServed: [Bool] = []
    /// The names that are taken; nil if the consoles are others than before.
    let names: [Bytes]?
    private let replies: Replies
    private let firstWrite: Batch.Index

    init(
        _ plans: [ChannelPlan], to domid: UInt32, _ before: ConsoleDirectory, in transaction: Transaction,
        _ store: some BatchRunner
    ) throws(StoreError) {
        devices = Result { () throws(ChannelError) in try chooseDevids(for: plans, of: domid, beside: before.consoles) }
        var batch = Batch(in: transaction)
        let directory = batch.directory(ConsoleAddress.records(of: domid))
        let domain = batch.read(ConsoleAddress.domain(domid))
        // One that comes or goes meanwhile is no conflict.
        let announcements = plans.map { batch.readOutside(announcement(in: $0.backendDomid)) }
        let summaries = before.consoles.map { batch.readOutside($0.hiddenRecord) }
        firstWrite = batch.next
        if case .success(let devices) = devices {
            for device in devices { device.write(&batch) }
        }
        replies = try store.run(batch)
        hasDomain = try replies.value(domain) != nil
        for (plan, announcement) in zip(plans, announcements) {
            isServed.append(try replies.value(announcement) != nil || plan.program != .xenchanneld)
        }
        if try before.isStill(replies, directory) {
            var values: [Bytes?] = []
            for summary in summaries { values.append(try replies.value(summary)) }
            names = try takenNames(before.consoles, values, store)
        } else {
            names = nil
        }
    }

    func checkWrites() throws(StoreError) {
        try replies.checkWrites(from: firstWrite)
    }
}
