import CLibc
import Channel
import System

/// Opens a file. No other program inherits it, and its descriptor is above
/// those of the standard streams.
///
/// - Returns: the descriptor, the caller's to close.
public func openFile(
    _ path: Bytes, _ flags: Int32, mode: mode_t = 0, in directory: Int32 = AT_FDCWD
) throws(Errno) -> Int32 {
    try path.withCString { (path) throws(Errno) in
        try valueOrErrno(.open) { open_file(directory, path, flags | O_CLOEXEC, mode) }
    }
}

/// A descriptor that only names a file or directory: nothing is opened.
func openPlace(_ path: Bytes, _ flags: Int32, in directory: Int32 = AT_FDCWD) throws(Errno) -> Int32 {
    try path.withCString { (path) throws(Errno) in
        try valueOrErrno(.open) { open_place(directory, path, flags) }
    }
}

/// What kind of file an open descriptor is, and which file.
public func status(of descriptor: Int32) throws(Errno) -> stat {
    var status = stat()
    _ = try valueOrErrno(.stat) { fstat(descriptor, &status) }
    return status
}

/// The same of the file with a name; a symbolic link is told as itself.
public func status(of path: Bytes) throws(Errno) -> stat {
    var status = stat()
    try path.withCString { (path) throws(Errno) in
        _ = try valueOrErrno(.stat) { lstat(path, &status) }
    }
    return status
}

extension stat {
    public var isRegularFile: Bool { isOf(S_IFREG) }
    public var isSymbolicLink: Bool { isOf(S_IFLNK) }
    public var isSocket: Bool { isOf(S_IFSOCK) }
    public var isCharacterDevice: Bool { isOf(S_IFCHR) }

    private func isOf(_ type: Int32) -> Bool { st_mode & mode_t(S_IFMT) == mode_t(type) }

    /// Which file it is.
    var identity: FileIdentity { FileIdentity(device: st_dev, inode: st_ino) }

    /// Whether both are of one file, by whatever name.
    public func isSameFile(as other: stat) -> Bool {
        identity == other.identity
    }
}

/// Which file something is, by whatever name.
public struct FileIdentity: Sendable, Equatable {
    let device: dev_t
    let inode: ino_t
}

/// Removes a file, if it is there and can be.
public func removeFile(_ path: Bytes) {
    _ = path.withCString { unlink($0) }
}

/// Writes all of some bytes, waiting for nothing.
public func writeAll(_ bytes: [UInt8], to descriptor: Int32) throws(Errno) {
    var written = 0
    while written < bytes.count {
        let count = try valueOrErrno(.write) {
            bytes.withUnsafeBytes { write(descriptor, $0.baseAddress! + written, $0.count - written) }
        }
        guard count > 0 else { throw Errno(ENOSPC) }
        written += count
    }
}
