import CLibc
import Channel
import XenStore

extension Toolstack {
    /// A channel that was added: where it is.
    public struct Added: Sendable, Equatable {
        public var devid: Int32
        public var backendDomid: UInt32
        /// An automatic devid whose console number collides with another's
        /// device in a Linux guest.
        public var collidesInLinux: Bool
    }

    /// Adds channels to a domain, all or none, in one transaction, and waits
    /// until their backends serve them.
    ///
    /// - Throws: `.domainNotFound`, `.exists`, `.notReady` without a backend,
    ///   `.timedOut` or `.failed` when it does not serve, or what xenstore
    ///   gives. Then nothing is left.
    public func add(
        _ requests: [ChannelRequest], to domid: UInt32
    ) throws(ChannelError) -> [Added] {
        var backends: [UInt32] = []
        for (position, request) in requests.enumerated() {
            do throws(ChannelError) {
                backends.append(try resolve(request.backend))
            } catch {
                throw ChannelError(error.kind, "\(request.title): \(error.message)", at: position)
            }
        }
        var before = Batch()
        before.directory(Console.records(of: domid))
        let subject =
            requests.count == 1
            ? requests[0].title : "\(requests.count) channels"
        let doing = "adding \(subject)"
        let added = try store.withTransaction(
            after: before, orElse: { ChannelError($0, while: doing) }
        ) { (transaction, replies) throws(ChannelError) in
            let taken = try present(
                subject, domid, requests, backends,
                expecting: try? store.children(replies, 0, of: Console.records(of: domid)), in: transaction)
            let added = try place(requests, backends, beside: taken)
            var writes = Batch(in: transaction)
            for device in devices(requests, added, of: domid) { device.write(&writes) }
            try attempt(doing) { () throws(StoreError) in try store.run(writes).checkWrites() }
            return added
        }
        do throws(ChannelError) {
            try waitUntilServed(devices(requests, added, of: domid))
        } catch {
            for place in added { try? destroy(place.devid, of: domid) }
            throw error
        }
        return added
    }

    private func devices(_ requests: [ChannelRequest], _ places: [Added], of domid: UInt32) -> [Device] {
        zip(requests, places).map { request, place in
            Device(request, Console(domid: domid, devid: place.devid), place.backendDomid)
        }
    }

    /// What a transaction must know of a domain's channels.
    struct Taken {
        var consoles: [UInt32]
        var names: [Bytes]
    }

    /// Reads, in a transaction, whether the domains exist and what consoles
    /// and names are taken. One batch when `expected` is what is there.
    private func present(
        _ subject: String, _ domid: UInt32, _ requests: [ChannelRequest], _ backends: [UInt32], expecting expected: [Bytes]?,
        in transaction: Transaction
    ) throws(ChannelError) -> Taken {
        let records = Console.records(of: domid)
        var batch = Batch(in: transaction)
        batch.directory(records)
        batch.read(Bytes("/local/domain") / domid)
        for backend in backends { batch.read(Bytes("/local/domain") / backend) }
        let announced = batch.count
        for backend in backends { batch.read(announcement(in: backend)) }
        var entries = expected ?? []
        let first = batch.count
        askNames(entries, of: domid, &batch)
        let reading = "reading the domain's channels"
        let replies = try attempt(reading) { () throws(StoreError) in try store.run(batch) }
        let domain = try attempt(reading) { () throws(StoreError) in try replies.value(1) }
        guard domain != nil else { throw ChannelError(.domainNotFound, "\(subject): there is no such domain") }
        for (index, backend) in backends.enumerated() {
            let title = requests[index].title
            let domain = try attempt(reading) { () throws(StoreError) in try replies.value(index + 2) }
            guard domain != nil else {
                throw ChannelError(.domainNotFound, "\(title): there is no backend domain \(backend)", at: index)
            }
            let served = try attempt(reading) { () throws(StoreError) in try replies.value(announced + index) }
            guard served != nil else {
                throw ChannelError(.notReady, "\(title): nothing serves channels in domain \(backend); no xenchanneld is announced there", at: index)
            }
        }
        return try attempt(reading) { () throws(StoreError) in
            let current = try store.children(replies, 0, of: records, in: transaction) ?? []
            var named = replies
            var start = first
            if current != entries {
                entries = current
                start = 0
                var again = Batch(in: transaction)
                askNames(entries, of: domid, &again)
                if again.count > 0 { named = try store.run(again) }
            }
            var names: [Bytes] = []
            for index in 0..<(2 * entries.count) {
                if let name = try named.value(start + index) { names.append(name) }
            }
            return Taken(
                consoles: entries.compactMap { Console(domid: domid, entry: $0)?.number }, names: names)
        }
    }

    /// Reads the names outside of the transaction: xenstored copies every node
    /// that a transaction reads. The listing before them in the batch is inside;
    /// a name comes and goes with an entry in it, and so makes a conflict.
    private func askNames(_ entries: [Bytes], of domid: UInt32, _ batch: inout Batch) {
        for entry in entries {
            let record = Console.records(of: domid) / entry
            batch.readOutside(record / "name")
            batch.readOutside(record / "xlchannel" / "name")
        }
    }
}

extension Toolstack {
    /// Chooses the devids of new channels beside those that are taken.
    ///
    /// - Throws: `.exists` for a devid or a name that is taken.
    func place(
        _ requests: [ChannelRequest], _ backends: [UInt32], beside taken: Taken
    ) throws(ChannelError) -> [Added] {
        var taken = taken
        // Given devids first: an automatic one must not take them.
        for (position, request) in requests.enumerated() {
            guard !taken.names.contains(request.name) else {
                throw ChannelError(.exists, "\(request.title): the name is taken", at: position)
            }
            taken.names.append(request.name)
            guard let devid = request.devid else { continue }
            let number = UInt32(devid) + 1
            guard !taken.consoles.contains(number) else {
                throw ChannelError(.exists, "\(request.title): the devid is taken", at: position)
            }
            taken.consoles.append(number)
        }
        var added: [Added] = []
        for (request, backend) in zip(requests, backends) {
            let devid: Int32
            if let given = request.devid {
                devid = given
            } else {
                devid = lowestFreeDevid(taken.consoles)
                taken.consoles.append(UInt32(devid) + 1)
            }
            added.append(
                Added(
                    devid: devid, backendDomid: backend,
                    collidesInLinux: request.devid == nil && devid > 8))
        }
        return added
    }
}

/// The devid for a new channel beside these consoles.
///
/// A Linux guest takes the device number from the last digit of the console's
/// number: consoles 10, 20, … never probe, and 11 clashes with 1. So devids 0
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
    fileprivate var title: String { "channel \(devid ?? -1) (\(name))" }
}

/// The nodes of one console device, as libxl and this library write them.
struct Device {
    let request: ChannelRequest
    let console: Console
    let backendDomid: UInt32

    /// How messages name it.
    var title: String { "channel \(console.devid) (\(request.name))" }

    init(_ request: ChannelRequest, _ console: Console, _ backendDomid: UInt32) {
        self.request = request
        self.console = console
        self.backendDomid = backendDomid
    }

    /// Adds the requests that create the device, in state 1 at both ends.
    func write(_ batch: inout Batch) {
        let backend = console.backend(in: backendDomid)
        let guestsOwn = [Permission(.none, console.domid), Permission(.read, backendDomid)]
        let backendsOwn = [Permission(.none, backendDomid), Permission(.read, console.domid)]
        let connection = Bytes(request.connection.kind.word)

        var backendNodes: [(Bytes, Bytes)] = [
            ("frontend", console.frontend), ("frontend-id", Bytes(decimal: console.domid)),
            ("online", "1"), ("state", "1"), ("protocol", "vt100"),
        ]
        var identity: [(Bytes, Bytes)] = [("name", request.name), ("connection", connection)]
        if let path = request.connection.path { identity.append(("path", path)) }

        // A leftover of a device that was not removed in order.
        batch.remove(console.frontend)
        batch.remove(backend)

        batch.write(console.record, "")
        batch.write(console.record / "backend", backend)
        for (key, value) in backendNodes { batch.write(console.record / key, value) }
        let identityDirectory = request.connection.isHiddenFromLibXL ? console.hiddenRecord : console.record
        for (key, value) in identity { batch.write(identityDirectory / key, value) }

        batch.makeDirectory(console.frontend)
        batch.setPermissions(console.frontend, guestsOwn)
        // These inherit the directory's permissions.
        batch.write(console.frontend / "backend", backend)
        batch.write(console.frontend / "backend-id", Bytes(decimal: backendDomid))
        batch.write(console.frontend / "state", "1")
        batch.write(console.frontend / "protocol", "vt100")
        // These the guest must not write. `tty` is there, though empty, so that
        // a backend in a driver domain may write it and the guest may not.
        let fixed: [(Bytes, Bytes)] = [
            ("name", request.name), ("limit", "1048576"), ("type", "xenchanneld"),
            ("output", connection), ("tty", ""),
        ]
        for (key, value) in fixed {
            batch.write(console.frontend / key, value)
            batch.setPermissions(console.frontend / key, backendsOwn)
        }

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
