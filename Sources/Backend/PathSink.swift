import CLibc
import CXenIO
import Channel
import FileSystem

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
            descriptor = try openLogFile(path)
        } catch {
            // The entry stays: it may tell of a write before the daemon was killed.
            throw error
        }
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
        guard descriptor >= 0, let new = try? openLogFile(path) else { return }
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

    override func delivered(_ ring: RingLocation, from position: UInt32, of count: Int) -> Int {
        var status = stat()
        guard let entry, descriptor >= 0, fstat(descriptor, &status) == 0 else { return 0 }
        return min(count, journal.delivered(
            entry, ring, position: position, size: Int64(status.st_size), inode: UInt64(status.st_ino)))
    }

    override func start(_ ring: RingLocation) {
        if let entry { journal.start(entry, ring) }
    }
}
