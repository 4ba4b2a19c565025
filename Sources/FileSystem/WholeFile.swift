import CLibc
import Channel
import System

/// The largest file that `readFile` reads, in bytes.
public let longestFile = 1 << 26

/// The contents of a regular file; nil when there is no such file.
///
/// - Throws: `.failed`.
public func readFile(_ path: Bytes) throws(ChannelError) -> Bytes? {
    let descriptor: Int32
    do throws(Errno) {
        descriptor = try openFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    } catch {
        if error.number == ENOENT { return nil }
        throw ChannelError(.failed, "cannot open \(path): \(error)")
    }
    defer { _ = close(descriptor) }
    guard let status = try? status(of: descriptor), status.isRegularFile, status.st_size <= longestFile else {
        throw ChannelError(.failed, "cannot read \(path): it is no file of a sensible size")
    }
    // One more than its size tells whether it ends there.
    var contents = [UInt8](repeating: 0, count: Int(status.st_size) + 1)
    var length = 0
    try failing(as: "cannot read \(path)") { () throws(Errno) in
        while length < contents.count {
            let count = try valueOrErrno(.read) {
                contents.withUnsafeMutableBytes { read(descriptor, $0.baseAddress! + length, $0.count - length) }
            }
            if count == 0 { break }
            length += count
        }
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
        removeFile(temporary)
        try failing(as: "cannot write \(temporary)") { () throws(Errno) in
            let descriptor = try openFile(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
            do throws(Errno) {
                try writeAll(contents.array, to: descriptor)
            } catch {
                _ = close(descriptor)
                removeFile(temporary)
                throw error
            }
            // NFS tells only now that there was no room.
            guard close(descriptor) != 0 else { return }
            let error = Errno(errno)
            removeFile(temporary)
            throw error
        }
    }

    /// Puts it in place.
    ///
    /// - Throws: `.failed`; then the old file is still there, and nothing else.
    public func commit() throws(ChannelError) {
        do throws(Errno) {
            _ = try valueOrErrno(.rename) {
                temporary.withCString { new in path.withCString { rename(new, $0) } }
            }
        } catch {
            discard()
            throw ChannelError(.failed, "cannot replace \(path): \(error)")
        }
    }

    /// Removes it, unused.
    public func discard() {
        removeFile(temporary)
    }
}
