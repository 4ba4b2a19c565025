import CLibc
import Channel
import FileSystem
import System

/// The daemon's log: lines with time and level, to a file or stderr.
public final class Log {
    public enum Level: Int, Sendable, CaseIterable {
        case error, warning, info, debug

        public var word: StaticString {
            switch self {
            case .error: "error"
            case .warning: "warning"
            case .info: "info"
            case .debug: "debug"
            }
        }

        /// The level that a word names.
        public init?(_ word: Bytes) {
            for level in Level.allCases where word.isEqual(to: level.word) {
                self = level
                return
            }
            return nil
        }
    }

    private let path: Bytes?
    public let level: Level
    private var descriptor: Int32
    private var budget = LogBudget(Log.errorLimit)
    private var isFull = false

    /// Logs to the file at `path`, or to stderr.
    public init(_ path: Bytes?, _ level: Level) throws(ChannelError) {
        self.path = path
        self.level = level
        descriptor = 2
        if let path { descriptor = try Self.open(path) }
    }

    private static func open(_ path: Bytes) throws(ChannelError) -> Int32 {
        try failing(as: "cannot open the log \(path)") { () throws(Errno) in
            try openFile(path, O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY, mode: 0o640)
        }
    }

    /// Opens the file again, after it was moved away (SIGHUP).
    public func reopen() {
        guard let path, let new = try? Self.open(path) else { return }
        close(descriptor)
        descriptor = new
    }

    public func callAsFunction(_ level: Level, _ message: @autoclosure () -> Text) {
        guard level.rawValue <= self.level.rawValue else { return }
        var line = Self.timestamp()
        line.append(" xenchanneld ")
        line.append(Bytes(level.word))
        line.append(": ")
        line.append(message().bytes)
        line.append("\n")
        _ = line.array.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    }

    /// How many errors of devices are logged in a minute, of all together.
    private static var errorLimit: Int { 300 }

    /// Logs an error of a device, as far as it and all together may log.
    func error(of device: Device, _ message: @autoclosure () -> Text) {
        guard device.mayLog() else { return }
        guard budget.allows(at: .now) else {
            if !isFull { self(.error, "more than \(Self.errorLimit) errors in a minute: the rest of them is not logged") }
            isFull = true
            return
        }
        isFull = false
        self(.error, "\(device.title): \(message())")
    }

    private static func timestamp() -> Bytes {
        var seconds = time(nil)
        var parts = tm()
        localtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 32)
        let length = strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%S%z", &parts)
        return Bytes(buffer.prefix(length).map { UInt8(bitPattern: $0) })
    }
}
