import CLibc
import Channel

/// A lock that other programs take too: an exclusive flock on a file that is
/// there only while somebody holds it, or waits for it (libxl__lock_file).
public struct LockFile {
    private let path: Bytes
    private let descriptor: Int32

    /// Takes the lock, waiting for whoever holds it until `deadline` (see `now`).
    ///
    /// - Returns: nil when the file's directory is not there.
    /// - Throws: `.timedOut`, `.failed`.
    public static func take(_ path: Bytes, until deadline: Int64) throws(ChannelError) -> LockFile? {
        var pause: Int32 = 1
        while true {
            let descriptor = path.withCString { open_file($0, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666) }
            guard descriptor >= 0 else {
                if errno == ENOENT { return nil }
                throw ChannelError(.failed, "cannot open the lock \(path): \(errorText(errno))")
            }
            var isHeld = flock(descriptor, LOCK_EX | LOCK_NB) == 0
            let failure = isHeld ? 0 : errno
            // Who held it before took the file away; then this lock is on a file that nobody finds.
            if isHeld { isHeld = isSameFile(descriptor, path) }
            if isHeld { return LockFile(path: path, descriptor: descriptor) }
            _ = close(descriptor)
            guard failure == 0 || failure == EWOULDBLOCK || failure == EINTR else {
                throw ChannelError(.failed, "cannot take the lock \(path): \(errorText(failure))")
            }
            guard now() < deadline else {
                throw ChannelError(.timedOut, "another program holds the lock \(path)")
            }
            if failure == EWOULDBLOCK {
                _ = poll(nil, 0, pause)
                pause = min(2 * pause, 50)
            }
        }
    }

    /// Gives the lock back. The file goes first: whoever opens it from now on makes a new one.
    public func release() {
        _ = path.withCString { unlink($0) }
        // A child of the program may have the descriptor too.
        flock(descriptor, LOCK_UN)
        _ = close(descriptor)
    }

    private static func isSameFile(_ descriptor: Int32, _ path: Bytes) -> Bool {
        var opened = stat()
        var named = stat()
        return fstat(descriptor, &opened) == 0 && path.withCString({ lstat($0, &named) }) == 0
            && opened.st_ino == named.st_ino && opened.st_dev == named.st_dev
    }
}
