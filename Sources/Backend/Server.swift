import CLibc
import CXenIO
import Channel
import XenStore

/// The backend daemon: one thread, one epoll, all channels of one domain.
public final class Server {
    /// What the command line says.
    public struct Options {
        /// Where the journal and the monitor's socket are.
        public var runDirectory: Bytes = "/run/xen"

        public init() {}
    }

    private let log: Log
    private let poller: Poller
    private let terminals: TerminalWatch
    private let journal: Journal
    private var grants: OpaquePointer
    private let channels: OpaquePointer
    private let monitor: Monitor
    private var store: StoreConnection?
    /// xenstored listens on a socket: while it does not, there is no other way to it.
    private var storeHasSocket = false
    /// When to look for a restarted xenstored; nil while connected.
    private var reconnectAt: Int64?
    /// Watch events may have come along with a batch's replies; xenstored's
    /// descriptor does not tell of those any more.
    private var mayHaveEvents = false
    private var ownDomid: UInt32 = 0

    /// The guests that have devices, and so are watched.
    private var guests: [UInt32] = []
    /// The slots of the devices, by place, and those without a device.
    private var index = PlaceIndex()
    private var freeSlots: [Int] = []
    /// The devices by slot; a slot is used again after its device is gone.
    private var devices: [Device?] = []
    /// The slots of the bound ports, by port; -1 for none.
    private var slots: [Int32] = []
    /// Consoles to be looked at, by domid and number.
    private var changed: [Place] = []
    /// Slots whose rings may have something to do.
    private var ready: [Int] = []
    private var isReady: [Bool] = []
    /// When the first retry is due.
    private var nextRetry: Int64?
    /// The journal has no entries but those of channels that are there.
    private var isJournalTidy = false
    /// Slots of devices that let bytes gather; see `Pace`.
    private var gathering: [Int] = []

    /// Announces that channels of this domain's backend are served.
    private static var announcement: Bytes { "data/xenchanneld" }
    private static var backendToken: Bytes { "backend" }

    public init(_ log: Log, _ options: Options) throws(ChannelError) {
        self.log = log
        poller = try Poller()
        terminals = try TerminalWatch()
        journal = try Journal(options.runDirectory / "xenchanneld.journal")
        monitor = try Monitor(options.runDirectory / "xenchanneld.sock")
        guard let grants = xengnttab_open(nil, 0) else {
            throw ChannelError(.failed, "cannot open the grant table: \(errorText(errno))")
        }
        guard let channels = xenevtchn_open(nil, 0) else {
            throw ChannelError(.failed, "cannot open the event channels: \(errorText(errno))")
        }
        self.grants = grants
        self.channels = channels
        // A port that was closed meanwhile leaves nothing to be read.
        set_nonblocking(xenevtchn_fd(channels))
        poller.set(xenevtchn_fd(channels), Token(.eventChannels), EPOLLIN.rawValue)
        poller.set(terminals.descriptor, Token(.terminals), EPOLLIN.rawValue)
        poller.set(monitor.listener, Token(.monitor), EPOLLIN.rawValue)
        var isConnected = false
        do throws(StoreError) {
            isConnected = try connectFirst()
        } catch {
            throw ChannelError(.failed, error.text)
        }
        guard isConnected else {
            throw ChannelError(.failed, "this domain has no domid in xenstore yet (in dom0, xen-init-dom0 writes it)")
        }
    }

    /// To be called after a fork: Linux before 5.5 maps grants only for the
    /// process that has opened the device.
    public func reopenGrants() throws(ChannelError) {
        guard let new = xengnttab_open(nil, 0) else {
            throw ChannelError(.failed, "cannot open the grant table: \(errorText(errno))")
        }
        xengnttab_close(grants)
        grants = new
    }

    // MARK: xenstore

    /// Connects to xenstored, watches, looks at everything and announces itself;
    /// false while this domain has no domid there.
    private func connect() throws(StoreError) -> Bool {
        let store = try StoreConnection(bySocket: storeHasSocket)
        var batch = Batch()
        batch.read("domid")
        guard let own = try store.run(batch).value(0), let domid = unsigned(own.array), domid <= UInt64(UInt32.max)
        else { return false }
        ownDomid = UInt32(domid)
        batch = Batch()
        batch.watch(backends, token: Self.backendToken)
        for domid in guests { batch.watch(frontends(of: domid), token: Bytes(decimal: domid)) }
        batch.write(Self.announcement, "1")
        try store.run(batch).check()
        self.store = store
        storeHasSocket = store.isSocket
        mayHaveEvents = true
        reconnectAt = nil
        poller.set(store.descriptor, Token(.xenstore), EPOLLIN.rawValue)
        for device in devices {
            if let device { note(Place(domid: device.domid, number: device.number)) }
        }
        return true
    }

    /// How long to wait for this domain's domid, in milliseconds.
    private static var domidPatience: Int64 { 5_000 }

    /// Connects for the first time. xenstored may have started just now, and
    /// what tells it of dom0 (xen-init-dom0) comes after it.
    private func connectFirst() throws(StoreError) -> Bool {
        let deadline = now() + Self.domidPatience
        while try !connect() {
            guard now() < deadline else { return false }
            _ = CLibc.poll(nil, 0, 100)
        }
        return true
    }

    private var backends: Bytes { Bytes("/local/domain") / ownDomid / "backend" / "console" }

    /// Runs a batch; without xenstored, or with errors, there is no reply.
    private func run(_ batch: Batch) -> Replies? {
        guard let store, batch.count > 0 else { return nil }
        mayHaveEvents = true
        do throws(StoreError) {
            return try store.run(batch)
        } catch {
            loseStore(error)
            return nil
        }
    }

    private func publish(_ publications: Publications) {
        guard let store else { return }
        mayHaveEvents = true
        do throws(StoreError) {
            for failure in try publications.publish(store) { publishLater(failure) }
        } catch {
            loseStore(error)
        }
    }

    /// What a guest's devices have to say is written again in a second.
    private func publishLater(_ failure: Publications.Failure) {
        var isTold = false
        for device in devices {
            guard let device, device.domid == failure.domid else { continue }
            device.mustPublish = true
            retry(device)
            if !isTold, device.mayLog() {
                log(.error, "\(device.title): \(failure.error.text); trying again each second")
            }
            isTold = true
        }
    }

    private func loseStore(_ error: StoreError) {
        // The descriptor is closed, and so not polled any more.
        log(.error, "\(error.text); trying again each second")
        store = nil
        reconnectAt = now() + 1000
    }

    private func takeStoreEvents() {
        mayHaveEvents = false
        guard let store else { return }
        do throws(StoreError) {
            for event in try store.takeEvents() { note(event) }
        } catch {
            loseStore(error)
        }
    }

    private func note(_ event: WatchEvent) {
        if event.token != Self.backendToken { return noteFrontend(event) }
        let prefix = backends.array
        guard event.path.array.starts(with: prefix) else { return }
        let parts = event.path.array[prefix.count...].split(separator: UInt8(ascii: "/"))
        guard let first = parts.first else { return lookAtAll() }
        guard let domid = unsigned(first), domid <= UInt64(UInt32.max) else { return }
        if parts.count == 1 { return lookAtAll(of: UInt32(domid)) }
        if let number = unsigned(parts[1]), number >= 1, number <= UInt64(Int32.max) {
            note(Place(domid: UInt32(domid), number: UInt32(number)))
        }
    }

    /// A change below the frontends of a guest, whose domid is the token.
    private func noteFrontend(_ event: WatchEvent) {
        guard let domid = unsigned(event.token.array), domid <= UInt64(UInt32.max) else { return }
        let prefix = frontends(of: UInt32(domid)).array
        guard event.path.array.starts(with: prefix) else { return }
        let parts = event.path.array[prefix.count...].split(separator: UInt8(ascii: "/"))
        guard let first = parts.first else { return lookAtServed(of: UInt32(domid)) }
        // Of the nodes in a frontend only these matter here.
        if parts.count > 1, !Self.guestNodes.contains(Bytes(parts[1])) { return }
        guard let number = unsigned(first), number >= 1, number <= UInt64(Int32.max) else { return }
        let place = Place(domid: UInt32(domid), number: UInt32(number))
        guard let slot = slot(of: place), let device = devices[slot] else { return }
        note(place)
        switch parts.count > 1 ? Bytes(parts[1]) : "" {
        case "ring-ref", "port": _ = device.state.step(.locationWritten)
        case "state": _ = device.state.step(.stateWritten)
        default: break
        }
    }

    private func note(_ place: Place) {
        if !changed.contains(place) { changed.append(place) }
    }

    private func children(_ path: Bytes) -> [UInt32] {
        guard let store else { return [] }
        mayHaveEvents = true
        do throws(StoreError) {
            let names = try store.directory(path) ?? []
            return names.compactMap { unsigned($0.array) }.filter { $0 <= UInt64(Int32.max) }.map { UInt32($0) }
        } catch {
            if store.descriptor < 0 { loseStore(error) }
            return []
        }
    }

    private func lookAtAll() {
        for device in devices {
            if let device { note(Place(domid: device.domid, number: device.number)) }
        }
        for domid in children(backends) { lookAtAll(of: domid) }
    }

    /// The devices that are there.
    private func lookAtServed(of domid: UInt32) {
        for device in devices {
            if let device, device.domid == domid { note(Place(domid: domid, number: device.number)) }
        }
    }

    private func lookAtAll(of domid: UInt32) {
        lookAtServed(of: domid)
        for number in children(backends / domid) where number >= 1 { note(Place(domid: domid, number: number)) }
    }

    // MARK: devices

    private static var nodes: [Bytes] { ["frontend", "online", "state", "name", "connection", "path", "error"] }
    private static var guestNodes: [Bytes] { ["state", "type", "ring-ref", "port"] }

    /// How many consoles are looked at before bytes have their turn.
    private static var placesAtOnce: Int { 64 }

    /// Looks at consoles that changed, and lets their devices go on.
    private func refresh() {
        guard !changed.isEmpty, store != nil else { return }
        // This takes a while: whoever else has bytes is to have his turn right after.
        takeAllPorts()
        let places = Array(changed.prefix(Self.placesAtOnce))
        changed.removeFirst(places.count)
        var batch = Batch()
        for place in places {
            let backend = backends / place.domid / place.number
            let frontend = frontend(of: place)
            for node in Self.nodes { batch.read(backend / node) }
            for node in Self.guestNodes { batch.read(frontend / node) }
            batch.read(Bytes("/local/domain") / place.domid)
        }
        guard let replies = run(batch) else {
            changed = places + changed
            return
        }
        // What guests had written before their nodes were read is known to their
        // devices, and so is what ring an offer is of.
        takeStoreEvents()
        var writes = Publications()
        var orphans: [Place] = []
        let width = Self.nodes.count + Self.guestNodes.count + 1
        for (index, place) in places.enumerated() {
            let values = (0..<width).map { (try? replies.value(index * width + $0)) ?? nil }
            if let slot = slot(of: place), values[2] != nil, replies.isMissing(index * width + width - 1) {
                step(slot, .vanished, &writes)
                orphans.append(place)
            } else {
                look(place, values, &writes)
            }
        }
        publish(writes)
        for place in orphans { removeOrphan(place) }
        tidyJournal()
    }

    /// Frees what the journal has of channels that went while no daemon ran, when
    /// all that is there has been looked at.
    private func tidyJournal() {
        guard !isJournalTidy, changed.isEmpty, store != nil else { return }
        isJournalTidy = true
        journal.releaseAll { index.slot(of: Place(domid: $0.domid, number: $0.console)) != nil }
    }

    /// Removes the backend of a domain that is gone. A toolstack that destroys
    /// a domain removes the devices that it finds at the beginning, and in the
    /// end all of the domain's own nodes; a channel that was added in between
    /// keeps its backend.
    private func removeOrphan(_ place: Place) {
        guard let store else { return }
        mayHaveEvents = true
        let parent = backends / place.domid
        do throws(StoreError) {
            try store.withTransaction(orElse: { $0 }) { (transaction, _) throws(StoreError) in
                var reads = Batch(in: transaction)
                reads.read(Bytes("/local/domain") / place.domid)
                reads.directory(parent)
                let replies = try store.run(reads)
                guard replies.isMissing(0) else { return .abort(()) }
                var removals = Batch(in: transaction)
                removals.remove(parent / place.number)
                if try replies.children(1)?.count == 1 { removals.remove(parent) }
                return .commit((), last: removals)
            }
        } catch {
            if store.descriptor < 0 { loseStore(error) } else { log(.error, error.text) }
        }
    }

    private func frontends(of domid: UInt32) -> Bytes {
        Bytes("/local/domain") / domid / "device" / "console"
    }

    private func frontend(of place: Place) -> Bytes {
        frontends(of: place.domid) / place.number
    }

    private func look(_ place: Place, _ values: [Bytes?], _ writes: inout Publications) {
        var slot = slot(of: place)
        guard let own = values[2] else {
            if let slot { step(slot, .vanished, &writes) }
            return
        }
        if let old = slot, let device = devices[old], isAnother(device, values) {
            // It was removed and added anew between two looks.
            step(old, .vanished, &writes)
            slot = nil
        }
        let served: Int
        if let slot {
            served = slot
        } else {
            guard values[8]?.isEqual(to: "xenchanneld") == true, values[0] == frontend(of: place) else { return }
            served = newDevice(place, values, &writes)
        }
        var ring: RingLocation?
        if let reference = values[9].flatMap({ unsigned($0.array) }), reference <= UInt64(UInt32.max),
            let port = values[10].flatMap({ unsigned($0.array) }), port <= UInt64(UInt32.max)
        {
            ring = RingLocation(reference: UInt32(reference), port: UInt32(port))
        }
        step(served, .observed(Observation(
            guest: state(values[7]), own: state(own), online: values[1]?.isEqual(to: "1") == true, ring: ring)),
            &writes)
    }

    /// Whether the nodes are not those that `device` was made from. Only the
    /// toolstack writes state 1, when it makes the nodes.
    private func isAnother(_ device: Device, _ values: [Bytes?]) -> Bool {
        let isNew = state(values[2]) == .initialising && device.state.phase != .new
        return isNew || values[3] ?? "" != device.name || connection(values) != device.connection
    }

    private func connection(_ values: [Bytes?]) -> Connection {
        switch values[4] {
        case "none"?: .none
        case "pty"?: .pty
        case "path"?: .path(values[5] ?? "")
        case "socket"?: .socket(values[5] ?? "")
        default: .unknown
        }
    }

    private func state(_ value: Bytes?) -> XenbusState {
        guard let number = value.flatMap({ unsigned($0.array) }), number <= 8 else { return .unknown }
        return XenbusState(rawValue: UInt32(number)) ?? .unknown
    }

    private func slot(of place: Place) -> Int? {
        index.slot(of: place)
    }

    private func newDevice(_ place: Place, _ values: [Bytes?], _ writes: inout Publications) -> Int {
        let connection = connection(values)
        let sink: Sink =
            switch connection {
            case .none: NoneSink()
            case .pty: PTYSink(terminals)
            case .path(let path): PathSink(path, journal, Journal.Owner(domid: place.domid, console: place.number))
            case .socket(let path): SocketSink(path)
            case .unknown: UnknownSink(values[4] ?? "")
            }
        let device = Device(
            domid: place.domid, number: place.number, frontend: frontend(of: place),
            backend: backends / place.domid / place.number, name: values[3] ?? "", connection: connection, sink: sink)
        // A daemon that was killed may have left it.
        device.hasError = values[6] != nil
        let slot = freeSlots.popLast() ?? devices.count
        if slot == devices.count {
            devices.append(device)
            isReady.append(false)
        } else {
            devices[slot] = device
        }
        index.insert(place, slot: slot)
        // One watch a guest: xenstored goes through all of them at every write.
        if !guests.contains(place.domid) {
            guests.append(place.domid)
            writes.watch(frontends(of: place.domid), token: Bytes(decimal: place.domid))
        }
        return slot
    }

    /// Lets a device go on by an event, and does what that asks for.
    private func step(_ slot: Int, _ event: DeviceEvent, _ writes: inout Publications) {
        guard let device = devices[slot] else { return }
        for action in device.state.step(event) {
            switch action {
            case .openSink: openSink(slot, device, &writes)
            case .closeSink:
                device.sink.close()
                poll(slot, device)
                log(.info, "\(device.title): closed")
            case .mapRing(let location): mapRing(slot, device, location, &writes)
            case .unmapRing(let takingRest):
                if takingRest {
                    device.ring?.leave()
                    _ = try? pumpFromGuest(device)
                }
                unmapRing(slot, device)
            case .publish(let state): writes.write(device, "state", Bytes(decimal: state.rawValue))
            case .retryLater: retry(device)
            case .forget:
                // It may have kept what tells of an earlier daemon's writes.
                device.sink.close()
                devices[slot] = nil
                freeSlots.append(slot)
                index.remove(Place(domid: device.domid, number: device.number))
                if !index.hasDevice(of: device.domid) {
                    guests.removeAll { $0 == device.domid }
                    writes.unwatch(frontends(of: device.domid), token: Bytes(decimal: device.domid))
                }
                log(.info, "\(device.title): gone")
            }
        }
    }

    private func openSink(_ slot: Int, _ device: Device, _ writes: inout Publications) {
        do throws(ChannelError) {
            try device.sink.open()
            device.retryAt = nil
            if device.hasError { writes.remove(device, "error") }
            device.hasError = false
            if let tty = device.sink.tty { writes.write(device, tty: tty) }
            poll(slot, device)
            log(.info, "\(device.title): opened as \(Bytes(device.connection.kind.word)) \(device.sink.tty ?? device.connection.path ?? "")")
            step(slot, .sinkOpened, &writes)
        } catch {
            writes.write(device, "error", error.message.bytes)
            device.hasError = true
            if device.mayLog() { log(.error, "\(device.title): \(error.message)") }
            step(slot, .sinkFailed, &writes)
        }
    }

    private func mapRing(_ slot: Int, _ device: Device, _ location: RingLocation, _ writes: inout Publications) {
        let page = xengnttab_map_grant_ref(grants, device.domid, location.reference, PROT_READ | PROT_WRITE)
        guard let page else {
            tellRingFailure(device, location, "cannot map grant \(location.reference)", errno)
            return step(slot, .ringFailed, &writes)
        }
        let port = xenevtchn_bind_interdomain(channels, device.domid, location.port)
        guard port >= 0 else {
            tellRingFailure(device, location, "cannot bind event channel \(location.port)", errno)
            xengnttab_unmap(grants, page, 1)
            return step(slot, .ringFailed, &writes)
        }
        var ring = Ring(page: page)
        if let waiting = try? ring.readable().count, waiting > 0 {
            let delivered = device.sink.delivered(location, from: ring.outConsumed, of: waiting)
            if delivered > 0 {
                ring.consume(delivered)
                device.fromGuest += UInt64(delivered)
            }
        }
        device.sink.start(location)
        device.ringFailure = nil
        device.page = page
        device.ring = ring
        device.port = evtchn_port_t(port)
        while slots.count <= Int(port) { slots.append(-1) }
        slots[Int(port)] = Int32(slot)
        // The daemon before this one may have been killed before it told the guest.
        xenevtchn_notify(channels, evtchn_port_t(port))
        makeReady(slot)
        step(slot, .ringMapped, &writes)
    }

    /// Logs why a ring cannot be mapped, once for each ring and cause.
    private func tellRingFailure(_ device: Device, _ location: RingLocation, _ what: Text, _ number: Int32) {
        guard device.ringFailure.map({ $0 != (location, number) }) ?? true else { return }
        device.ringFailure = (location, number)
        if device.mayLog() { log(.error, "\(device.title): \(what): \(errorText(number)); trying again each second") }
    }

    private func unmapRing(_ slot: Int, _ device: Device) {
        if let port = device.port {
            slots[Int(port)] = -1
            xenevtchn_unbind(channels, port)
            // The kernel has room for one event of each bound port, and keeps
            // those of unbound ones: a guest could fill it up.
            takeAllPorts()
        }
        if let page = device.page { xengnttab_unmap(grants, page, 1) }
        device.ring = nil
        device.page = nil
        device.port = nil
        device.isBlocked = false
        device.isMasked = false
        device.gatherUntil = nil
        device.inputIsFull = false
        poll(slot, device)
    }

    private func retry(_ device: Device) {
        let time = now() + 1000
        device.retryAt = time
        if nextRetry.map({ time < $0 }) ?? true { nextRetry = time }
    }

    // MARK: data

    private func makeReady(_ slot: Int) {
        guard !isReady[slot] else { return }
        isReady[slot] = true
        ready.append(slot)
    }

    /// Lets every ready device move its bytes, for a bounded time each.
    private func pumpReady() {
        let slots = ready
        ready = []
        for slot in slots { isReady[slot] = false }
        for slot in slots {
            guard let device = devices[slot] else { continue }
            if device.ring != nil {
                do throws(Ring.Impossible) {
                    let start = device.ring!.outConsumed
                    let more = try pumpFromGuest(device)
                    let count = Int(device.ring!.outConsumed &- start)
                    // A reading that finds nothing would cost a system call with each event of the guest's.
                    if device.hasInput || device.inputIsFull {
                        let full = try pumpToGuest(device)
                        device.inputIsFull = full
                        device.hasInput = device.sink.holdsInput
                        if device.hasInput, !full { makeReady(slot) }
                    }
                    if more { makeReady(slot) } else if !letGather(slot, device, after: count) { unmask(device) }
                } catch {
                    if device.mayLog() { log(.error, "\(device.title): the guest's ring indices are impossible") }
                    var writes = Publications()
                    device.ring = nil
                    step(slot, .ringBroken, &writes)
                    publish(writes)
                }
            }
            poll(slot, device)
        }
    }

    /// How many times one device may empty its ring before others have their turn.
    private static var rounds: Int { 16 }

    /// Delivers what the guest has written; true when there may be more.
    ///
    /// The guest is told only if it may wait for space: an interrupt for every
    /// few bytes that it writes would take more of its time than the writing.
    private func pumpFromGuest(_ device: Device) throws(Ring.Impossible) -> Bool {
        var moved = false
        let start = device.ring?.outConsumed ?? 0
        defer {
            if moved, let port = device.port, device.ring?.mayAwaitSpace(from: start) == true {
                xenevtchn_notify(channels, port)
            }
        }
        device.isBlocked = false
        for _ in 0..<Self.rounds {
            guard device.ring != nil else { return false }
            let segments = try device.ring!.readable()
            guard segments.count > 0 else { return false }
            switch device.sink.write(segments, at: device.ring!.outConsumed) {
            case .took(let count):
                device.ring!.consume(count)
                device.sink.consumed()
                device.fromGuest += UInt64(count)
                device.lastFailure = 0
                moved = true
            case .dropped(let count):
                device.ring!.consume(count)
                device.dropped += UInt64(count)
                moved = true
            case .blocked:
                device.isBlocked = true
                return false
            case .failed(let number):
                if number != device.lastFailure, device.mayLog() {
                    log(.error, "\(device.title): cannot write: \(errorText(number)); trying again each second")
                }
                device.lastFailure = number
                retry(device)
                return false
            }
        }
        return true
    }

    /// Gives the guest what the sink has; true when the ring is full.
    private func pumpToGuest(_ device: Device) throws(Ring.Impossible) -> Bool {
        var moved = false
        defer { if moved, let port = device.port { xenevtchn_notify(channels, port) } }
        // A guest that reads as fast as bytes come must not starve the others; epoll
        // tells of the rest.
        for _ in 0..<Self.rounds {
            guard device.sink.canRead else { return false }
            let segments = try device.ring!.writable()
            guard segments.count > 0 else { return true }
            let count = device.sink.read(into: segments)
            guard count > 0 else { return false }
            device.ring!.produce(count)
            device.toGuest += UInt64(count)
            device.pace.sent()
            moved = true
        }
        return false
    }

    /// Polls a device's sink for what can be done now.
    private func poll(_ slot: Int, _ device: Device) {
        let sink = device.sink
        var events: UInt32 = device.isBlocked ? EPOLLOUT.rawValue : 0
        if device.ring != nil, !device.inputIsFull, sink.canRead { events |= EPOLLIN.rawValue }
        let isPolled = sink.dataDescriptor >= 0 && !(sink.isHungUp && events == 0)
        let wanted = isPolled ? (descriptor: sink.dataDescriptor, events: events) : nil
        if let old = device.polledData, wanted == nil || wanted! != old {
            // A descriptor that was closed is not in the set any more.
            if wanted?.descriptor != old.descriptor, old.descriptor == sink.dataDescriptor {
                poller.set(old.descriptor, Token(.sinkData, slot: slot), nil)
            }
        }
        if let wanted, device.polledData == nil || device.polledData! != wanted {
            poller.set(wanted.descriptor, Token(.sinkData, slot: slot), wanted.events)
        }
        device.polledData = wanted

        let listener = sink.wantsClient && sink.listenDescriptor >= 0 ? sink.listenDescriptor : nil
        guard listener != device.polledListener else { return }
        if let listener {
            poller.set(listener, Token(.sinkListener, slot: slot), EPOLLIN.rawValue)
        } else if let old = device.polledListener, old == sink.listenDescriptor {
            poller.set(old, Token(.sinkListener, slot: slot), nil)
        }
        device.polledListener = listener
    }

    /// Takes a port with an event; false without one.
    ///
    /// The port stays masked until its ring was emptied (`unmask`): a guest
    /// notifies with every few bytes, and what comes meanwhile costs nobody an interrupt.
    @discardableResult
    private func takePort() -> Bool {
        let port = xenevtchn_pending(channels)
        guard port >= 0 else { return false }
        guard Int(port) < slots.count, slots[Int(port)] >= 0, let device = devices[Int(slots[Int(port)])] else {
            xenevtchn_unmask(channels, evtchn_port_t(port))
            return true
        }
        device.isMasked = true
        makeReady(Int(slots[Int(port)]))
        return true
    }

    /// Each port comes once, since it stays masked.
    private func takeAllPorts() {
        while takePort() {}
    }

    /// Lets a device's port notify again: at once if the guest did meanwhile.
    private func unmask(_ device: Device) {
        guard device.isMasked, let port = device.port else { return }
        device.isMasked = false
        device.gatherUntil = nil
        xenevtchn_unmask(channels, port)
    }

    /// Leaves a port masked while more gathers in its ring, of which `count`
    /// bytes were taken; false when it is to be unmasked, or when something
    /// else is waited for. So is that of a guest that notifies of nothing without end.
    private func letGather(_ slot: Int, _ device: Device, after count: Int) -> Bool {
        let isNothing = count == 0 && device.isMasked
        guard let duration = isNothing ? foundNothing(device) : device.pace.took(count, at: microseconds()),
            device.isMasked, isNothing || !device.isBlocked && !device.inputIsFull
        else { return false }
        if device.gatherUntil == nil { gathering.append(slot) }
        device.gatherUntil = microseconds() + duration
        return true
    }

    /// For how long to leave the port masked of a guest that notified of nothing; nil for not at all.
    private func foundNothing(_ device: Device) -> Int64? {
        if device.ring?.wasRead() == true {
            device.pace.sent()
            return nil
        }
        return device.pace.foundNothing(at: microseconds())
    }

    /// Looks at the rings in which enough should have gathered.
    private func lookAtGathered() {
        guard !gathering.isEmpty else { return }
        let time = microseconds()
        gathering.removeAll { slot in
            guard let device = devices[slot], let due = device.gatherUntil else { return true }
            guard due <= time else { return false }
            device.gatherUntil = nil
            makeReady(slot)
            return true
        }
    }

    private func runRetries() {
        guard let due = nextRetry, now() >= due else { return }
        nextRetry = nil
        var writes = Publications()
        for slot in devices.indices {
            guard let device = devices[slot], let time = device.retryAt else { continue }
            if time > now() {
                if nextRetry.map({ time < $0 }) ?? true { nextRetry = time }
                continue
            }
            device.retryAt = nil
            if device.mustPublish {
                device.mustPublish = false
                if let tty = device.sink.tty { writes.write(device, tty: tty) }
                note(Place(domid: device.domid, number: device.number))
            }
            step(slot, .retry, &writes)
            makeReady(slot)
        }
        publish(writes)
    }

    // MARK: the loop

    /// Serves until SIGTERM or SIGINT; `signals` is the descriptor of a signalfd.
    public func serve(signals: Int32) {
        poller.set(signals, Token(.signals), EPOLLIN.rawValue)
        var isRunning = true
        lookAtAll()
        refresh()
        tidyJournal()
        while isRunning {
            poller.wait(timeout()) { token, events in
                switch token.source {
                case .xenstore: takeStoreEvents()
                // One is what mostly waits; of the next one epoll tells.
                case .eventChannels: takePort()
                case .terminals: takeTerminalEvents()
                case .signals: if !takeSignal(signals) { isRunning = false }
                case .monitor: monitor.accept(poller, status)
                case .monitorClient: monitor.goOn(Int(token.slot), poller)
                case .sinkData, .sinkListener:
                    guard Int(token.slot) < devices.count, let device = devices[Int(token.slot)] else { return }
                    device.sink.ready(token.source == .sinkData ? .data : .listener, events)
                    if token.source == .sinkData { device.hasInput = true }
                    if device.sink.clientMustWait { retry(device) }
                    makeReady(Int(token.slot))
                }
            }
            if let time = reconnectAt, now() >= time { reconnect() }
            refresh()
            runRetries()
            lookAtGathered()
            pumpReady()
        }
        shutDown()
    }

    /// How long to wait for events, in microseconds; nil for as long as it takes.
    private func timeout() -> Int64? {
        if mayHaveEvents { takeStoreEvents() }
        if mayHaveEvents || !ready.isEmpty || !changed.isEmpty && store != nil { return 0 }
        var due = nextRetry.map { $0 * 1000 }
        if let time = reconnectAt { due = min(due ?? .max, time * 1000) }
        for slot in gathering {
            if let time = devices[slot]?.gatherUntil { due = min(due ?? .max, time) }
        }
        return due.map { max(0, $0 - microseconds()) }
    }

    private func reconnect() {
        do throws(StoreError) {
            if try connect() {
                log(.info, "xenstored is back")
                // What was to be published when it went is.
                for device in devices {
                    guard let device, device.sink.tty != nil else { continue }
                    device.mustPublish = true
                    retry(device)
                }
                return lookAtAll()
            }
        } catch {}
        reconnectAt = now() + 1000
    }

    private func takeTerminalEvents() {
        let terminals = terminals.changed()
        for slot in devices.indices {
            if let device = devices[slot], device.sink.wasUsed(terminals) { makeReady(slot) }
        }
    }

    /// Handles one signal; false to end.
    private func takeSignal(_ descriptor: Int32) -> Bool {
        var information = signalfd_siginfo()
        guard read(descriptor, &information, MemoryLayout<signalfd_siginfo>.size) > 0 else { return true }
        switch Int32(information.ssi_signo) {
        case SIGHUP:
            log.reopen()
            for device in devices { device?.sink.reopen() }
            log(.info, "files opened anew")
        case SIGUSR1:
            for device in devices {
                guard let device else { continue }
                log(.info, "\(device.title): from guest \(device.fromGuest), to guest \(device.toGuest), dropped \(device.dropped), state \(device.state.seen?.own.rawValue ?? 0)")
            }
        default:
            return false
        }
        return true
    }

    /// Closes every device in order: what guests wrote is delivered and sinks are
    /// closed. The states stay, since the guests do: the next daemon goes on with
    /// their rings.
    private func shutDown() {
        for slot in devices.indices {
            guard let device = devices[slot] else { continue }
            let wasOpen = device.state.phase != .new && device.state.phase != .closed
            if device.ring != nil {
                _ = try? pumpFromGuest(device)
                unmapRing(slot, device)
            }
            if wasOpen { device.sink.close() }
            devices[slot] = nil
        }
        var writes = Batch()
        writes.remove(Self.announcement)
        _ = run(writes)
        monitor.close()
        xenevtchn_close(channels)
        xengnttab_close(grants)
        log(.info, "ended")
    }

    // MARK: monitoring

    /// Every channel's state, for the monitor.
    private func status() -> [ChannelStatus] {
        devices.compactMap { device in
            guard let device else { return nil }
            return ChannelStatus(
                domid: device.domid, devid: device.devid, name: device.name, connection: device.connection,
                tty: device.sink.tty, state: device.state.seen?.own.rawValue ?? 0,
                hasClient: device.sink.hasClient, fromGuest: device.fromGuest, toGuest: device.toGuest,
                dropped: device.dropped)
        }
    }
}
