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
        do throws(ChannelError) {
            _ = try store.withTransaction(
                after: before,
                orElse: { (error) in
                    if case .refused = error { devices = [] }
                    return ChannelError(error, while: doing)
                }
            ) { (transaction, before) throws(ChannelError) -> TransactionEnd<Bool> in
                devices = []
                let directory = try attempt(doing) { () throws(StoreError) in
                    saving = try beforehand.domain?.savingUserdata(of: domid, before)
                    return try ConsoleDirectory(of: domid, before, beforehand.directory, in: transaction, store)
                }
                // Made from what was there before the transaction. What is read
                // within it, along with the writing, tells whether it is still so.
                let chosen = Result { () throws(ChannelError) in
                    try chooseDevids(for: plans, of: domid, beside: directory.consoles)
                }
                var batch = Batch(in: transaction)
                let reads = ReadsWithin(plans, domid, directory, asking: &batch)
                let firstWrite = batch.next
                if case .success(let devices) = chosen {
                    for device in devices { device.write(&batch) }
                }
                let replies = try attempt(doing) { () throws(StoreError) in try store.run(batch) }
                try checkDomains(plans, reads, replies)
                let names = try attempt(doing) { () throws(StoreError) in
                    try directory.isStill(replies, reads.directory) ? try reads.takenNames(replies) : nil
                }
                guard let names else { return .again }
                try checkNames(plans, beside: names)
                let new = try chosen.get()
                try attempt(doing) { () throws(StoreError) in try replies.checkWrites(from: firstWrite) }
                try checkFiles(plans, of: domid)
                devices = new
                return .commit(true)
            }
            // Another toolstack may have added one with the same file meanwhile: it finds this one.
            try checkFiles(plans, of: domid, beside: devices)
            try waitUntilServed(devices, by: waiter)
            try save(devices, saving)
        } catch {
            for device in devices {
                twice { () throws(ChannelError) in try withdraw(device) }
            }
            throw error
        }
        return devices
    }

    /// - Throws: `.domainNotFound`, `.notReady`.
    private func checkDomains(_ plans: [ChannelPlan], _ reads: ReadsWithin, _ replies: Replies) throws(ChannelError) {
        let looking: Text = "looking for the domains"
        let domain = try attempt(looking) { () throws(StoreError) in try replies.value(reads.domain) }
        guard domain != nil else { throw .noDomain }
        for (position, (plan, announcement)) in zip(plans, reads.announcements).enumerated() {
            let served = try attempt(looking) { () throws(StoreError) in try replies.value(announcement) }
            guard served == nil, plan.program == .xenchanneld else { continue }
            let domid = plan.backendDomid
            let backend = try attempt(looking) { () throws(StoreError) in try store.value(ConsoleAddress.domain(domid)) }
            guard backend != nil else {
                throw ChannelError(.domainNotFound, "\(plan.title): there is no backend domain \(domid)", at: position)
            }
            let cause: Text =
                domid == 0
                ? "xenchanneld is not running in the backend domain and the guest has no QEMU"
                : "xenchanneld is not running in the backend domain \(domid)"
            throw ChannelError(.notReady, "\(plan.title): \(cause)", at: position)
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
        let (summary, chardev) = try attempt("removing \(device.title)") { () throws(StoreError) in
            var batch = Batch()
            let summary = batch.read(console.hiddenRecord)
            let chardev = batch.read(console.chardevRecord)
            let replies = try store.run(batch)
            return (try replies.value(summary), try replies.value(chardev))
        }
        guard let summary else { return try removeOrphan(device) }
        // Another toolstack's may have taken its place.
        guard summary == device.channel.summary, chardev == device.plan.program.chardev?.id else { return }
        let served = ServedChannel(device)
        var farewell = Farewell(served)
        if served.program != .xenchanneld { try disconnectQEMU(&farewell) }
        if try !removeNodes(served) { try removeOrphan(device) }
    }
}

/// What an addition reads before its transaction.
private struct ReadsBeforehand {
    let directory: Batch.Index
    /// For devices that go into the domain's saved configuration.
    private(set) var domain: DomainReads?

    init(_ plans: [ChannelPlan], _ domid: UInt32, asking batch: inout Batch) {
        directory = batch.directory(ConsoleAddress.records(of: domid))
        if plans.contains(where: { $0.isForLibXL }) { domain = DomainReads(domid, asking: &batch) }
    }
}

/// What an addition reads within its transaction, before it writes.
private struct ReadsWithin {
    let directory, domain: Batch.Index
    /// Whether xenchanneld serves in the backend domain, for each of the plans.
    private(set) var announcements: [Batch.Index] = []
    private var names: [NameReads] = []

    init(_ plans: [ChannelPlan], _ domid: UInt32, _ before: ConsoleDirectory, asking batch: inout Batch) {
        directory = batch.directory(ConsoleAddress.records(of: domid))
        domain = batch.read(ConsoleAddress.domain(domid))
        // One that comes or goes meanwhile is no conflict.
        for plan in plans { announcements.append(batch.readOutside(announcement(in: plan.backendDomid))) }
        for console in before.consoles { names.append(NameReads(console, asking: &batch)) }
    }

    func takenNames(_ replies: Replies) throws(StoreError) -> [Bytes] {
        var taken: [Bytes] = []
        for reads in names { taken.append(contentsOf: try reads.names(replies)) }
        return taken
    }
}
