import CLibc
import Channel
import System

/// A file that is open to append to, and locked (flock) for as long as the
/// descriptor, or a copy of it, is open: two channels that append to one file
/// would lose bytes.
public struct LogFile {
    /// The holder's to close.
    public let descriptor: Int32
    /// The directory in which it was found; see `init`.
    public let directory: FileIdentity

    /// Opens it; one that is not there is created with mode 0600.
    ///
    /// - Parameter directory: where it was found before, when it is opened again.
    /// - Throws: `.failed` for a symbolic link, for anything that is no regular
    ///   file, for a way to it that others can lead elsewhere, and for another
    ///   directory; `.exists` when another channel has the file.
    public init(_ path: Bytes, in directory: FileIdentity? = nil) throws(ChannelError) {
        self = try withParentDirectory(of: path, to: "open", sameAs: directory) { (directory) throws(ChannelError) in
            try LogFile(path, directory)
        }
    }

    private init(_ path: Bytes, _ directory: ParentDirectory) throws(ChannelError) {
        let name = directory.name
        // A look first, since opening alone can already do something to a device.
        if let status = try? directory.status(of: name) { try Self.check(path, status) }
        let file = try failing(as: "cannot open \(path)") { () throws(Errno) in
            // O_NONBLOCK: opening a FIFO must not hang.
            let flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
            return try openFile(name, flags, mode: 0o600, in: directory.descriptor)
        }
        do throws(ChannelError) {
            try Self.check(path, failing(as: "cannot open \(path)") { () throws(Errno) in try status(of: file) })
            try Self.lock(file, path)
        } catch {
            _ = close(file)
            throw error
        }
        descriptor = file
        self.directory = directory.identity
    }

    private static func lock(_ file: Int32, _ path: Bytes) throws(ChannelError) {
        do throws(Errno) {
            _ = try valueOrErrno(.lock) { flock(file, LOCK_EX | LOCK_NB) }
        } catch {
            // A file system without locks has none to lose.
            if error.isBlocked { throw ChannelError(.exists, "another channel writes to \(path)") }
        }
    }

    private static func check(_ path: Bytes, _ status: stat) throws(ChannelError) {
        guard !status.isRegularFile else { return }
        let cause: Text = status.isSymbolicLink ? "it is a symbolic link" : "it is not a regular file"
        throw ChannelError(.failed, "cannot open \(path): \(cause)")
    }
}
