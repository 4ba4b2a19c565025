import CLibc
import Channel

/// Opens a file to append to, created with mode 0600.
///
/// - Returns: the descriptor, the caller's to close.
/// - Throws: `.failed` for a symbolic link and for anything that is no regular file.
public func openLogFile(_ path: Bytes) throws(ChannelError) -> Int32 {
    var status = stat()
    // A look first, since opening alone can already do something to a device.
    if path.withCString({ lstat($0, &status) }) == 0 { try checkLogFile(path, status) }
    // O_NONBLOCK: opening a FIFO must not hang.
    let flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
    let descriptor = path.withCString { open_file($0, flags, 0o600) }
    guard descriptor >= 0 else { throw ChannelError(.failed, "cannot open \(path): \(errorText(errno))") }
    do throws(ChannelError) {
        fstat(descriptor, &status)
        try checkLogFile(path, status)
    } catch {
        _ = close(descriptor)
        throw error
    }
    return descriptor
}

private func checkLogFile(_ path: Bytes, _ status: stat) throws(ChannelError) {
    let type = status.st_mode & mode_t(S_IFMT)
    guard type != mode_t(S_IFREG) else { return }
    let cause: Text = type == mode_t(S_IFLNK) ? "it is a symbolic link" : "it is not a regular file"
    throw ChannelError(.failed, "cannot open \(path): \(cause)")
}
