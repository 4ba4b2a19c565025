import CLibc
import CXenIO
import Channel
import XenStore

/// PTY: a pseudo terminal in raw mode. The slave is kept open, so that the
/// terminal keeps its settings while nobody uses it.
///
/// With the slave open the kernel does not tell whether somebody else has it
/// open too; inotify does. With nobody there output is dropped; a slow reader
/// gets back-pressure.
final class PTYSink: Sink {
    private var master: Int32 = -1
    private var slave: Int32 = -1
    private var name: Bytes?
    private let openings: TerminalWatch
    private var watch: Int32 = -1

    init(_ openings: TerminalWatch) {
        self.openings = openings
    }

    deinit {
        close()
    }

    override var dataDescriptor: Int32 { master }
    override var tty: Bytes? { name }
    override var hasClient: Bool { openings.count(watch) > 0 }

    override func open() throws(ChannelError) {
        master = open_file("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0)
        let number = master >= 0 && unlock_terminal(master) == 0 ? terminal_number(master) : -1
        guard number >= 0 else { throw failure("cannot open a pseudo terminal") }
        let name = Bytes("/dev/pts") / number
        slave = name.withCString { open_file($0, O_RDWR | O_NOCTTY | O_CLOEXEC, 0) }
        var settings = termios()
        guard slave >= 0, tcgetattr(slave, &settings) == 0 else { throw failure("cannot open \(name)") }
        cfmakeraw(&settings)
        guard tcsetattr(slave, TCSANOW, &settings) == 0 else { throw failure("cannot make \(name) raw") }
        watch = openings.add(name)
        guard watch >= 0 else { throw failure("cannot watch \(name)") }
        self.name = name
    }

    private func failure(_ what: String) -> ChannelError {
        let number = errno
        close()
        return ChannelError(.failed, "\(what): \(errorText(number))")
    }

    override func close() {
        if watch >= 0 { openings.remove(watch) }
        if slave >= 0 { _ = CLibc.close(slave) }
        if master >= 0 { _ = CLibc.close(master) }
        watch = -1
        slave = -1
        master = -1
        name = nil
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
        max(0, withVector(segments) { readv(master, $0, $1) })
    }
}

/// Counts, by inotify, how often terminals are open besides by this daemon.
final class TerminalWatch {
    let descriptor: Int32
    /// By watch number: how many have the terminal open; nil for no watch.
    private var counts: [Int32?] = []

    init() throws(ChannelError) {
        descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
        guard descriptor >= 0 else { throw ChannelError(.failed, "inotify: \(errorText(errno))") }
    }

    func add(_ path: Bytes) -> Int32 {
        let mask = UInt32(IN_OPEN | IN_CLOSE_WRITE | IN_CLOSE_NOWRITE)
        let watch = path.withCString { inotify_add_watch(descriptor, $0, mask) }
        guard watch >= 0 else { return -1 }
        while counts.count <= Int(watch) { counts.append(nil) }
        counts[Int(watch)] = 0
        return watch
    }

    func remove(_ watch: Int32) {
        // Events that wait for this watch are of no interest any more.
        if Int(watch) < counts.count { counts[Int(watch)] = nil }
        inotify_rm_watch(descriptor, watch)
    }

    func count(_ watch: Int32) -> Int32 {
        guard watch >= 0, Int(watch) < counts.count else { return 0 }
        return counts[Int(watch)] ?? 0
    }

    /// Takes the events that have come.
    func drain() {
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { buffer in
            while true {
                let length = read(descriptor, buffer.baseAddress, buffer.count)
                guard length > 0 else { return }
                var offset = 0
                while offset + MemoryLayout<inotify_event>.size <= length {
                    let event = UnsafeRawBufferPointer(buffer).loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                    note(event)
                    offset += MemoryLayout<inotify_event>.size + Int(event.len)
                }
            }
        }
    }

    private func note(_ event: inotify_event) {
        guard event.wd >= 0, Int(event.wd) < counts.count, let count = counts[Int(event.wd)] else { return }
        let change: Int32 = event.mask & UInt32(IN_OPEN) != 0 ? 1 : -1
        counts[Int(event.wd)] = max(0, count + change)
    }
}
