import CLibc
import CXenIO
import Channel
import FileSystem
import Synchronization
import System
import XenConsole

/// What the daemon is about to write to PATH files, in a file that is mapped
/// and so survives a kill (not the host's crash; neither does the guest).
///
/// An entry is written before a write to its file and cleared after the ring's
/// update. Found set by the next daemon, it tells by the file's growth how much
/// of the guest's bytes had arrived.
final class Journal {
    /// One entry, as it lies in the file; all zero when unused.
    private struct Entry {
        /// 1 while a write may be under way; stored last.
        var isSet: UInt32 = 0
        /// domid + 1, so that 0 stands for no owner.
        var domain: UInt32 = 0
        var console: UInt32 = 0
        /// The ring's index of the first byte, and the number of bytes.
        var position: UInt32 = 0
        var count: UInt32 = 0
        /// The grant of the ring's page, and below the guest's event channel.
        var reference: UInt32 = 0
        /// The file's size before the write, and which file it is.
        var size: Int64 = 0
        var inode: UInt64 = 0
        var port: UInt32 = 0
    }

    private let entries: UnsafeMutablePointer<Entry>
    /// Kept open, since it is locked.
    private let descriptor: Int32
    private static var capacity: Int { 16384 }
    private static var length: Int { capacity * MemoryLayout<Entry>.stride }
    /// What is kept of sockets, as the journal is of files.
    var sockets: SocketList?
    /// No entry from here on was ever used.
    private var end = 0

    /// Opens or creates the journal's file, all of it: in a hole, a full file
    /// system would end the daemon (SIGBUS). Its lock keeps a second daemon from
    /// serving the same channels.
    init(_ path: Bytes) throws(ChannelError) {
        let file = try failing(as: "cannot open \(path)") { () throws(Errno) in
            try openFile(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        }
        descriptor = file
        do throws(ChannelError) {
            entries = try Self.map(file, path)
        } catch {
            _ = CLibc.close(file)
            throw error
        }
        for index in 0..<Self.capacity where entries[index].domain != 0 { end = index + 1 }
    }

    private static func map(_ file: Int32, _ path: Bytes) throws(ChannelError) -> UnsafeMutablePointer<Entry> {
        do throws(Errno) {
            _ = try valueOrErrno(.lock) { flock(file, LOCK_EX | LOCK_NB) }
        } catch {
            guard error.isBlocked else { throw ChannelError(.failed, "cannot lock \(path): \(error)") }
            throw ChannelError(.failed, "another xenchanneld holds \(path)")
        }
        let memory = try failing(as: "cannot map \(path)") { () throws(Errno) in
            // One of another length has entries of another version's.
            if try status(of: file).st_size != length {
                _ = try valueOrErrno(.truncate) { ftruncate(file, 0) }
            }
            let failure = posix_fallocate(file, 0, length)
            guard failure == 0 else { throw Errno(failure) }
            let memory = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
            guard let memory, memory != UnsafeMutableRawPointer(bitPattern: -1) else { throw Errno(errno) }
            return memory
        }
        return memory.bindMemory(to: Entry.self, capacity: capacity)
    }

    deinit {
        munmap(entries, Self.length)
        _ = CLibc.close(descriptor)
    }

    /// The index of an owner's entry, old or new; nil when the journal is full.
    func entry(of owner: ConsoleAddress) -> Int? {
        // No domain has the last domid, which would stand for no owner.
        guard owner.domid < .max else { return nil }
        var free: Int?
        for index in 0..<end {
            if entries[index].domain == owner.domid &+ 1, entries[index].console == owner.number { return index }
            if entries[index].domain == 0, free == nil { free = index }
        }
        guard let index = free ?? (end < Self.capacity ? end : nil) else { return nil }
        entries[index] = Entry(domain: owner.domid &+ 1, console: owner.number)
        end = max(end, index + 1)
        return index
    }

    func release(_ index: Int) {
        entries[index] = Entry()
    }

    /// Frees the entries of all owners but those that `isKept` says.
    func releaseAll(but isKept: (ConsoleAddress) -> Bool) {
        for index in 0..<end where entries[index].domain != 0 {
            let owner = ConsoleAddress(domid: entries[index].domain &- 1, number: UInt64(entries[index].console))
            if owner.map(isKept) != true { release(index) }
        }
        sockets?.removeAll(but: isKept)
    }

    /// From now on the owner's bytes are those of this ring; of an earlier one nothing is under way.
    func start(_ index: Int, _ ring: RingLocation) {
        end(index)
        entries[index].reference = ring.reference
        entries[index].port = ring.port
    }

    func begin(_ index: Int, position: UInt32, count: Int, size: Int64, inode: UInt64) {
        entries[index].position = position
        entries[index].count = UInt32(count)
        entries[index].size = size
        entries[index].inode = inode
        // A killed process has executed its stores in order; the compiler must keep it.
        flag(index).pointee.store(1, ordering: .releasing)
    }

    func end(_ index: Int) {
        flag(index).pointee.store(0, ordering: .releasing)
    }

    /// How many of the ring's bytes from `position` on are in the file, which
    /// has this size now.
    func delivered(_ index: Int, _ ring: RingLocation, position: UInt32, size: Int64, inode: UInt64) -> Int {
        let entry = entries[index]
        guard flag(index).pointee.load(ordering: .acquiring) == 1,
            RingLocation(reference: entry.reference, port: entry.port) == ring,
            entry.position == position, entry.inode == inode, entry.size >= 0, size > entry.size
        else { return 0 }
        return Int(min(size - entry.size, Int64(entry.count)))
    }

    private func flag(_ index: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
        UnsafeMutableRawPointer(entries + index).assumingMemoryBound(to: Atomic<UInt32>.self)
    }
}
