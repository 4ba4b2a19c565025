import CLibc
import Channel
import System

/// Opens a file to append to, created with mode 0600, and locks it (flock) for
/// as long as the descriptor, or a copy of it, is open: two channels that append
/// to one file would lose bytes.
///
/// - Returns: the descriptor, the caller's to close.
/// - Throws: `.failed` for a symbolic link and for anything that is no regular
///   file; `.exists` when another channel has the file.
public func openLogFile(_ path: Bytes) throws(ChannelError) -> Int32 {
    // A look first, since opening alone can already do something to a device.
    if let status = try? status(of: path) { try checkLogFile(path, status) }
    let descriptor = try failing(as: "cannot open \(path)") { () throws(Errno) in
        // O_NONBLOCK: opening a FIFO must not hang.
        try openFile(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, mode: 0o600)
    }
    do throws(ChannelError) {
        try checkLogFile(path, failing(as: "cannot open \(path)") { () throws(Errno) in try status(of: descriptor) })
        do throws(Errno) {
            _ = try valueOrErrno(.lock) { flock(descriptor, LOCK_EX | LOCK_NB) }
        } catch {
            // A file system without locks has none to lose.
            if error.isBlocked { throw ChannelError(.exists, "another channel writes to \(path)") }
        }
        return descriptor
    } catch {
        _ = close(descriptor)
        throw error
    }
}

private func checkLogFile(_ path: Bytes, _ status: stat) throws(ChannelError) {
    guard !status.isRegularFile else { return }
    let cause: Text = status.isSymbolicLink ? "it is a symbolic link" : "it is not a regular file"
    throw ChannelError(.failed, "cannot open \(path): \(cause)")
}
