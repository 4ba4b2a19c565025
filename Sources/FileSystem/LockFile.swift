import CLibc
import Channel
import System

/// A lock that other programs take too: an exclusive flock on a file that is
/// there only while somebody holds it, or waits for it (libxl__lock_file).
public struct LockFile {
    private let path: Bytes
    private let descriptor: Int32

    /// Takes the lock, waiting for whoever holds it until `deadline`.
    ///
    /// - Returns: nil when the file's directory is not there.
    /// - Throws: `.timedOut`, `.failed`.
    public static func take(_ path: Bytes, until deadline: Instant) throws(ChannelError) -> LockFile? {
        var pause = Interval.milliseconds(1)
        while true {
            let descriptor: Int32
            do throws(Errno) {
                descriptor = try openFile(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o666)
            } catch {
                if error.number == ENOENT { return nil }
                throw ChannelError(.failed, "cannot open the lock \(path): \(error)")
            }
            var isBusy = false
            do throws(Errno) {
                _ = try valueOrErrno(.lock) { flock(descriptor, LOCK_EX | LOCK_NB) }
                // If its last holder has removed the file, this lock is on a file that nobody finds.
                if isFile(descriptor, at: path) { return LockFile(path: path, descriptor: descriptor) }
                _ = close(descriptor)
            } catch {
                _ = close(descriptor)
                guard error.isBlocked else {
                    // The file stays: somebody else may hold it. The next holder removes it.
                    throw ChannelError(.failed, "cannot take the lock \(path): \(error)")
                }
                isBusy = true
            }
            guard Instant.now < deadline else {
                throw ChannelError(.timedOut, "another program holds the lock \(path)")
            }
            if isBusy {
                System.pause(pause)
                pause = min(pause + pause, .milliseconds(50))
            }
        }
    }

    /// Gives the lock back. The file goes first: whoever opens it from now on makes a new one.
    @inline(never)
    public func release() {
        removeFile(path)
        // A child of the program may have the descriptor too.
        flock(descriptor, LOCK_UN)
        _ = close(descriptor)
    }

    private static func isFile(_ descriptor: Int32, at path: Bytes) -> Bool {
        guard let opened = try? status(of: descriptor), let named = try? status(of: path) else { return false }
        return opened.isSameFile(as: named)
    }
}
