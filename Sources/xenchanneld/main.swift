// xenchanneld: the backend of channels.
import Backend
import CLibc
import CXenIO
import Channel
import FileSystem
import System

exit(run())

/// The daemon's life; the exit status.
func run() -> Int32 {
    do throws(ChannelError) {
        switch try CommandLineOptions(try arguments()) {
        case .help:
            print(usage)
        case .version:
            print("xenchanneld \(version)")
        case .serve(let options):
            try serve(options)
        }
        return 0
    } catch {
        var line = Bytes("xenchanneld: ")
        line.append(error.message.bytes)
        line.append("\n")
        try? writeAll(line.array, to: 2)
        return error.kind == .invalid ? 2 : 1
    }
}

func serve(_ options: ServeOptions) throws(ChannelError) {
    openStandardStreams()
    let log = try Log(options.logFile, options.logLevel)
    raiseDescriptorLimit()
    let pidFile = try options.pidFile.map { (path) throws(ChannelError) in try PIDFile(path) }
    let signals = try Signals()
    let server = try Server(log, options.server)
    do throws(ChannelError) {
        // Only now, so that whoever started it learns of what went wrong, or that it serves.
        if !options.isForeground {
            guard daemon(0, 0) == 0 else {
                throw ChannelError(.failed, "cannot go into the background: \(Errno(errno))")
            }
            try server.reopenGrants()
        }
        try pidFile?.write()
    } catch {
        server.end()
        pidFile?.remove()
        throw error
    }
    log(.info, "version \(version) serves")
    notify("READY=1")
    try server.serve(signals)
    notify("STOPPING=1")
    pidFile?.remove()
}

/// Where a standard stream is closed, its number would be that of the next
/// socket, which then would get what is printed.
func openStandardStreams() {
    guard let null = try? openFile("/dev/null", O_RDWR) else { return }
    for stream: Int32 in 0...2 where (try? status(of: stream)) == nil { dup2(null, stream) }
    close(null)
}

/// A pty takes two descriptors, a socket two and a file one; what the system
/// allows at most is right for a daemon with a thousand channels.
func raiseDescriptorLimit() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}

/// Tells the service manager (sd_notify(3)), when there is one.
func notify(_ state: Bytes) {
    guard let path = getenv("NOTIFY_SOCKET"), var address = UnixAddress(notifySocket: Bytes(cString: path)) else {
        return
    }
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    address.withPointer { pointer, length in
        _ = state.array.withUnsafeBytes {
            sendto(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL), pointer, length)
        }
    }
}

/// A file with the daemon's pid, locked while it lives.
struct PIDFile {
    private let path: Bytes
    /// Kept open, and so locked, until the process ends.
    private let descriptor: Int32

    init(_ path: Bytes) throws(ChannelError) {
        self.path = path
        let file = try failing(as: "cannot open \(path)") { () throws(Errno) in
            try openFile(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o644)
        }
        descriptor = file
        do throws(Errno) {
            _ = try valueOrErrno(.lock) { flock(file, LOCK_EX | LOCK_NB) }
        } catch {
            throw ChannelError(.failed, "another xenchanneld holds \(path)")
        }
    }

    func write() throws(ChannelError) {
        var text = Bytes(decimal: getpid())
        text.append("\n")
        try failing(as: "cannot write \(path)") { () throws(Errno) in
            _ = try valueOrErrno(.truncate) { ftruncate(descriptor, 0) }
            try writeAll(text.array, to: descriptor)
        }
    }

    func remove() {
        removeFile(path)
    }
}

func print(_ text: Text) {
    var line = text.bytes
    line.append("\n")
    try? writeAll(line.array, to: 1)
}

/// The words after the program's name. Embedded Swift has no CommandLine; the
/// kernel tells.
func arguments() throws(ChannelError) -> [Bytes] {
    var text: [UInt8] = []
    try failing(as: "cannot read /proc/self/cmdline") { () throws(Errno) in
        let descriptor = try openFile("/proc/self/cmdline", O_RDONLY)
        defer { close(descriptor) }
        while try receive(from: descriptor, atMost: 4096, { text.append(contentsOf: $0) }) > 0 {}
    }
    return text.split(separator: 0, omittingEmptySubsequences: false).dropFirst().dropLast().map { Bytes($0) }
}
