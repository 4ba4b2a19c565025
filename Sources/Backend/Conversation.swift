import CLibc
import Channel
import System
import XenConsole
import XenStore

/// What the daemon says to xenstored, one thing after another: what devices
/// have to publish, then what directories have, then what changed consoles say.
///
/// A console is looked at only when nothing of it waits to be written, so that
/// what is read is never older than what the daemon said last.
final class Conversation {
    let log: Log
    let session: StoreSession
    let table: DeviceTable
    let publications: Publications
    let actions: DeviceActions
    private let retries: Retries
    private let delayedLooks = DelayedLooks()
    private let ready: ReadyDevices
    let channels: EventChannels
    private let journal: Journal

    var todo = Todo() {
        didSet { isAtRest = false }
    }
    /// Nothing was to be done when it was last looked for.
    private var isAtRest = false
    /// The nodes that are being written.
    private var publishing: [Publications.Node] = []
    /// The journal has no entries but those of channels that are there.
    private var isJournalTidy = false

    /// What is to be found out, or removed, when devices have nothing to publish.
    struct Todo {
        var changed = ChangedConsoles()
        /// The directories to be listed: that of all guests with backends, and those of guests.
        var mustListGuests = false
        var guestsToList: [UInt32] = []
        /// Backends whose guests are gone.
        var orphans: [ConsoleAddress] = []
    }

    /// How many consoles are looked at before bytes have their turn.
    private static var consolesAtOnce: Int { 64 }

    init(
        _ log: Log, _ session: StoreSession, _ table: DeviceTable, _ publications: Publications,
        _ actions: DeviceActions, _ retries: Retries, _ ready: ReadyDevices, _ channels: EventChannels,
        _ journal: Journal
    ) {
        self.log = log
        self.session = session
        self.table = table
        self.publications = publications
        self.actions = actions
        self.retries = retries
        self.ready = ready
        self.channels = channels
        self.journal = journal
        session.onEvent = { [unowned(unsafe) self] event in note(event) }
        session.onReconnect = { [unowned(unsafe) self] in begin(again: true) }
        session.onLoss = { [unowned(unsafe) self] in forget() }
    }

    // MARK: what changed

    /// Looks at everything that is there. `again`: xenstored was gone meanwhile.
    func begin(again: Bool = false) {
        var watched: UInt32?
        for device in table.devices where again {
            if watched != device.address.domid { actions.watchFrontends(of: device.address.domid) }
            watched = device.address.domid
            // What was to be published when it went is.
            if device.endpoint.terminal != nil { publishLater(device) }
        }
        noteBackends()
    }

    private func note(_ event: WatchEvent) {
        switch Change(event, backends: ConsoleAddress.backends(in: session.ownDomid)) {
        case nil: break
        case .backends?: noteBackends()
        case .guest(let domid)?:
            noteDevices(of: domid)
            if !todo.guestsToList.contains(domid) { todo.guestsToList.append(domid) }
        case .backend(let address)?: todo.changed.insert(address)
        case .frontends(let domid)?:
            for device in table.devices(of: domid) { lookSoon(device) }
        case .frontend(let address, let node)?:
            guard let device = table[address] else { return }
            lookSoon(device)
            switch node {
            case .ringReference?, .port?: _ = device.state.step(.locationWritten)
            case .state?: _ = device.state.step(.stateWritten)
            default: break
            }
        }
    }

    /// Looks at a device whose guest has changed its nodes: now, or a little
    /// later if the guest does so all the time.
    private func lookSoon(_ device: Device) {
        if let delay = device.lookPace.delay(at: .now) {
            delayedLooks.add(device, in: delay)
        } else {
            todo.changed.insert(device.address)
        }
    }

    private func noteBackends() {
        for device in table.devices { todo.changed.insert(device.address) }
        todo.mustListGuests = true
    }

    private func noteDevices(of domid: UInt32) {
        for device in table.devices(of: domid) { todo.changed.insert(device.address) }
    }

    /// xenstored is gone: all is looked at when it is back.
    private func forget() {
        finishPublishing()
        publications.removeAll()
        todo = Todo()
    }

    // MARK: what is said next

    /// Whether there may be more to say, and nothing to wait for.
    var isPending: Bool {
        !(isAtRest && publications.isEmpty) && session.isIdle
    }

    /// Says the next thing, unless xenstored has still to answer the last.
    func proceed() {
        guard isPending else { return }
        if let watches = publications.takeWatches() {
            watch(watches)
        } else if let guest = publications.takeGuest() {
            publish(guest)
        } else if let orphan = todo.orphans.popLast() {
            remove(orphan)
        } else if todo.mustListGuests {
            todo.mustListGuests = false
            listGuests()
        } else if !todo.guestsToList.isEmpty {
            listBackends(of: todo.guestsToList)
            todo.guestsToList = []
        } else if !todo.changed.isEmpty {
            look(at: todo.changed.take(atMost: Self.consolesAtOnce))
        } else if !isJournalTidy {
            // Everything that is there was looked at: what else the journal has is
            // of channels that went while no daemon ran.
            isJournalTidy = true
            journal.releaseAll { table[$0] != nil }
        } else {
            isAtRest = true
        }
    }

    private func watch(_ watches: Batch) {
        session.run(SingleBatch(watches)) { [unowned(unsafe) self] result in
            guard case .success(let replies) = result else { return }
            do throws(StoreError) {
                try replies.checkWrites()
            } catch .refused(EEXIST) {
            } catch {
                log(.error, "cannot watch guests: \(error.text)")
            }
        }
    }

    private func publish(_ guest: GuestPublication) {
        publishing = guest.nodes
        session.run(TransactionExchange(guest, attempts: 4)) { [unowned(unsafe) self] result in
            let domid = publishing.first?.device.address.domid
            finishPublishing()
            guard case .failure(let error) = result, let domid else { return }
            var isTold = false
            for device in table.devices(of: domid) {
                publishLater(device)
                if !isTold { log.error(of: device, "\(error.text); trying again each second") }
                isTold = true
            }
        }
    }

    private func finishPublishing() {
        for node in publishing { node.device.unpublished -= 1 }
        publishing = []
    }

    /// What a device has to say is written again in a second.
    private func publishLater(_ device: Device) {
        device.mustPublish = true
        retries.add(device)
    }

    private func remove(_ orphan: ConsoleAddress) {
        let removal = OrphanRemoval(address: orphan, backendDomid: session.ownDomid)
        session.run(TransactionExchange(removal, attempts: 8)) { [unowned(unsafe) self] result in
            if case .failure(let error) = result {
                log(.error, "domain \(orphan.domid): removing what is left of its backend: \(error.text)")
            }
        }
    }

    private func listGuests() {
        session.run(Directories([ConsoleAddress.backends(in: session.ownDomid)])) { [unowned(unsafe) self] result in
            guard case .success(let directories) = result, let guests = directories.first else { return }
            for domid in guests.compactMap({ domidNumber($0.array) }) where !todo.guestsToList.contains(domid) {
                todo.guestsToList.append(domid)
            }
        }
    }

    private func listBackends(of domids: [UInt32]) {
        let paths = domids.map { ConsoleAddress.backends(in: session.ownDomid) / $0 }
        session.run(Directories(paths)) { [unowned(unsafe) self] result in
            guard case .success(let directories) = result else { return }
            for (domid, entries) in zip(domids, directories) {
                for address in entries.compactMap({ ConsoleAddress(domid: domid, entry: $0) }) { todo.changed.insert(address) }
            }
        }
    }

    /// Does what is due: looks that were put off, and retries.
    func tick() {
        delayedLooks.forEachDue { todo.changed.insert($0.address) }
        retries.forEachDue { device in
            retry(device)
            ready.add(device)
        }
    }

    /// When something has to be done, if nothing happens before.
    var due: Instant? { Instant.earliest(delayedLooks.due, retries.due) }

    /// SIGHUP: what waits to be tried again is tried now.
    func hurry() {
        for device in table.devices where device.failures > 0 {
            device.failures = 0
            device.retryAt = nil
            retries.add(device, in: .zero)
        }
    }

    /// Lets a device try again what failed.
    private func retry(_ device: Device) {
        if device.mustPublish {
            device.mustPublish = false
            if let terminal = device.endpoint.terminal { publications.write(device, terminal: terminal) }
            todo.changed.insert(device.address)
        }
        actions.step(device, .retry)
    }
}
