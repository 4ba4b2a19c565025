import CLibc
import CXenIO
import Channel
import FileSystem
import System
import XenConsole

/// PATH: what the guest writes is appended to a file.
///
/// A write that fails leaves the bytes in the ring, so that a full disk stops
/// the guest instead of losing its log. Each write is announced in the journal
/// first: a daemon that was killed between the write and the ring's update
/// tells from the file's size what was delivered.
final class FileEndpoint: Endpoint {
    private let path: Bytes
    private let journal: Journal
    private let owner: ConsoleAddress
    private var entry: Int?
    private var descriptor: Int32 = -1
    /// Where the file was found at first.
    private var directory: FileIdentity?

    init(_ path: Bytes, _ journal: Journal, _ owner: ConsoleAddress) {
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
        // On error the entry stays: it may tell of a write before the daemon was killed.
        descriptor = try openedFile()
    }

    private func openedFile() throws(ChannelError) -> Int32 {
        let file = try LogFile(path, in: directory)
        directory = file.directory
        return file.descriptor
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

    override func reopen() throws(ChannelError) {
        guard descriptor >= 0 else { return }
        // The file that is open is locked: it was not moved away.
        if let own = try? status(of: descriptor), let named = try? status(of: path), own.isSameFile(as: named) { return }
        // When the path cannot be opened now, the old file goes on.
        let new = try openedFile()
        closeFile()
        descriptor = new
    }

    override func write(_ segments: Ring.Segments, at position: UInt32) -> Outcome {
        guard descriptor >= 0, let entry else { return .failed(Errno(EBADF)) }
        do throws(Errno) {
            let extent = try extent()
            journal.begin(
                entry, position: position, count: segments.count, size: Int64(extent.size), inode: UInt64(extent.inode))
            let count = try valueOrErrno(.write) { withVector(segments) { writev(descriptor, $0, $1) } }
            guard count > 0 else { throw Errno(ENOSPC) }
            return .took(count)
        } catch {
            journal.end(entry)
            return .failed(error)
        }
    }

    private func extent() throws(Errno) -> file_extent {
        var extent = file_extent()
        _ = try valueOrErrno(.stat) { file_extent(descriptor, &extent) }
        return extent
    }

    override func consumed() {
        if let entry { journal.end(entry) }
    }

    override func delivered(_ ring: RingLocation, from position: UInt32, of count: Int) -> Int {
        guard let entry, descriptor >= 0, let extent = try? extent() else { return 0 }
        return min(count, journal.delivered(
            entry, ring, position: position, size: Int64(extent.size), inode: UInt64(extent.inode)))
    }

    override func start(_ ring: RingLocation) {
        if let entry { journal.start(entry, ring) }
    }
}
