import CLibc
import Channel
import FileSystem
import System
import XenConsole

/// The sockets that the daemon has made, in a file of the run directory: one
/// that was killed leaves them, and their channels may go while none runs.
///
/// What the file says is not believed: only a socket that nobody listens on is
/// removed, by the same rules by which it was made.
final class SocketList {
    private struct Entry {
        let owner: ConsoleAddress
        let path: Bytes
        /// Whether this process has made it.
        let isOpen: Bool
    }

    private let descriptor: Int32
    private var entries: [Entry?] = []
    private static var capacity: Int { 16384 }
    /// An entry in the file: its owner, and the path, with zeroes after it.
    private static var header: Int { 8 }
    private static var longest: Int { 108 }
    private static var stride: Int { header + longest }

    private init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        _ = CLibc.close(descriptor)
    }

    /// Opens or creates the file; the journal's lock is on it too.
    static func open(_ path: Bytes) throws(ChannelError) -> SocketList {
        let list = SocketList(try failing(as: "cannot open \(path)") { () throws(Errno) in
            try openFile(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, mode: 0o600)
        })
        var contents: [UInt8] = []
        try failing(as: "cannot read \(path)") { () throws(Errno) in
            while contents.count < capacity * stride,
                try receive(from: list.descriptor, atMost: 16384, { contents.append(contentsOf: $0) }) > 0
            {}
        }
        for start in Swift.stride(from: 0, through: contents.count - stride, by: stride) where list.entries.count < capacity {
            list.entries.append(entry(contents[start..<start + stride]))
        }
        return list
    }

    private static func entry(_ bytes: ArraySlice<UInt8>) -> Entry? {
        func number(_ offset: Int) -> UInt32 {
            bytes.dropFirst(offset).prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
        }
        let path = Bytes(bytes.dropFirst(header).prefix { $0 != 0 })
        // domid + 1, so that 0 stands for no owner.
        guard number(0) != 0, path.array.first == UInt8(ascii: "/"),
            let owner = ConsoleAddress(domid: number(0) &- 1, number: UInt64(number(4)))
        else { return nil }
        return Entry(owner: owner, path: path, isOpen: false)
    }

    /// A socket is about to be made. If there is no room to note it, it is made all the same.
    func add(_ path: Bytes, of owner: ConsoleAddress) {
        guard path.count <= Self.longest else { return }
        if let index = index(of: owner) {
            if let old = entries[index], old.path != path { ListeningSocket.removeStale(old.path) }
            return set(index, Entry(owner: owner, path: path, isOpen: true))
        }
        let index = entries.firstIndex { $0 == nil } ?? entries.count
        guard index < Self.capacity else { return }
        if index == entries.count { entries.append(nil) }
        set(index, Entry(owner: owner, path: path, isOpen: true))
    }

    /// A channel has no socket any more; one of an earlier daemon's goes too, where none could be made.
    func remove(of owner: ConsoleAddress) {
        guard let index = index(of: owner) else { return }
        if let entry = entries[index] { ListeningSocket.removeStale(entry.path) }
        set(index, nil)
    }

    /// Removes the sockets that an earlier daemon left, but for those of owners that `isKept` says.
    func removeAll(but isKept: (ConsoleAddress) -> Bool) {
        for index in entries.indices {
            guard let entry = entries[index], !entry.isOpen, !isKept(entry.owner) else { continue }
            ListeningSocket.removeStale(entry.path)
            set(index, nil)
        }
    }

    private func index(of owner: ConsoleAddress) -> Int? {
        entries.firstIndex { $0?.owner == owner }
    }

    private func set(_ index: Int, _ entry: Entry?) {
        entries[index] = entry
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.stride)
        if let entry {
            for number in [entry.owner.domid &+ 1, entry.owner.number] {
                for shift in [0, 8, 16, 24] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
            }
            bytes.append(contentsOf: entry.path.array)
        }
        while bytes.count < Self.stride { bytes.append(0) }
        _ = try? valueOrErrno(.write) {
            bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, off_t(index * Self.stride)) }
        }
    }
}
