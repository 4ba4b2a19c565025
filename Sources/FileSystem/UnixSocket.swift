import CLibc
import Channel

/// Connects to a Unix stream socket; the descriptor does not block.
///
/// - Returns: the descriptor, or the negative of an errno.
public func connectToSocket(_ path: Bytes, until deadline: Int64) -> Int32 {
    guard var address = UnixAddress(path) else { return -ENAMETOOLONG }
    let descriptor = unixSocket()
    guard descriptor >= 0 else { return -errno }
    while true {
        if address.withPointer({ connect(descriptor, $0, $1) }) == 0 { return descriptor }
        let failure = errno
        // The queue of a busy listener is full: there is nothing to poll for.
        if failure == EAGAIN || failure == EINTR, now() < deadline {
            _ = poll(nil, 0, 1)
            continue
        }
        _ = close(descriptor)
        return -failure
    }
}

/// A Unix stream socket that listens at a path, for its owner alone.
///
/// A stale socket there is replaced; any other file, and a socket on which
/// somebody listens, is left alone.
public struct ListeningSocket {
    /// Does not block; the holder's to close.
    public let descriptor: Int32
    private let path: Bytes
    /// The socket's own inode, so that `unlink` takes away no other file.
    private let inode: UInt
    private let device: UInt

    /// - Throws: `.failed` with the path and the cause; then nothing is left.
    public init(_ path: Bytes) throws(ChannelError) {
        guard var address = UnixAddress(path) else { throw ChannelError(.failed, "\(path) is too long for a socket") }
        try Self.removeStale(path, &address)
        let descriptor = unixSocket()
        guard descriptor >= 0 else { throw ChannelError(.failed, "cannot open a socket: \(errorText(errno))") }
        // bind gives the file the socket's own mode, less the umask, which is every thread's.
        guard fchmod(descriptor, 0o700) == 0, address.withPointer({ bind(descriptor, $0, $1) }) == 0 else {
            let number = errno
            _ = CLibc.close(descriptor)
            throw ChannelError(.failed, "cannot bind \(path): \(errorText(number))")
        }
        var status = stat()
        guard listen(descriptor, 16) == 0, path.withCString({ lstat($0, &status) }) == 0 else {
            let number = errno
            _ = path.withCString { CLibc.unlink($0) }
            _ = CLibc.close(descriptor)
            throw ChannelError(.failed, "cannot listen on \(path): \(errorText(number))")
        }
        self.path = path
        self.descriptor = descriptor
        inode = status.st_ino
        device = status.st_dev
    }

    /// Takes away a socket that nobody listens on; anything else at `path` is left alone.
    public static func removeStale(_ path: Bytes) {
        guard var address = UnixAddress(path) else { return }
        try? removeStale(path, &address)
    }

    /// Takes away a socket that nobody listens on; anything else there is an error.
    private static func removeStale(_ path: Bytes, _ address: inout UnixAddress) throws(ChannelError) {
        var status = stat()
        guard path.withCString({ lstat($0, &status) }) == 0 else { return }
        guard status.st_mode & mode_t(S_IFMT) == mode_t(S_IFSOCK) else {
            throw ChannelError(.failed, "cannot bind \(path): a file that is no socket is there")
        }
        let probe = unixSocket()
        guard probe >= 0 else { throw ChannelError(.failed, "cannot open a socket: \(errorText(errno))") }
        defer { _ = close(probe) }
        let refused = address.withPointer { connect(probe, $0, $1) } != 0 && errno == ECONNREFUSED
        guard refused else { throw ChannelError(.failed, "cannot bind \(path): another program listens there") }
        _ = path.withCString { CLibc.unlink($0) }
    }

    /// Takes away the socket's file, unless another took its place. To be
    /// called while the descriptor is open: then no other file has its inode.
    public func unlink() {
        var status = stat()
        if path.withCString({ lstat($0, &status) }) == 0, status.st_ino == inode, status.st_dev == device {
            _ = path.withCString { CLibc.unlink($0) }
        }
    }
}

private func unixSocket() -> Int32 {
    beyond_standard_streams(socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0))
}
