import CLibc
import CXenIO
import Channel
import XenStore

/// PATH: what the guest writes is appended to a file.
///
/// A write that fails leaves the bytes in the ring, so that a full disk stops
/// the guest instead of losing its log. Each write is announced in the journal
/// first: a daemon that was killed between the write and the ring's update
/// tells from the file's size what was delivered.
final class PathSink: Sink {
    private let path: Bytes
    private let journal: Journal
    private let owner: Journal.Owner
    private var entry: Int?
    private var descriptor: Int32 = -1

    init(_ path: Bytes, _ journal: Journal, _ owner: Journal.Owner) {
        self.path = path
        self.journal = journal
        self.owner = owner
    }

    deinit {
        closeFile()
    }

    override func open() throws(ChannelError) {
        entry = journal.entry(of: owner)
        guard entry != nil else { throw ChannelError(.failed, "the journal has no place for \(path)") }
        do throws(ChannelError) {
            descriptor = try Self.openFile(path)
        } catch {
            // The entry stays: it may tell of a write before the daemon was killed.
            throw error
        }
    }

    private static func openFile(_ path: Bytes) throws(ChannelError) -> Int32 {
        var status = stat()
        // A look first, since opening alone can already do something to a device.
        if path.withCString({ lstat($0, &status) }) == 0 { try check(path, status) }
        // O_NONBLOCK: opening a FIFO must not hang.
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY
        let descriptor = path.withCString { open_file($0, flags, 0o600) }
        guard descriptor >= 0 else {
            throw ChannelError(.failed, "cannot open \(path): \(errorText(errno))")
        }
        do throws(ChannelError) {
            fstat(descriptor, &status)
            try check(path, status)
        } catch {
            _ = CLibc.close(descriptor)
            throw error
        }
        return descriptor
    }

    private static func check(_ path: Bytes, _ status: stat) throws(ChannelError) {
        let type = status.st_mode & mode_t(S_IFMT)
        guard type != mode_t(S_IFREG) else { return }
        let cause = type == mode_t(S_IFLNK) ? "it is a symbolic link" : "it is not a regular file"
        throw ChannelError(.failed, "cannot open \(path): \(cause)")
    }

    override func close() {
        if let entry { journal.release(entry) }
        entry = nil
        closeFile()
    }

    private func closeFile() {
        if descriptor >= 0 { _ = CLibc.close(descriptor) }
        descriptor = -1
    }

    override func reopen() {
        // When the path cannot be opened now, the old file goes on.
        guard let new = try? Self.openFile(path) else { return }
        closeFile()
        descriptor = new
    }

    override func write(_ segments: Ring.Segments, at position: UInt32) -> Outcome {
        guard descriptor >= 0, let entry else { return .failed(EBADF) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return .failed(errno) }
        journal.begin(
            entry, position: position, count: segments.count, size: Int64(status.st_size), inode: UInt64(status.st_ino))
        let count = withVector(segments) { writev(descriptor, $0, $1) }
        if count > 0 { return .took(count) }
        let number = count < 0 ? errno : ENOSPC
        journal.end(entry)
        return number == EINTR ? .took(0) : .failed(number)
    }

    override func consumed() {
        if let entry { journal.end(entry) }
    }

    override func delivered(from position: UInt32, of count: Int) -> Int {
        guard let entry else { return 0 }
        defer { journal.end(entry) }
        var status = stat()
        guard descriptor >= 0, fstat(descriptor, &status) == 0 else { return 0 }
        return min(count, journal.delivered(entry, position: position, size: Int64(status.st_size), inode: UInt64(status.st_ino)))
    }
}
