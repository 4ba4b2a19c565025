import CLibc
import Channel
import ChannelJSON
import XenStore

/// A channel that was added: where it is.
public struct AddedChannel: Sendable, Equatable {
    public var devid: Int32
    public var backendDomid: UInt32
    /// An automatic devid whose console number collides with another's
    /// device in a Linux guest.
    public var collidesInLinux: Bool
}

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
        var backends: [UInt32] = []
        for (position, request) in requests.enumerated() {
            do throws(ChannelError) {
                backends.append(try resolve(request.backend))
            } catch {
                throw error.about(request.title, at: position)
            }
        }
        var servers = [Server](repeating: .xenchanneld, count: requests.count)
        let byQEMU = backends.indices.filter { backends[$0] == 0 }
        guard !byQEMU.isEmpty, let qemu = try servingQEMU(of: domid) else {
            return try add(requests, to: domid, backends, servers)
        }
        return try qemu.userdata.holding(.deviceChanges) { () throws(ChannelError) in
            let present = try presentConsoles(of: domid)
            // What is taken is found before anything is opened for it.
            _ = try place(requests, backends, beside: present.numbers)
            try checkNames(requests, beside: present.names)
            let chardevs = try open(byQEMU, of: requests, qemu, beside: present)
            for (position, chardev) in zip(byQEMU, chardevs) { servers[position] = .qemu(chardev) }
            do throws(ChannelError) {
                return try add(requests, to: domid, backends, servers)
            } catch {
                try? qemu.close(chardevs.map { $0.id })
                for position in byQEMU { requests[position].connection.removeStaleSocket() }
                throw error
            }
        }
    }

    /// Makes the character devices of the requests at `positions`.
    private func open(
        _ positions: [Int], of requests: [ChannelRequest], _ qemu: QEMU, beside present: PresentConsoles
    ) throws(ChannelError) -> [Chardev] {
        do throws(ChannelError) {
            return try qemu.open(positions.map { requests[$0] }, beside: present.chardevs) {
                isStaleChardev($0, named: present.chardevs, consoles: present.numbers)
            }
        } catch {
            guard let position = error.position else { throw error.about(requests[positions[0]].title, at: positions[0]) }
            throw ChannelError(error.kind, error.message, at: positions[position])
        }
    }

    private func add(
        _ requests: [ChannelRequest], to domid: UInt32, _ backends: [UInt32], _ servers: [Server]
    ) throws(ChannelError) -> [AddedChannel] {
        var before = Batch()
        before.directory(Console.records(of: domid))
        Userdata.ask(domid, &before)
        let subject: Text =
            requests.count == 1
            ? requests[0].title : "\(requests.count) channels"
        let doing: Text = "adding \(subject)"
        var userdata: Userdata?
        // What a commit has made that was not refused.
        var committed: [AddedChannel] = []
        let added: [AddedChannel]
        do throws(ChannelError) {
            added = try store.withTransaction(
                after: before,
                orElse: { (error) in
                    if case .refused = error { committed = [] }
                    return ChannelError(error, while: doing)
                }
            ) { (transaction, before) throws(ChannelError) -> TransactionEnd<[AddedChannel]> in
                committed = []
                let listing = try attempt(doing) { () throws(StoreError) in
                    userdata = try Userdata(of: domid, before, 1)
                    return try consoles(of: domid, before, 0, in: transaction)
                }
                // Made from what was there before the transaction. What is read
                // within it, along with the writing, tells whether it is still so.
                let places = Result { () throws(ChannelError) in try place(requests, backends, beside: listing.consoles.map { $0.number }) }
                var batch = Batch(in: transaction)
                batch.directory(Console.records(of: domid))
                askDomains(domid, backends, &batch)
                let names = batch.count
                askNames(listing, &batch)
                let writes = batch.count
                if case .success(let added) = places {
                    for device in devices(requests, added, servers, of: domid) { device.write(&batch) }
                }
                let replies = try attempt(doing) { () throws(StoreError) in try store.run(batch) }
                try checkDomains(subject, requests, backends, servers, replies, 1)
                let taken = try attempt(doing) { () throws(StoreError) in
                    try listing.isStill(replies, 0) ? self.names(listing, replies, names) : nil
                }
                guard let taken else { return .again }
                try checkNames(requests, beside: taken)
                let added = try places.get()
                try attempt(doing) { () throws(StoreError) in
                    for index in writes..<replies.count { try replies.checkWrite(index) }
                }
                committed = added
                return .commit(added)
            }
        } catch {
            // The answer to a commit did not come: it may have taken effect.
            for device in devices(requests, committed, servers, of: domid) { withdrawIfThere(device) }
            throw error
        }
        let new = devices(requests, added, servers, of: domid)
        do throws(ChannelError) {
            try waitUntilServed(new)
            try save(new, userdata)
        } catch {
            for device in new { try? withdraw(device) }
            throw error
        }
        return added
    }

    /// Takes away a device of which it is not known whether it was added.
    private func withdrawIfThere(_ device: Device) {
        var chardev: Bytes?
        if case .qemu(let one) = device.server { chardev = one.id }
        let records = try? store.values([device.console.hiddenRecord, device.console.chardevRecord])
        if records == [device.channel.summary, chardev] { try? withdraw(device) }
    }

    /// Takes away a device that was just added.
    private func withdraw(_ device: Device) throws(ChannelError) {
        let served: ServedChannel
        do throws(ChannelError) {
            served = try self.served(device.console.devid, of: device.console.domid)
        } catch {
            if error.kind == .domainNotFound || error.kind == .notFound { try removeOrphan(device) }
            throw error
        }
        if case .qemu = device.server { try disconnectQEMU(served) }
        try removeNodes(served)
    }

    /// Puts devices into the domain's saved configuration: those that libxl
    /// can build anew, which is with a QEMU in domain 0.
    private func save(_ devices: [Device], _ userdata: Userdata?) throws(ChannelError) {
        let saved = devices.filter { !$0.request.connection.isHiddenFromLibXL && $0.backendDomid == 0 }
        guard let userdata, userdata.deviceModel != .none, !saved.isEmpty else { return }
        do throws(ChannelError) {
            try userdata.editConfiguration { (channels) throws(ChannelError) in
                // Whoever removed one meanwhile held the same lock, and found it not saved.
                let records = try attempt("reading the new channels") { () throws(StoreError) in
                    try store.values(saved.map { $0.console.record })
                }
                for (device, record) in zip(saved, records) where record != nil {
                    try channels.put(
                        name: device.request.name, connection: device.request.connection,
                        backendDomid: device.backendDomid, console: device.console.number)
                }
                return true
            } whenReady: { () throws(ChannelError) in
            }
        } catch {
            throw error.about("\(saved[0].title): the domain's saved configuration")
        }
    }

    private func devices(
        _ requests: [ChannelRequest], _ places: [AddedChannel], _ servers: [Server], of domid: UInt32
    ) -> [Device] {
        places.indices.map { index in
            Device(
                requests[index], Console(domid: domid, devid: places[index].devid), places[index].backendDomid,
                servers[index])
        }
    }

    /// The reads that tell whether a domain and the backends' domains are
    /// there, and xenchanneld in these.
    private func askDomains(_ domid: UInt32, _ backends: [UInt32], _ batch: inout Batch) {
        batch.read(Bytes("/local/domain") / domid)
        for backend in backends {
            batch.read(Bytes("/local/domain") / backend)
            // One that comes or goes meanwhile is no conflict.
            batch.readOutside(announcement(in: backend))
        }
    }

    /// - Parameter first: the index of the replies to `askDomains`.
    /// - Throws: `.domainNotFound`, `.notReady`.
    private func checkDomains(
        _ subject: Text, _ requests: [ChannelRequest], _ backends: [UInt32], _ servers: [Server],
        _ replies: Replies, _ first: Int
    ) throws(ChannelError) {
        let reading: Text = "looking for the domains"
        let domain = try attempt(reading) { () throws(StoreError) in try replies.value(first) }
        guard domain != nil else { throw ChannelError(.domainNotFound, "\(subject): there is no such domain") }
        for (position, backend) in backends.enumerated() {
            let title = requests[position].title
            let (domain, served) = try attempt(reading) { () throws(StoreError) in
                (try replies.value(first + 1 + 2 * position), try replies.value(first + 2 + 2 * position))
            }
            guard domain != nil else {
                throw ChannelError(.domainNotFound, "\(title): there is no backend domain \(backend)", at: position)
            }
            let alternative: StaticString = backend == 0 ? ", and the guest has no QEMU" : ""
            guard served != nil || servers[position] != .xenchanneld else {
                throw ChannelError(.notReady, "\(title): nothing serves channels in domain \(backend): no xenchanneld is announced there\(alternative)", at: position)
            }
        }
    }

    /// The domain's consoles as a reply from before the transaction has them.
    private func consoles(
        of domid: UInt32, _ replies: Replies, _ index: Int, in transaction: Transaction
    ) throws(StoreError) -> Listing {
        do throws(StoreError) {
            return Listing(of: domid, try replies.children(index) ?? [])
        } catch .refused(E2BIG) {
            // What takes several messages is read within it, before anything is written.
            let entries = try store.directory(Console.records(of: domid), in: transaction) ?? []
            return Listing(of: domid, entries, isCertain: true)
        } catch {
            throw error
        }
    }

    /// Reads the names outside of the transaction: xenstored copies every node
    /// that a transaction reads. The listing before them in the batch is inside;
    /// a name comes and goes with an entry in it, and so makes a conflict.
    private func askNames(_ listing: Listing, _ batch: inout Batch) {
        for console in listing.consoles {
            batch.readOutside(console.record / "name")
            batch.readOutside(console.hiddenRecord)
        }
    }

    /// - Parameter first: the index of the replies to `askNames`.
    private func names(_ listing: Listing, _ replies: Replies, _ first: Int) throws(StoreError) -> [Bytes] {
        var names: [Bytes] = []
        for index in listing.consoles.indices {
            try names.append(contentsOf: self.names(replies.value(first + 2 * index), replies.value(first + 2 * index + 1)))
        }
        return names
    }

    /// The names that a console takes: the one in its record, and the one in its summary.
    private func names(_ name: Bytes?, _ summary: Bytes?) -> [Bytes] {
        [name, summary.flatMap { Channel(devid: 0, summary: $0)?.name }].compactMap { $0 }
    }

    private func presentConsoles(of domid: UInt32) throws(ChannelError) -> PresentConsoles {
        try attempt("reading the domain's channels") { () throws(StoreError) in
            let consoles = try (store.directory(Console.records(of: domid)) ?? [])
                .compactMap { Console(domid: domid, entry: $0) }
            let values = try store.values(consoles.flatMap { [$0.record / "name", $0.hiddenRecord, $0.chardevRecord] })
            var present = PresentConsoles()
            for (index, console) in consoles.enumerated() {
                present.numbers.append(console.number)
                present.names.append(contentsOf: names(values[3 * index], values[3 * index + 1]))
                if let chardev = values[3 * index + 2] { present.chardevs.append(chardev) }
            }
            return present
        }
    }
}

/// The consoles that a domain has, and what new ones must not take.
private struct PresentConsoles {
    var numbers: [UInt32] = []
    var names: [Bytes] = []
    /// The character devices of QEMU that they name.
    var chardevs: [Bytes] = []
}

/// A domain's directory of consoles.
private struct Listing {
    let entries: [Bytes]
    let consoles: [Console]
    /// Whether it was read within the transaction.
    let isCertain: Bool

    init(of domid: UInt32, _ entries: [Bytes], isCertain: Bool = false) {
        self.entries = entries
        consoles = entries.compactMap { Console(domid: domid, entry: $0) }
        self.isCertain = isCertain
    }

    /// Whether the transaction finds the same.
    func isStill(_ replies: Replies, _ index: Int) throws(StoreError) -> Bool {
        do throws(StoreError) {
            return isCertain ? true : try replies.children(index) ?? [] == entries
        } catch .refused(E2BIG) {
            return false
        } catch {
            throw error
        }
    }
}

/// Chooses the devids of new channels beside those that are taken.
///
/// - Throws: `.exists` for a devid that is taken.
func place(
    _ requests: [ChannelRequest], _ backends: [UInt32], beside consoles: [UInt32]
) throws(ChannelError) -> [AddedChannel] {
    var taken = consoles
    // Given devids first: an automatic one must not take them.
    for (position, request) in requests.enumerated() {
        guard let devid = request.devid else { continue }
        let number = UInt32(devid) + 1
        guard !taken.contains(number) else {
            throw ChannelError(.exists, "\(request.title): the devid is taken", at: position)
        }
        taken.append(number)
    }
    return zip(requests, backends).map { request, backend in
        var added = AddedChannel(devid: request.devid ?? lowestFreeDevid(taken), backendDomid: backend, collidesInLinux: false)
        guard request.devid == nil else { return added }
        taken.append(UInt32(added.devid) + 1)
        added.collidesInLinux = added.devid > 8
        return added
    }
}

/// - Throws: `.exists` for a name that is among `names`, or given twice.
func checkNames(_ requests: [ChannelRequest], beside names: [Bytes]) throws(ChannelError) {
    var taken = names
    for (position, request) in requests.enumerated() {
        guard !taken.contains(request.name) else {
            throw ChannelError(.exists, "\(request.title): the name is taken", at: position)
        }
        taken.append(request.name)
    }
}

/// The devid for a new channel beside these consoles.
///
/// A Linux guest tells consoles apart by the last digit of their number
/// (hvc_xen.c, xencons_probe): consoles 10, 20, … never probe, and 11 clashes with 1. So devids 0
/// to 8 come first, then 10 upward without those of such consoles.
func lowestFreeDevid(_ consoles: [UInt32]) -> Int32 {
    var taken = [Bool](repeating: false, count: consoles.count + consoles.count / 8 + 12)
    for number in consoles where Int(number) < taken.count { taken[Int(number)] = true }
    var number = 1
    while number < taken.count, taken[number] || number % 10 == 0 { number += 1 }
    return Int32(number - 1)
}

extension ChannelRequest {
    /// How messages name it, before it has a devid.
    var title: Text { "channel \(devid ?? -1) (\(name))" }
}

/// The nodes of one console device, as libxl and this library write them.
struct Device {
    let request: ChannelRequest
    let console: Console
    let backendDomid: UInt32
    let server: Server

    /// How messages name it.
    var title: Text { "channel \(console.devid) (\(request.name))" }
    var channel: Channel {
        Channel(devid: console.devid, name: request.name, backendDomid: backendDomid, connection: request.connection)
    }

    init(_ request: ChannelRequest, _ console: Console, _ backendDomid: UInt32, _ server: Server) {
        self.request = request
        self.console = console
        self.backendDomid = backendDomid
        self.server = server
    }

    /// Adds the requests that create the device, in state 1 at both ends.
    func write(_ batch: inout Batch) {
        let backend = console.backend(in: backendDomid)
        let guestsOwn = [Permission(.none, console.domid), Permission(.read, backendDomid)]
        let backendsOwn = [Permission(.none, backendDomid), Permission(.read, console.domid)]

        var backendNodes: [(Bytes, Bytes)] = [
            ("frontend", console.frontend), ("frontend-id", Bytes(decimal: console.domid)),
            ("online", "1"), ("state", "1"), ("protocol", "vt100"),
        ]
        var identity: [(Bytes, Bytes)] = [("name", request.name), ("connection", Bytes(request.connection.kind.word))]
        if let path = request.connection.path { identity.append(("path", path)) }

        // A leftover of a device that was not removed in order.
        batch.remove(console.frontend)
        batch.remove(backend)

        batch.write(console.record / "backend", backend)
        for (key, value) in backendNodes { batch.write(console.record / key, value) }
        if !request.connection.isHiddenFromLibXL {
            for (key, value) in identity { batch.write(console.record / key, value) }
        }
        batch.write(console.hiddenRecord, channel.summary)
        if case .qemu(let chardev) = server { batch.write(console.chardevRecord, chardev.id) }

        // A node inherits the permissions that its directory has then. First
        // come those that the guest must not write. `tty` is there even when
        // empty, so that a backend in a driver domain may write it.
        batch.makeDirectory(console.frontend)
        batch.setPermissions(console.frontend, backendsOwn)
        batch.write(console.frontend / "name", request.name)
        batch.write(console.frontend / "limit", "1048576")
        batch.write(console.frontend / "type", server.type)
        batch.write(console.frontend / "output", server.output(request.connection))
        batch.write(console.frontend / "tty", server.tty)
        batch.setPermissions(console.frontend, guestsOwn)
        batch.write(console.frontend / "backend", backend)
        batch.write(console.frontend / "backend-id", Bytes(decimal: backendDomid))
        batch.write(console.frontend / "state", "1")
        batch.write(console.frontend / "protocol", "vt100")

        batch.makeDirectory(backend)
        batch.setPermissions(backend, backendsOwn)
        backendNodes.append(contentsOf: identity)
        for (key, value) in backendNodes { batch.write(backend / key, value) }
    }
}

extension Connection {
    /// Whether libxl does not know this connection; see `Console.hiddenRecord`.
    var isHiddenFromLibXL: Bool {
        switch self {
        case .pty, .socket: false
        case .none, .path, .unknown: true
        }
    }
}
