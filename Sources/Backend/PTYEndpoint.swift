import CLibc
import CXenIO
import Channel
import FileSystem
import System

/// PTY: a pseudo terminal, raw again for each new client. It stays while nobody
/// uses it, since the master stays open.
///
/// With nobody there output is dropped; a slow reader slows the guest down. The
/// kernel tells that nobody has the slave open (POLLHUP), inotify when that may
/// have changed.
final class PTYEndpoint: Endpoint {
    private let poller: Poller
    private let terminals: TerminalWatch
    private var master: Int32 = -1
    private var dispatch: Dispatch?
    private var name: Bytes?
    private var watch: Int32 = -1
    /// Nobody has the terminal open since it was last used.
    private var isGone = true
    /// And what they had written was read.
    private var inputEnded = true
    /// The terminal's modes: raw.
    private var raw = termios()

    init(_ poller: Poller, _ terminals: TerminalWatch) {
        self.poller = poller
        self.terminals = terminals
    }

    override var terminal: Bytes? { name }
    override var canRead: Bool { master >= 0 && !inputEnded }

    override var hasClient: Bool {
        var item = pollfd(fd: master, events: 0, revents: 0)
        return master >= 0 && CLibc.poll(&item, 1, 0) == 0
    }

    override func open() throws(ChannelError) {
        do throws(ChannelError) {
            let number = try failing(as: "cannot open a pseudo terminal") { () throws(Errno) in
                master = try openFile("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK)
                _ = try valueOrErrno(.open) { unlock_terminal(master) }
                return try valueOrErrno(.open) { terminal_number(master) }
            }
            let name = Bytes("/dev/pts") / number
            try makeRaw(name)
            watch = try failing(as: "cannot watch \(name)") { () throws(Errno) in
                try terminals.add(name) { [unowned(unsafe) self] in wasUsed() }
            }
            dispatch = Dispatch(poller, master) { [unowned(unsafe) self] events in ready(events) }
            self.name = name
        } catch {
            close()
            throw error
        }
    }

    private func makeRaw(_ name: Bytes) throws(ChannelError) {
        // Once opened and closed, the terminal also tells that nobody has it open.
        let slave = try failing(as: "cannot open \(name)") { () throws(Errno) in try openFile(name, O_RDWR | O_NOCTTY) }
        defer { _ = CLibc.close(slave) }
        tcgetattr(slave, &raw)
        cfmakeraw(&raw)
        try failing(as: "cannot make \(name) raw") { () throws(Errno) in
            _ = try valueOrErrno(.open) { tcsetattr(slave, TCSANOW, &raw) }
        }
    }

    override func close() {
        if watch >= 0 { terminals.remove(watch) }
        dispatch?.end()
        dispatch = nil
        if master >= 0 { _ = CLibc.close(master) }
        watch = -1
        master = -1
        name = nil
        isGone = true
        inputEnded = true
    }

    override func poll(forSpace: Bool, forInput: Bool) throws(Errno) {
        var events: Events = forSpace ? .writable : []
        if forInput, canRead { events.insert(.readable) }
        // epoll would report for ever that nobody is there.
        try dispatch?.poll(for: isGone && events.isEmpty ? nil : events)
    }

    private func ready(_ events: Events) {
        if events.contains(.hungUp), !isGone, !hasClient {
            isGone = true
            // The last client may have left it cooked: it would echo what the guest writes.
            tcsetattr(master, TCSANOW, &raw)
        }
        wake(.hasInput)
    }

    private func wasUsed() {
        isGone = false
        inputEnded = false
        wake(.changed)
    }

    override func write(_ segments: Ring.Segments, at position: UInt32) -> Outcome {
        guard hasClient else { return .dropped(segments.count) }
        do throws(Errno) {
            return .took(try valueOrErrno(.write) { withVector(segments) { writev(master, $0, $1) } })
        } catch {
            return error.isBlocked ? .blocked : .failed(error)
        }
    }

    override func read(into segments: Ring.Segments) -> Int {
        do throws(Errno) {
            let count = try valueOrErrno(.read) { withVector(segments) { readv(master, $0, $1) } }
            if count > 0 { return count }
            inputEnded = !hasClient
        } catch {
            if error.number == EIO { inputEnded = !hasClient }
        }
        return 0
    }
}
