import CXenIO
import Channel
import System
import XenConsole

/// The backend daemon: one thread, one event loop, all channels of one domain.
public final class Server {
    /// What the command line says.
    public struct Options {
        /// Where the journal and the status socket are.
        public var runDirectory: Bytes = "/run/xen"

        public init() {}
    }

    private let log: Log
    private let poller: Poller
    private let table = DeviceTable()
    private let ready = ReadyDevices()
    private let retries = Retries()
    private let grants: Grants
    private let channels: EventChannels
    private let status: StatusSocket
    private let session: StoreSession
    private let actions: DeviceActions
    private let conversation: Conversation
    private let pump: Pump
    private var isRunning = true

    /// Takes up everything that serving needs, and announces in xenstore that
    /// this domain's backends are served.
    public init(_ log: Log, _ options: Options) throws(ChannelError) {
        self.log = log
        let poller = try Poller()
        self.poller = poller
        let journal = try Journal(options.runDirectory / "xenchanneld.journal")
        journal.sockets = try SocketList.open(options.runDirectory / "xenchanneld.sockets")
        let table = table
        status = try StatusSocket(options.runDirectory / "xenchanneld.sock", poller) { statusDocument(table.devices) }
        session = StoreSession(log, poller)
        let terminals: TerminalWatch
        do throws(ChannelError) {
            grants = try Grants()
            channels = try EventChannels(poller, ready)
            terminals = try TerminalWatch(poller)
            try session.connectFirst()
        } catch {
            session.withdrawAnnouncement()
            status.close()
            throw error
        }
        let endpoints = Endpoints(poller: poller, terminals: terminals, journal: journal)
        let publications = Publications()
        actions = DeviceActions(log, table, publications, ready, retries, grants, channels, endpoints)
        conversation = Conversation(log, session, table, publications, actions, retries, ready, channels, journal)
        pump = Pump(log, ready, retries, actions)
    }

    /// To be called after a fork: Linux before 5.5 maps grants only for the
    /// process that has opened the device.
    public func reopenGrants() throws(ChannelError) {
        try grants.reopen()
    }

    /// Serves until SIGTERM or SIGINT.
    public func serve(_ signals: Signals) throws(ChannelError) {
        do throws(Errno) {
            try signals.listen(poller) { [unowned(unsafe) self] signal in handle(signal) }
        } catch {
            end()
            throw ChannelError(.failed, "epoll: \(error)")
        }
        conversation.begin()
        while isRunning {
            poller.wait(timeout())
            session.tick()
            conversation.tick()
            conversation.proceed()
            pump.run()
        }
        end()
    }

    /// How long to wait for events; nil for as long as it takes.
    private func timeout() -> Interval? {
        if !ready.isEmpty || conversation.isPending { return .zero }
        let due = Instant.earliest(session.due, Instant.earliest(conversation.due, pump.due))
        return due?.fromNow
    }

    private func handle(_ signal: Int32) {
        switch signal {
        case SIGHUP:
            log.reopen()
            for device in table.devices {
                do throws(ChannelError) {
                    try device.endpoint.reopen()
                } catch {
                    log(.error, "\(device.title): \(error.message); the old file goes on")
                }
            }
            conversation.hurry()
            log(.info, "files reopened")
        case SIGUSR1:
            for device in table.devices {
                let state = (device.state.seen?.own ?? .unknown).rawValue
                log(.info, "\(device.title): from guest \(device.fromGuest), to guest \(device.toGuest), dropped \(device.dropped), state \(state)")
            }
        default:
            isRunning = false
        }
    }

    /// Closes every device in order: what guests wrote is delivered and endpoints are
    /// closed. The states stay, since the guests do: the next daemon goes on with
    /// their rings.
    ///
    /// For a daemon that cannot go on at its start, too.
    public func end() {
        for device in table.devices {
            if let ring = device.ring {
                _ = try? device.moveFromGuest(ring)
                actions.unmap(ring, of: device, takingRest: false)
            }
            switch device.state.phase {
            case .new, .closed: break
            case .waiting, .connected, .closing: device.endpoint.close()
            }
        }
        session.withdrawAnnouncement()
        status.close()
        channels.close()
        grants.close()
        log(.info, "ended")
    }
}
