import CLibc
import Channel
import System

/// Connects to a Unix stream socket; the descriptor does not block.
///
/// - Returns: the descriptor, the caller's to close.
public func connectToSocket(_ path: Bytes, until deadline: Instant) throws(Errno) -> Int32 {
    guard var address = UnixAddress(path) else { throw Errno(ENAMETOOLONG) }
    let descriptor = try unixSocket()
    while true {
        do throws(Errno) {
            _ = try valueOrErrno(.connect) { address.withPointer { connect(descriptor, $0, $1) } }
            return descriptor
        } catch {
            // The queue of a busy listener is full: there is nothing to poll for.
            if error.isBlocked, Instant.now < deadline {
                pause(.milliseconds(1))
                continue
            }
            _ = close(descriptor)
            throw error
        }
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
    /// The socket's own file, so that `unlink` removes no other.
    private let file: stat

    /// - Throws: `.failed` with the path and the cause; then nothing is left.
    public init(_ path: Bytes) throws(ChannelError) {
        guard var address = UnixAddress(path) else { throw ChannelError(.failed, "\(path) is too long for a socket") }
        try Self.removeStale(path, &address)
        let descriptor = try failing(as: "cannot open a socket") { () throws(Errno) in try unixSocket() }
        do throws(ChannelError) {
            try failing(as: "cannot bind \(path)") { () throws(Errno) in
                // bind gives the file the socket's own mode, less the umask, which is every thread's.
                _ = try valueOrErrno(.bind) { fchmod(descriptor, 0o700) }
                _ = try valueOrErrno(.bind) { address.withPointer { bind(descriptor, $0, $1) } }
            }
            do throws(ChannelError) {
                file = try failing(as: "cannot listen on \(path)") { () throws(Errno) in
                    _ = try valueOrErrno(.listen) { listen(descriptor, 16) }
                    return try status(of: path)
                }
            } catch {
                removeFile(path)
                throw error
            }
        } catch {
            _ = CLibc.close(descriptor)
            throw error
        }
        self.path = path
        self.descriptor = descriptor
    }

    /// Removes a socket that nobody listens on; anything else at `path` is left alone.
    public static func removeStale(_ path: Bytes) {
        guard var address = UnixAddress(path) else { return }
        try? removeStale(path, &address)
    }

    /// Removes a socket that nobody listens on; anything else there is an error.
    private static func removeStale(_ path: Bytes, _ address: inout UnixAddress) throws(ChannelError) {
        guard let status = try? status(of: path) else { return }
        guard status.isSocket else {
            throw ChannelError(.failed, "cannot bind \(path): a file that is no socket is there")
        }
        let probe = try failing(as: "cannot open a socket") { () throws(Errno) in try unixSocket() }
        defer { _ = close(probe) }
        do throws(Errno) {
            _ = try valueOrErrno(.connect) { address.withPointer { connect(probe, $0, $1) } }
        } catch {
            if error.number == ECONNREFUSED { return removeFile(path) }
        }
        throw ChannelError(.failed, "cannot bind \(path): another program listens there")
    }

    /// Removes the socket's file, unless another took its place. To be called
    /// while the descriptor is open: then no other file has its inode.
    public func unlink() {
        if let status = try? status(of: path), status.isSameFile(as: file) { removeFile(path) }
    }
}

private func unixSocket() throws(Errno) -> Int32 {
    let type = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
    return try valueOrErrno(.socket) { beyond_standard_streams(socket(AF_UNIX, Int32(type), 0)) }
}
