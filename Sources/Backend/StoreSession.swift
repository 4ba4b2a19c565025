import CLibc
import Channel
import System
import XenConsole
import XenStore

/// The daemon's connection to xenstored, in which nothing waits: one exchange
/// is under way at a time, and watch events come in between. Bytes flow
/// meanwhile, however long xenstored takes.
final class StoreSession {
    private let log: Log
    private let poller: Poller
    private let connect: Connect
    /// How long xenstored may take for one batch.
    private let timeLimit: Interval
    /// How long until a connection that was lost is opened again.
    private let pause: Interval
    /// Is called with each watch event, in xenstored's order, and before the
    /// replies that came with it.
    var onEvent: (WatchEvent) -> Void = { _ in }
    /// The connection is back; what was watched is not.
    var onReconnect: () -> Void = {}
    /// What was under way will not be answered.
    var onLoss: () -> Void = {}

    private var connection: StoreConnection?
    private var dispatch: Dispatch?
    /// xenstored listens on a socket: while it does not, there is no other way to it.
    private var hasSocket = false
    /// This domain's domid, which connecting tells.
    private(set) var ownDomid: UInt32 = 0
    private var wasEverConnected = false
    private var isConnected = false
    /// When to look for a restarted xenstored; nil while there is a connection.
    private var reconnectAt: Instant?

    /// Goes on with the exchange under way by the replies to its last batch.
    private var exchange: ((Result<Replies?, StoreError>) -> Step)?
    /// Until when xenstored is to have answered.
    private var deadline: Instant?

    private enum Step {
        case send(Batch)
        /// It has ended: this is what is to be done then.
        case end(() -> Void)
    }

    /// Opens a connection: `bySocket` only by a socket, with so much patience.
    typealias Connect = (_ bySocket: Bool, _ patience: Interval) throws(StoreError) -> StoreConnection

    init(
        _ log: Log, _ poller: Poller, timeLimit: Interval = StoreConnection.timeLimit, pause: Interval = .seconds(1),
        connect: @escaping Connect = { (bySocket, patience) throws(StoreError) in
            try .open(bySocket: bySocket, patience: patience)
        }
    ) {
        self.log = log
        self.poller = poller
        self.timeLimit = timeLimit
        self.pause = pause
        self.connect = connect
    }

    /// Whether an exchange may begin.
    var isIdle: Bool { isConnected && exchange == nil }

    /// When something has to be done, if nothing happens before.
    var due: Instant? { Instant.earliest(deadline, reconnectAt) }

    // MARK: connecting

    /// How long to wait for this domain's domid.
    private static var domidPatience: Interval { .seconds(5) }

    /// Connects for the first time, and waits for it. xenstored may have started
    /// just now, and what tells it of dom0 (xen-init-dom0) comes after it.
    func connectFirst() throws(ChannelError) {
        let deadline = Instant.now + Self.domidPatience
        var isIntroduced = false
        while true {
            do throws(StoreError) {
                let new = try connect(false, StoreConnection.timeLimit)
                isIntroduced = true
                if let domid = try new.run(Introduction()) {
                    try attach(new)
                    return take(new, domid)
                }
            } catch {
                // xenstored may have done what it was told before the connection broke.
                if isIntroduced, !error.isRefusal { try? withdrawByAnotherConnection() }
                throw ChannelError(.failed, error.text)
            }
            guard Instant.now < deadline else {
                throw ChannelError(
                    .failed, "this domain has no domid in xenstore yet (in dom0, xen-init-dom0 writes it)")
            }
            System.pause(.milliseconds(100))
        }
    }

    private func withdrawByAnotherConnection() throws(StoreError) {
        var batch = Batch()
        batch.remove(ownAnnouncement)
        let deadline = Instant.now + .seconds(1)
        _ = try connect(hasSocket, deadline.fromNow).run(batch, until: deadline)
    }

    private func take(_ new: StoreConnection, _ domid: UInt32) {
        ownDomid = domid
        hasSocket = new.isSocket
        isConnected = true
        wasEverConnected = true
    }

    /// Lets a connection wake the event loop; if that fails, there is none.
    private func attach(_ new: StoreConnection) throws(StoreError) {
        let dispatch = Dispatch(poller, new.descriptor) { [unowned(unsafe) self] _ in proceed() }
        do throws(Errno) {
            try dispatch.poll(for: .readable)
        } catch {
            dispatch.end()
            throw .disconnected(error.number)
        }
        connection = new
        self.dispatch = dispatch
    }

    private func reconnect() {
        reconnectAt = nil
        do throws(StoreError) {
            try attach(connect(hasSocket, .zero))
        } catch {
            return lose(error)
        }
        begin(Introduction()) { [unowned(unsafe) self] (result) in
            guard case .success(let domid?) = result, let connection else { return lose(.disconnected(0)) }
            take(connection, domid)
            log(.info, "xenstored is back")
            onReconnect()
        }
    }

    private func lose(_ error: StoreError) {
        if isConnected { log(.error, "\(error.text); trying again each second") }
        let wasConnected = isConnected
        isConnected = false
        dispatch?.end()
        dispatch = nil
        connection?.close()
        connection = nil
        exchange = nil
        deadline = nil
        reconnectAt = .now + pause
        if wasConnected { onLoss() }
    }

    // MARK: exchanges

    /// Begins an exchange; none is under way. `done` is called with its outcome
    /// or with a refusal, unless the connection is lost before.
    func run<E: Exchange>(_ exchange: E, _ done: @escaping (Result<E.Outcome, StoreError>) -> Void) {
        guard isIdle else { return }
        begin(exchange, done)
    }

    private func begin<E: Exchange>(_ exchange: E, _ done: @escaping (Result<E.Outcome, StoreError>) -> Void) {
        var exchange = exchange
        self.exchange = { result in
            do throws(StoreError) {
                switch try exchange.next(result.get()) {
                case .send(let batch): return .send(batch)
                case .done(let outcome): return .end { done(.success(outcome)) }
                }
            } catch {
                return .end { done(.failure(error)) }
            }
        }
        if advance(.success(nil)) { proceed() }
    }

    /// Goes on with the exchange; true when another batch is under way.
    private func advance(_ result: Result<Replies?, StoreError>) -> Bool {
        var result = result
        while let exchange, let connection {
            switch exchange(result) {
            case .end(let finish):
                self.exchange = nil
                deadline = nil
                // This may begin the next one.
                finish()
                return false
            case .send(let batch):
                do throws(StoreError) {
                    try connection.start(batch)
                    deadline = .now + timeLimit
                    return true
                } catch {
                    // A request that cannot be sent is refused; the connection has not noticed.
                    result = .failure(error)
                }
            }
        }
        return false
    }

    /// Sends and takes what is possible now. A loop, since each step of a long
    /// exchange may be answered at once.
    private func proceed() {
        while let connection {
            do throws(StoreError) {
                let replies = try connection.proceed()
                try poll(connection)
                for event in connection.takenEvents() { onEvent(event) }
                guard let replies, advance(.success(replies)) else { return }
            } catch {
                return lose(error)
            }
        }
    }

    private func poll(_ connection: StoreConnection) throws(StoreError) {
        do throws(Errno) {
            // The device does not tell when it can be written.
            try dispatch?.poll(for: connection.wantsToSend && connection.isSocket ? [.readable, .writable] : .readable)
        } catch {
            throw .disconnected(error.number)
        }
    }

    /// Does what is due.
    func tick() {
        guard let due, due <= .now else { return }
        if reconnectAt != nil { reconnect() } else { lose(.timedOut) }
    }

    /// Takes the announcement back, at the daemon's end; xenstored has a moment for it.
    func withdrawAnnouncement() {
        guard isConnected, let connection else {
            // Only the connection may be lost, and not what it has said.
            guard wasEverConnected else { return }
            do throws(StoreError) {
                try withdrawByAnotherConnection()
            } catch {
                log(.warning, "the announcement stays: \(error.text)")
            }
            return
        }
        // What was under way ends here, and a transaction with the connection.
        exchange = nil
        var batch = Batch()
        batch.remove(ownAnnouncement)
        let deadline = Instant.now + .seconds(1)
        do throws(StoreError) {
            try finish(connection, until: deadline)
            try connection.start(batch)
            try finish(connection, until: deadline)
        } catch {
            log(.warning, "the announcement stays: \(error.text)")
        }
    }
}

/// Waits for the replies to the batch under way, and drops them.
private func finish(_ connection: StoreConnection, until deadline: Instant) throws(StoreError) {
    while connection.isUnderWay {
        _ = try connection.proceed()
        guard Instant.now < deadline else { throw .timedOut }
        if connection.isUnderWay { _ = try? wait(for: POLLIN, on: connection.descriptor, until: deadline) }
    }
}
