import Backend
import CLibc
import Channel

let version: StaticString = "0.1.0"

let usage: Text = """
    usage: xenchanneld [options]

    Serves the channels of Xen guests whose backend is this domain.

      --foreground         stay in the foreground (for a service manager)
      --log-file FILE      log to FILE instead of stderr
      --log-level LEVEL    error, warning, info (default) or debug
      --pid-file FILE      write the pid to FILE, and refuse to run twice with it
      --run-dir DIR        where the monitoring socket and the journal are
                           (default /run/xen)
      --help               this text
      --version            the version

    Signals: SIGTERM ends it in order, SIGHUP reopens log and PATH files,
    SIGUSR1 logs each channel's counters.
    """

/// How to serve.
struct ServeOptions {
    var isForeground = false
    var logFile: Bytes?
    var logLevel = Log.Level.info
    var pidFile: Bytes?
    var server = Server.Options()
}

/// What the command line asks for.
///
/// Parsed by hand: swift-argument-parser needs the whole Swift runtime, which
/// would be many times as large as the daemon.
enum CommandLineOptions {
    case help
    case version
    case serve(ServeOptions)

    init(_ words: [Bytes]) throws(ChannelError) {
        var options = ServeOptions()
        var rest = words[...]
        while let word = rest.popFirst() {
            var name = word
            var given: Bytes?
            if word.array.starts(with: [0x2d, 0x2d]), let equals = word.array.firstIndex(of: UInt8(ascii: "=")) {
                name = Bytes(word.array[..<equals])
                given = Bytes(word.array[(equals + 1)...])
            }
            func value() throws(ChannelError) -> Bytes {
                if let given { return given }
                guard let next = rest.popFirst() else {
                    throw ChannelError(.invalid, "\(name) needs a value; see --help")
                }
                return next
            }
            // The background's working directory is another one.
            func path() throws(ChannelError) -> Bytes {
                let path = try value()
                guard path.array.first != UInt8(ascii: "/"), let directory = getcwd(nil, 0) else { return path }
                defer { free(directory) }
                return Bytes(cString: directory) / path
            }
            switch name {
            case "--help", "-h": self = .help; return
            case "--version": self = .version; return
            case "--foreground" where given == nil: options.isForeground = true
            case "--log-file": options.logFile = try path()
            case "--pid-file": options.pidFile = try path()
            case "--run-dir": options.server.runDirectory = try path()
            case "--log-level":
                let word = try value()
                guard let level = Log.Level(word) else {
                    throw ChannelError(.invalid, "there is no log level \(word); see --help")
                }
                options.logLevel = level
            default:
                throw ChannelError(.invalid, "there is no option \(word); see --help")
            }
        }
        self = .serve(options)
    }
}
