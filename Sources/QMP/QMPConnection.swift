import CLibc
import Channel
import FileSystem

/// A connection to a QEMU's monitor. QEMU serves one at a time.
///
/// After any failure but a refusal by QEMU the connection is closed: what it
/// might still deliver could not be told from an answer to a later command.
public final class QMPConnection {
    /// How long QEMU may take for one command: libxl's QMP_SOCKET_CONNECT_TIMEOUT, in milliseconds.
    public static var timeLimit: Int64 { 10_000 }

    private var descriptor: Int32
    private var decoder = LineDecoder()
    private var lastID: Int64 = 0

    /// Connects to the monitor's Unix socket, waiting while another client has it.
    ///
    /// - Throws: `.notReady` when no QEMU listens there; `.timedOut` when it
    ///   does and does not answer, `.qmpProtocol`, `.failed`.
    public init(_ path: Bytes) throws(ChannelError) {
        let deadline = now() + Self.timeLimit
        descriptor = connectToSocket(path, until: deadline)
        switch -descriptor {
        case ...0: break
        case ENOENT, ECONNREFUSED:
            throw ChannelError(.notReady, "no QEMU listens on \(path): \(errorText(-descriptor))")
        case EAGAIN, EINTR:
            throw ChannelError(.timedOut, "QEMU did not take another client on \(path) within 10 seconds")
        default:
            throw ChannelError(.failed, "cannot connect to QEMU on \(path): \(errorText(-descriptor))")
        }
        do throws(ChannelError) {
            try waitForGreeting(until: deadline)
            try execute(.negotiate)
        } catch {
            close()
            throw error
        }
    }

    /// What QEMU had to tell when nobody was connected comes before the greeting.
    private func waitForGreeting(until deadline: Int64) throws(ChannelError) {
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
            let deadline = now() + Self.timeLimit
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

    private func nextAnswer(until deadline: Int64) throws(ChannelError) -> Result<QMPReply, ChannelError> {
        while true {
            switch try nextMessage(until: deadline) {
            case .event: continue
            case .answer(let id, let result) where id == nil || id == lastID: return result
            case .answer, .greeting: throw ChannelError(.qmpProtocol, "QEMU answers what was not asked")
            }
        }
    }

    private func nextMessage(until deadline: Int64) throws(ChannelError) -> QMPMessage {
        while true {
            if let line = try decoder.line() { return try QMPMessage(line: line) }
            try wait(for: POLLIN, until: deadline)
            try receive()
        }
    }

    private func receive() throws(ChannelError) {
        let count = withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
            let count = read(descriptor, buffer.baseAddress, buffer.count)
            if count > 0 { decoder.append(UnsafeRawBufferPointer(start: buffer.baseAddress, count: count)) }
            return count
        }
        guard count != 0 else { throw ChannelError(.failed, "QEMU closed the connection") }
        guard count > 0 || errno == EAGAIN || errno == EINTR else { throw Self.broken(errno) }
    }

    private func send(_ bytes: Bytes, _ passed: Int32?, until deadline: Int64) throws(ChannelError) {
        guard descriptor >= 0 else { throw Self.broken(EBADF) }
        var sent = 0
        while sent < bytes.count {
            let count = bytes.array.withUnsafeBytes { raw in
                let rest = UnsafeRawBufferPointer(rebasing: raw[sent...])
                // The descriptor goes with the first byte.
                if let passed, sent == 0 { return send_with_descriptor(descriptor, rest.baseAddress, rest.count, passed) }
                return CLibc.send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                sent += count
            } else if errno == EAGAIN {
                try wait(for: POLLOUT, until: deadline)
            } else if errno != EINTR {
                throw Self.broken(errno)
            }
        }
    }

    private func wait(for events: Int32, until deadline: Int64) throws(ChannelError) {
        let left = deadline - now()
        var item = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        guard left > 0, poll(&item, 1, Int32(left)) != 0 else {
            throw ChannelError(.timedOut, "QEMU did not answer within 10 seconds")
        }
    }

    private static func broken(_ number: Int32) -> ChannelError {
        ChannelError(.failed, "the connection to QEMU broke: \(errorText(number))")
    }
}
