import CLibc
import CXenIO
import Channel
import XenStore

/// PTY: a pseudo terminal in raw mode. It keeps its settings while nobody uses
/// it, since the master stays open.
///
/// With nobody there output is dropped; a slow reader gets back-pressure. The
/// kernel tells that nobody has the slave open (POLLHUP), inotify when that may
/// have changed.
final class PTYSink: Sink {
    private var master: Int32 = -1
    private var name: Bytes?
    private let openings: TerminalWatch
    private var watch: Int32 = -1
    /// Nobody has the terminal open since it was last used.
    private var isGone = true
    /// And what they had written was read.
    private var inputEnded = true

    init(_ openings: TerminalWatch) {
        self.openings = openings
    }

    deinit {
        close()
    }

    override var dataDescriptor: Int32 { master }
    override var tty: Bytes? { name }
    override var canRead: Bool { master >= 0 && !inputEnded }
    override var isHungUp: Bool { isGone }

    override var hasClient: Bool {
        var item = pollfd(fd: master, events: 0, revents: 0)
        return master >= 0 && poll(&item, 1, 0) == 0
    }

    override func open() throws(ChannelError) {
        master = open_file("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0)
        let number = master >= 0 && unlock_terminal(master) == 0 ? terminal_number(master) : -1
        guard number >= 0 else { throw failure("cannot open a pseudo terminal") }
        let name = Bytes("/dev/pts") / number
        try makeRaw(name)
        watch = openings.add(name)
        guard watch >= 0 else { throw failure("cannot watch \(name)") }
        self.name = name
    }

    private func makeRaw(_ name: Bytes) throws(ChannelError) {
        // Once opened and closed, the terminal also tells that nobody has it open.
        let slave = name.withCString { open_file($0, O_RDWR | O_NOCTTY | O_CLOEXEC, 0) }
        guard slave >= 0 else { throw failure("cannot open \(name)") }
        defer { _ = CLibc.close(slave) }
        var settings = termios()
        tcgetattr(slave, &settings)
        cfmakeraw(&settings)
        guard tcsetattr(slave, TCSANOW, &settings) == 0 else { throw failure("cannot make \(name) raw") }
    }

    private func failure(_ what: Text) -> ChannelError {
        let number = errno
        close()
        return ChannelError(.failed, "\(what): \(errorText(number))")
    }

    override func close() {
        if watch >= 0 { openings.remove(watch) }
        if master >= 0 { _ = CLibc.close(master) }
        watch = -1
        master = -1
        name = nil
        isGone = true
        inputEnded = true
    }

    override func ready(_ role: Role, _ events: UInt32) {
        if events & EPOLLHUP.rawValue != 0 { isGone = !hasClient }
    }

    override func wasUsed(_ terminals: TerminalWatch.Changes) -> Bool {
        guard watch >= 0, terminals.contains(watch) else { return false }
        isGone = false
        inputEnded = false
        return true
    }

    override func write(_ segments: Ring.Segments, at position: UInt32) -> Outcome {
        guard hasClient else { return .dropped(segments.count) }
        let count = withVector(segments) { writev(master, $0, $1) }
        if count >= 0 { return .took(count) }
        switch errno {
        case EAGAIN: return .blocked
        case EINTR: return .took(0)
        case let number: return .failed(number)
        }
    }

    override func read(into segments: Ring.Segments) -> Int {
        let count = withVector(segments) { readv(master, $0, $1) }
        if count > 0 { return count }
        if count == 0 || errno == EIO { inputEnded = !hasClient }
        return 0
    }
}

/// Tells, by inotify, which terminals were opened or closed.
///
/// How often cannot be told: equal events that follow one another are one.
final class TerminalWatch {
    let descriptor: Int32

    /// The watches whose terminals were opened or closed.
    struct Changes {
        fileprivate var watches: [Int32] = []
        /// Events were lost.
        fileprivate var isAll = false

        func contains(_ watch: Int32) -> Bool { isAll || watches.contains(watch) }
    }

    init() throws(ChannelError) {
        descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
        guard descriptor >= 0 else { throw ChannelError(.failed, "inotify: \(errorText(errno))") }
    }

    func add(_ path: Bytes) -> Int32 {
        let mask = UInt32(IN_OPEN | IN_CLOSE_WRITE | IN_CLOSE_NOWRITE)
        return path.withCString { inotify_add_watch(descriptor, $0, mask) }
    }

    func remove(_ watch: Int32) {
        inotify_rm_watch(descriptor, watch)
    }

    /// Takes the events that have come.
    func changed() -> Changes {
        var changes = Changes()
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { buffer in
            // What comes meanwhile is reported next time.
            let length = read(descriptor, buffer.baseAddress, buffer.count)
            var offset = 0
            while offset + MemoryLayout<inotify_event>.size <= length {
                let event = UnsafeRawBufferPointer(buffer).loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                if event.mask & UInt32(IN_Q_OVERFLOW) != 0 {
                    changes.isAll = true
                } else if !changes.watches.contains(event.wd) {
                    changes.watches.append(event.wd)
                }
                offset += MemoryLayout<inotify_event>.size + Int(event.len)
            }
        }
        return changes
    }
}
