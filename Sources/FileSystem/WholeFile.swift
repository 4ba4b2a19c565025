import CLibc
import Channel

/// The largest file that `readFile` reads, in bytes.
public let longestFile = 1 << 26

/// The contents of a regular file; nil when there is no such file.
///
/// - Throws: `.failed`.
public func readFile(_ path: Bytes) throws(ChannelError) -> Bytes? {
    let descriptor = path.withCString { open_file($0, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0) }
    guard descriptor >= 0 else {
        if errno == ENOENT { return nil }
        throw ChannelError(.failed, "cannot open \(path): \(errorText(errno))")
    }
    defer { _ = close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & mode_t(S_IFMT) == mode_t(S_IFREG),
        status.st_size <= longestFile
    else { throw ChannelError(.failed, "cannot read \(path): it is no file of a sensible size") }
    // One more than its size tells whether it ends there.
    var contents = [UInt8](repeating: 0, count: Int(status.st_size) + 1)
    var length = 0
    while length < contents.count {
        let count = contents.withUnsafeMutableBytes { read(descriptor, $0.baseAddress! + length, $0.count - length) }
        if count == 0 { break }
        if count < 0 {
            if errno == EINTR { continue }
            throw ChannelError(.failed, "cannot read \(path): \(errorText(errno))")
        }
        length += count
    }
    guard length == Int(status.st_size) else { throw ChannelError(.failed, "\(path) changes while it is read") }
    contents.removeLast()
    return Bytes(contents)
}

/// A file that is to take the place of another, all at once.
public struct Replacement {
    private let path: Bytes
    private let temporary: Bytes

    /// Writes the new contents beside it, at `temporary`, with mode 0600.
    ///
    /// - Throws: `.failed`; then nothing is left.
    public init(of path: Bytes, with contents: Bytes, at temporary: Bytes) throws(ChannelError) {
        self.path = path
        self.temporary = temporary
        // One of a program that died is in the way.
        _ = temporary.withCString { unlink($0) }
        let descriptor = temporary.withCString {
            open_file($0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        }
        guard descriptor >= 0 else { throw ChannelError(.failed, "cannot write \(temporary): \(errorText(errno))") }
        var failure: Int32 = 0
        var length = 0
        while length < contents.count, failure == 0 {
            let count = contents.array.withUnsafeBytes { write(descriptor, $0.baseAddress! + length, $0.count - length) }
            if count > 0 { length += count } else if errno != EINTR { failure = count < 0 ? errno : ENOSPC }
        }
        if close(descriptor) != 0, failure == 0 { failure = errno }
        guard failure == 0 else {
            discard()
            throw ChannelError(.failed, "cannot write \(temporary): \(errorText(failure))")
        }
    }

    /// Puts it in place.
    ///
    /// - Throws: `.failed`; then the old file is still there, and nothing else.
    public func commit() throws(ChannelError) {
        let renamed = temporary.withCString { new in path.withCString { rename(new, $0) } }
        guard renamed != 0 else { return }
        let number = errno
        discard()
        throw ChannelError(.failed, "cannot replace \(path): \(errorText(number))")
    }

    /// Takes it away, unused.
    public func discard() {
        _ = temporary.withCString { unlink($0) }
    }
}
