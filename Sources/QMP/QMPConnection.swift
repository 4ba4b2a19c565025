import CLibc
import Channel
import FileSystem
import System

/// A connection to a QEMU's monitor. QEMU serves one at a time.
///
/// After any failure but a refusal by QEMU the connection is closed: what it
/// might still deliver could not be told from an answer to a later command.
public final class QMPConnection {
    /// How long QEMU may take for one command: libxl's QMP_SOCKET_CONNECT_TIMEOUT.
    public static var timeLimit: Interval { .seconds(10) }

    private var descriptor: Int32
    private var decoder = LineDecoder()
    private var lastID: Int64 = 0

    private init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// Connects to the monitor's Unix socket, waiting while another client has it.
    ///
    /// A function, since in Embedded Swift an initialiser of a class that throws
    /// leaves the object behind.
    ///
    /// - Throws: `.notReady` when no QEMU listens there; `.timedOut` when it
    ///   does and does not answer, `.qmpProtocol`, `.failed`.
    public static func open(_ path: Bytes) throws(ChannelError) -> QMPConnection {
        let deadline = Instant.now + timeLimit
        let descriptor: Int32
        do throws(Errno) {
            descriptor = try connectToSocket(path, until: deadline)
        } catch {
            switch error.number {
            case ENOENT, ECONNREFUSED:
                throw ChannelError(.notReady, "no QEMU listens on \(path): \(error)")
            case EAGAIN:
                throw ChannelError(.timedOut, "QEMU did not take another client on \(path) within 10 seconds")
            default:
                throw ChannelError(.failed, "cannot connect to QEMU on \(path): \(error)")
            }
        }
        let connection = QMPConnection(descriptor: descriptor)
        try connection.waitForGreeting(until: deadline)
        try connection.execute(.negotiate)
        return connection
    }

    /// What QEMU had to tell when nobody was connected comes before the greeting.
    private func waitForGreeting(until deadline: Instant) throws(ChannelError) {
        while true {
            switch try nextMessage(until: deadline) {
            case .event: continue
            case .greeting: return
            case .answer: throw ChannelError(.qmpProtocol, "QEMU does not greet")
            }
        }
    }

    deinit {
        close()
    }

    private func close() {
        if descriptor >= 0 { _ = CLibc.close(descriptor) }
        descriptor = -1
    }

    /// Executes one command.
    ///
    /// - Parameter passing: a descriptor that goes along; it remains the caller's.
    /// - Throws: `.qmp…` with QEMU's own text when QEMU refuses; `.timedOut`,
    ///   `.qmpProtocol`, `.failed` when it does not answer.
    @discardableResult
    public func execute(_ command: QMPCommand, passing descriptor: Int32? = nil) throws(ChannelError) -> QMPReply {
        lastID += 1
        let answer: Result<QMPReply, ChannelError>
        do throws(ChannelError) {
            let deadline = Instant.now + Self.timeLimit
            try send(try command.encoded(id: lastID), descriptor, until: deadline)
            answer = try nextAnswer(until: deadline)
        } catch {
            close()
            throw error.about("\(command.name)")
        }
        switch answer {
        case .success(let reply): return reply
        case .failure(let error): throw error.about("\(command.name)")
        }
    }

    private func nextAnswer(until deadline: Instant) throws(ChannelError) -> Result<QMPReply, ChannelError> {
        while true {
            switch try nextMessage(until: deadline) {
            case .event: continue
            case .answer(let id, let result) where id == nil || id == lastID: return result
            case .answer, .greeting: throw ChannelError(.qmpProtocol, "QEMU answers what was not asked")
            }
        }
    }

    private func nextMessage(until deadline: Instant) throws(ChannelError) -> QMPMessage {
        while true {
            if let line = try decoder.line() { return try QMPMessage(line: line) }
            try wait(for: POLLIN, until: deadline)
            try receive()
        }
    }

    private func receive() throws(ChannelError) {
        do throws(Errno) {
            let count = try System.receive(from: descriptor, atMost: 4096) { decoder.append($0) }
            if count > 0 { return }
        } catch {
            if error.isBlocked { return }
            throw Self.broken(error)
        }
        throw ChannelError(.failed, "QEMU closed the connection")
    }

    private func send(_ bytes: Bytes, _ passed: Int32?, until deadline: Instant) throws(ChannelError) {
        guard descriptor >= 0 else { throw Self.broken(Errno(EBADF)) }
        var sent = 0
        while sent < bytes.count {
            do throws(Errno) {
                sent += try valueOrErrno(.send) {
                    bytes.array.withUnsafeBytes { raw in
                        let rest = UnsafeRawBufferPointer(rebasing: raw[sent...])
                        // The descriptor goes with the first byte.
                        if let passed, sent == 0 {
                            return send_with_descriptor(descriptor, rest.baseAddress, rest.count, passed)
                        }
                        return CLibc.send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
                    }
                }
                continue
            } catch {
                guard error.isBlocked else { throw Self.broken(error) }
            }
            try wait(for: POLLOUT, until: deadline)
        }
    }

    private func wait(for events: Int32, until deadline: Instant) throws(ChannelError) {
        var isReady = false
        do throws(Errno) {
            if Instant.now < deadline { isReady = try System.wait(for: events, on: descriptor, until: deadline) }
        } catch {
            throw Self.broken(error)
        }
        guard isReady else { throw ChannelError(.timedOut, "QEMU did not answer within 10 seconds") }
    }

    private static func broken(_ error: Errno) -> ChannelError {
        ChannelError(.failed, "the connection to QEMU broke: \(error)")
    }
}
