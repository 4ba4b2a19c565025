import CLibc
import Channel
import QMP
import System
import XenConsole
import XenStore

/// The QEMU of a domain, as the backend of its channels: it runs in domain 0
/// and is spoken to through its monitor.
struct QEMU {
    let domid: UInt32
    let userdata: Userdata?

    /// libxl__qmp_initialize's path.
    private var monitor: Bytes {
        directory(named: "XEN_RUN_DIR", usually: "/var/run/xen") / (Bytes("qmp-libxl-") + Bytes(decimal: domid))
    }

    /// Whether the domain was given one.
    var isThere: Bool {
        monitor.withCString { access($0, F_OK) } == 0
    }

    /// Runs `body` with a connection to the monitor, which no other user of libxl's lock has meanwhile.
    @inline(never)
    private func connected(_ body: (QMPConnection) throws(ChannelError) -> Void) throws(ChannelError) {
        try userdata.holding(.qmpSocket) { () throws(ChannelError) in
            try body(try QMPConnection(monitor))
        }
    }

    /// Whether it answers.
    func answers() throws(ChannelError) -> Bool {
        do throws(ChannelError) {
            try connected { (_) throws(ChannelError) in }
            return true
        } catch {
            if error.kind == .notReady { return false }
            throw error
        }
    }

    /// Makes a character device for each of the requests, all or none.
    ///
    /// - Throws: with the position of the request that failed.
    fileprivate func open(
        _ requests: [ChannelRequest], beside existing: ExistingConsoles
    ) throws(ChannelError) -> [Chardev] {
        var chardevs: [Chardev] = []
        try connected { (connection) throws(ChannelError) in
            // Those that consoles name, be they there or not.
            var present = existing.chardevs
            for id in try connection.execute(.queryChardevs).chardevs {
                // QEMU refuses to remove one that is in use after all.
                if isStaleChardev(id, named: existing.chardevs, consoles: existing.consoles),
                    (try? connection.execute(.removeChardev(id: id))) != nil
                {
                    continue
                }
                present.append(id)
            }
            for (position, request) in requests.enumerated() {
                let id = freeChardevID(beside: present)
                present.append(id)
                do throws(ChannelError) {
                    chardevs.append(Chardev(id: id, terminal: try connection.add(id, request.connection)))
                } catch {
                    for chardev in chardevs { _ = try? connection.execute(.removeChardev(id: chardev.id)) }
                    for opened in requests[..<position] { opened.connection.removeStaleSocket() }
                    throw error.about(request.title, at: position)
                }
            }
        }
        return chardevs
    }

    /// Removes character devices whose consoles are gone. QEMU may need a
    /// moment to notice that they are.
    func close(_ ids: [Bytes]) throws(ChannelError) {
        try connected { (connection) throws(ChannelError) in
            let deadline = Instant.now + .seconds(2)
            var rest = ids
            while true {
                var failure: ChannelError?
                var busy: [Bytes] = []
                for id in rest {
                    do throws(ChannelError) {
                        try connection.execute(.removeChardev(id: id))
                    } catch {
                        guard error.kind == .qmpGeneric else { throw error }
                        failure = error
                        busy.append(id)
                    }
                }
                guard let failure else { return }
                let present = try connection.execute(.queryChardevs).chardevs
                rest = busy.filter { present.contains($0) }
                if rest.isEmpty { return }
                guard .now < deadline else { throw failure }
                pause(.milliseconds(20))
            }
        }
    }
}

// What is different for channels that a guest's QEMU serves, in the operations.
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
            // A QEMU that is gone has no character devices, but may have left a socket.
            guard error.kind != .notReady else { return served.channel.connection.removeStaleSocket() }
            throw error.about("\(served.title) is removed, but not its character device")
        }
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
