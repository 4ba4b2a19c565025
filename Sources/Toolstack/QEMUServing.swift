import Channel
import System
import XenConsole
import XenStore

// What is different in the operations for channels that a guest's QEMU serves.
extension Toolstack {
    /// The guest's QEMU, if it is to serve channels: it serves from domain 0,
    /// where no xenchanneld does.
    func servingQEMU(of domid: UInt32) throws(ChannelError) -> QEMU? {
        guard QEMU(domid: domid, userdata: nil).isThere else { return nil }
        return try attempt("looking for the backend") { () throws(StoreError) in
            var batch = Batch()
            let xenchanneld = batch.read(announcement(in: 0))
            let domain = DomainReads(domid, asking: &batch)
            let replies = try store.run(batch)
            guard try replies.value(xenchanneld) == nil, try domain.deviceModel(replies) != .stubdomain else { return nil }
            return QEMU(domid: domid, userdata: try domain.userdata(of: domid, replies))
        }
    }

    /// Adds channels, those with a backend in domain 0 by character devices of QEMU.
    func addWithQEMU(
        _ qemu: QEMU, _ plans: [ChannelPlan], to domid: UInt32
    ) throws(ChannelError) -> [NewDevice] {
        var added: [NewDevice] = []
        try qemu.userdata.holding(.deviceChanges) { () throws(ChannelError) in
            let existing = try existingConsoles(of: domid)
            // What is taken is found before anything is opened for it.
            _ = try chooseDevids(for: plans, of: domid, beside: existing.consoles)
            try checkNames(plans, beside: existing.names)
            let positions = plans.indices.filter { plans[$0].backendDomid == 0 }
            let requests = positions.map { plans[$0].request }
            let chardevs: [Chardev]
            do throws(ChannelError) {
                chardevs = try qemu.open(requests, beside: existing)
            } catch {
                guard let position = error.position else { throw error.about(plans[positions[0]].title, at: positions[0]) }
                throw ChannelError(error.kind, error.message, at: positions[position])
            }
            var ready = plans
            for (position, chardev) in zip(positions, chardevs) { ready[position].program = .qemu(chardev) }
            do throws(ChannelError) {
                added = try add(ready, to: domid)
            } catch {
                try? qemu.close(chardevs.map { $0.id })
                for request in requests { request.connection.removeStaleSocket() }
                throw error
            }
        }
        return added
    }

    /// The channel of a console without a summary, if it has one. libxl has
    /// those with a backend in domain 0 served by QEMU, always; what the
    /// frontend says of it the guest could remove.
    func servedByLibXLsQEMU(_ console: ConsoleAddress, _ userdata: Userdata?) throws(StoreError) -> ServedChannel? {
        var batch = Batch()
        let record = RecordReads(console, asking: &batch)
        guard let channel = try record.channel(console, store.run(batch)) else { return nil }
        return ServedChannel(
            channel: channel, console: console,
            program: channel.backendDomid == 0 ? .qemu(Chardev(id: libxlChardevID(console))) : .xenchanneld,
            userdata: userdata)
    }

    /// Whether QEMU and the guest are to be asked before a channel goes. A
    /// guest that was never connected has nothing to let go.
    func isInUseByQEMU(_ served: ServedChannel) throws(ChannelError) -> Bool {
        let state = try attempt("reading \(served.title)") { () throws(StoreError) in
            try store.value(served.console.frontend / FrontendNode.state)
        }
        guard XenbusState(state).offersRing else { return false }
        return try served.qemu.answers()
    }

    /// Makes QEMU let go of a console whatever the guest does: its backend
    /// closes when the frontend is closed. When the nodes of one that is
    /// connected just vanish, QEMU keeps the character device, and goes on
    /// reading from the event channel's descriptor, which is another's then.
    func disconnectQEMU(_ farewell: inout Farewell) throws(ChannelError) {
        try attempt("removing \(farewell.served.title)") { () throws(StoreError) in
            _ = try close(.frontend, &farewell, within: .seconds(2)) { served in
                // One that is gone is none to wait for; one with a busy monitor may let go all the same.
                (try? served.qemu.answers()) != false
            }
        }
    }

    /// Removes the character device of a channel that is removed.
    func close(_ chardev: Chardev, of served: ServedChannel) throws(ChannelError) {
        do throws(ChannelError) {
            try served.qemu.close(served.chardevs(beside: chardev))
        } catch {
            // A QEMU that is gone has no character devices.
            guard error.kind == .notReady else {
                throw error.about("\(served.title) is removed, but not its character device")
            }
        }
        // It may have left it: when it is gone, and where it does not know the path (ListeningSocket).
        served.channel.connection.removeStaleSocket()
    }
}

extension ServedChannel {
    fileprivate var qemu: QEMU { QEMU(domid: console.domid, userdata: userdata) }

    /// The character devices that QEMU has for it.
    fileprivate func chardevs(beside chardev: Chardev) -> [Bytes] {
        // For a PTY that libxl makes there are two: libxl's own, which nobody
        // uses, and the one that QEMU opens at `output = pty`.
        guard chardev.id == libxlChardevID(console) else { return [chardev.id] }
        return [chardev.id, "xencons" + Bytes(decimal: console.number)]
    }
}
