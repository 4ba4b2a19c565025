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
    /// The directory in which it is; see `init`.
    public let directory: FileIdentity
    private let path: Bytes
    /// The socket's own file, so that `unlink` removes no other.
    private let file: FileIdentity

    /// - Parameter directory: where it was before, when it is opened again.
    /// - Throws: `.failed` with the path and the cause; then nothing is left.
    public init(_ path: Bytes, in directory: FileIdentity? = nil) throws(ChannelError) {
        guard UnixAddress(path) != nil else { throw ChannelError(.failed, "\(path) is too long for a socket") }
        self = try withParentDirectory(of: path, to: "bind", sameAs: directory) { (directory) throws(ChannelError) in
            try ListeningSocket(path, directory)
        }
    }

    private init(_ path: Bytes, _ directory: ParentDirectory) throws(ChannelError) {
        try Self.removeStale(path, directory)
        let descriptor = try failing(as: "cannot open a socket") { () throws(Errno) in try unixSocket() }
        do throws(ChannelError) {
            try failing(as: "cannot bind \(path)") { () throws(Errno) in
                // bind gives the file the socket's own mode, less the umask, which is every thread's.
                _ = try valueOrErrno(.bind) { fchmod(descriptor, 0o700) }
                try Self.bind(descriptor, path, directory)
            }
            do throws(ChannelError) {
                file = try failing(as: "cannot listen on \(path)") { () throws(Errno) in
                    _ = try valueOrErrno(.listen) { listen(descriptor, 16) }
                    return try directory.status(of: directory.name).identity
                }
            } catch {
                directory.remove(directory.name)
                throw error
            }
        } catch {
            _ = CLibc.close(descriptor)
            throw error
        }
        self.path = path
        self.descriptor = descriptor
        self.directory = directory.identity
    }

    /// Binds a socket to the path itself if nobody but root can change the way
    /// there: it is what others see of it, and what QEMU removes. Else by the directory's descriptor.
    private static func bind(_ descriptor: Int32, _ path: Bytes, _ directory: ParentDirectory) throws(Errno) {
        guard !directory.isRootsAlone else { return try bind(descriptor, UnixAddress(path)) }
        let place = directoryPath(directory.descriptor)
        if let address = UnixAddress(place / directory.name) { return try bind(descriptor, address) }
        // The name alone fits: by a short one first.
        let short = Bytes(".xlchannel-") + Bytes(decimal: directory.descriptor)
        try bind(descriptor, UnixAddress(place / short))
        defer { directory.remove(short) }
        _ = try valueOrErrno(.bind) {
            short.withCString { old in
                directory.name.withCString { linkat(directory.descriptor, old, directory.descriptor, $0, 0) }
            }
        }
    }

    private static func bind(_ descriptor: Int32, _ address: UnixAddress?) throws(Errno) {
        guard var address else { throw Errno(ENAMETOOLONG) }
        _ = try valueOrErrno(.bind) { address.withPointer { CLibc.bind(descriptor, $0, $1) } }
    }

    /// Removes a socket that nobody listens on; anything else at `path` is left alone.
    public static func removeStale(_ path: Bytes) {
        try? withParentDirectory(of: path, to: "remove") { (directory) throws(ChannelError) in
            try removeStale(path, directory)
        }
    }

    /// Removes a socket that nobody listens on; anything else there is an error.
    private static func removeStale(_ path: Bytes, _ directory: ParentDirectory) throws(ChannelError) {
        guard let status = try? directory.status(of: directory.name) else { return }
        guard status.isSocket else {
            throw ChannelError(.failed, "cannot bind \(path): a file that is no socket is there")
        }
        let isStale = try failing(as: "cannot bind \(path)") { () throws(Errno) in
            // By its own descriptor: what is at the path then might be another.
            let file = try openPlace(directory.name, O_NOFOLLOW, in: directory.descriptor)
            defer { _ = close(file) }
            guard try FileSystem.status(of: file).isSocket else { return false }
            return try !isListening(file)
        }
        guard isStale else { throw ChannelError(.failed, "cannot bind \(path): another program listens there") }
        directory.remove(directory.name)
    }

    /// Whether somebody listens on the socket at a place.
    private static func isListening(_ place: Int32) throws(Errno) -> Bool {
        guard var address = UnixAddress(directoryPath(place)) else { return true }
        let probe = try unixSocket()
        defer { _ = CLibc.close(probe) }
        do throws(Errno) {
            _ = try valueOrErrno(.connect) { address.withPointer { connect(probe, $0, $1) } }
        } catch {
            return error.number != ECONNREFUSED
        }
        return true
    }

    /// Where the kernel shows what a descriptor is of.
    private static func directoryPath(_ descriptor: Int32) -> Bytes {
        Bytes("/proc/self/fd") / descriptor
    }

    /// Removes the socket's file, unless another took its place. To be called
    /// while the descriptor is open: then no other file has its inode.
    public func unlink() {
        try? withParentDirectory(of: path, to: "remove", sameAs: directory) { (directory) throws(ChannelError) in
            guard let status = try? directory.status(of: directory.name), status.identity == file else { return }
            directory.remove(directory.name)
        }
    }
}

private func unixSocket() throws(Errno) -> Int32 {
    let type = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
    return try valueOrErrno(.socket) { beyond_standard_streams(socket(AF_UNIX, Int32(type), 0)) }
}
