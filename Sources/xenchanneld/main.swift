// xenchanneld: the backend of channels.
import Backend
import CLibc
import CXenIO
import Channel
import FileSystem
import XenStore

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
        _ = line.array.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
        return error.kind == .invalid ? 2 : 1
    }
}

func serve(_ options: ServeOptions) throws(ChannelError) {
    openStandardStreams()
    let log = try Log(options.logFile, options.logLevel)
    raiseDescriptorLimit()
    let pidFile = try options.pidFile.map { (path) throws(ChannelError) in try PIDFile(path) }
    // Signals come by the event loop, in between everything else.
    var signals = sigset_t()
    sigemptyset(&signals)
    for signal in [SIGTERM, SIGINT, SIGHUP, SIGUSR1] { sigaddset(&signals, signal) }
    sigaddset(&signals, SIGPIPE)
    sigprocmask(SIG_BLOCK, &signals, nil)
    sigdelset(&signals, SIGPIPE)
    let descriptor = signalfd(-1, &signals, Int32(SFD_CLOEXEC | SFD_NONBLOCK))
    guard descriptor >= 0 else { throw ChannelError(.failed, "signalfd: \(errorText(errno))") }

    let server = try Server(log, options.server)
    // Only now, so that whoever started it learns of what went wrong, or that it serves.
    if !options.isForeground {
        guard daemon(0, 0) == 0 else {
            throw ChannelError(.failed, "cannot go into the background: \(errorText(errno))")
        }
        try server.reopenGrants()
    }
    try pidFile?.write()
    log(.info, "version \(version) serves")
    notify("READY=1")
    server.serve(signals: descriptor)
    notify("STOPPING=1")
    pidFile?.remove()
}

/// Where a standard stream is closed, its number would be that of the next
/// socket, which then would get what is printed.
func openStandardStreams() {
    let null = open_file("/dev/null", O_RDWR | O_CLOEXEC, 0)
    guard null >= 0 else { return }
    var status = stat()
    for stream: Int32 in 0...2 where fstat(stream, &status) != 0 { dup2(null, stream) }
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
        descriptor = path.withCString { open_file($0, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o644) }
        guard descriptor >= 0 else { throw ChannelError(.failed, "cannot open \(path): \(errorText(errno))") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw ChannelError(.failed, "another xenchanneld holds \(path)")
        }
    }

    func write() throws(ChannelError) {
        var text = Bytes(decimal: getpid())
        text.append("\n")
        guard ftruncate(descriptor, 0) == 0,
            text.array.withUnsafeBytes({ CLibc.write(descriptor, $0.baseAddress, $0.count) }) == text.count
        else { throw ChannelError(.failed, "cannot write \(path): \(errorText(errno))") }
    }

    func remove() {
        _ = path.withCString { unlink($0) }
    }
}

func print(_ text: Text) {
    var line = text.bytes
    line.append("\n")
    _ = line.array.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
}

/// The words after the program's name. Embedded Swift has no CommandLine; the
/// kernel tells.
func arguments() throws(ChannelError) -> [Bytes] {
    let descriptor = open_file("/proc/self/cmdline", O_RDONLY | O_CLOEXEC, 0)
    guard descriptor >= 0 else { throw ChannelError(.failed, "cannot read /proc/self/cmdline: \(errorText(errno))") }
    defer { close(descriptor) }
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
        let count = read(descriptor, &buffer, buffer.count)
        guard count > 0 else { break }
        text.append(contentsOf: buffer[..<count])
    }
    return text.split(separator: 0, omittingEmptySubsequences: false).dropFirst().dropLast().map { Bytes($0) }
}
