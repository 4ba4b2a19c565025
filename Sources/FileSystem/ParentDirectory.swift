import CLibc
import Channel
import System

/// The directory of a file that is to be opened, made or removed, found by a
/// way that nobody but root can lead elsewhere.
///
/// Directories on the way may be other users'. A symbolic link is followed only
/// if it is root's, and so are all directories before it, with nobody else to
/// write there: /var/run is such a link. The program's own user counts as root.
/// Where others can move directories about, ".." leads anywhere, and is refused.
struct ParentDirectory {
    let descriptor: Int32
    let identity: FileIdentity
    /// The file's name in it.
    let name: Bytes
    /// Whether nobody but root can change the way, or what is in the directory.
    let isRootsAlone: Bool

    private static var mostLinks: Int { 40 }

    fileprivate init(of path: Bytes) throws(WayError) {
        let slash = UInt8(ascii: "/")
        let end = path.array.lastIndex(of: slash)
        name = Bytes(path.array[(end.map { $0 + 1 } ?? 0)...])
        var way = end.map { path.array[...$0] } ?? []
        var here = try Self.start(way)
        do throws(WayError) {
            var links = 0
            var isRootsAlone = true
            // Whether others cannot move what is on the way; they may put something beside it.
            var isFixed = true
            while true {
                let status = try here.status()
                way = way.drop { $0 == slash }
                guard !way.isEmpty else {
                    identity = status.identity
                    self.isRootsAlone = isFixed && status.isRootsAlone
                    descriptor = here.descriptor
                    return
                }
                isRootsAlone = isRootsAlone && status.isRootsAlone
                isFixed = isFixed && (status.isRootsAlone || status.isRootsSticky)
                let step = Bytes(way.prefix { $0 != slash })
                way = way.dropFirst(step.count)
                if step == "..", !isRootsAlone { throw .leadsElsewhere(step) }
                guard let target = try here.enter(step, mayFollow: isRootsAlone) else { continue }
                links += 1
                guard links <= Self.mostLinks else { throw .fault(Errno(ELOOP)) }
                way = (target.array + [slash] + way)[...]
                guard target.array.first == slash else { continue }
                let root = try Self.start(way)
                here.close()
                here = root
            }
        } catch {
            here.close()
            throw error
        }
    }

    private static func start(_ way: ArraySlice<UInt8>) throws(WayError) -> Step {
        let name: Bytes = way.first == UInt8(ascii: "/") ? "/" : "."
        return Step(descriptor: try faulting { () throws(Errno) in try openPlace(name, O_DIRECTORY) })
    }

    func status(of name: Bytes) throws(Errno) -> stat {
        var status = stat()
        try name.withCString { (name) throws(Errno) in
            _ = try valueOrErrno(.stat) { fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) }
        }
        return status
    }

    func remove(_ name: Bytes) {
        _ = name.withCString { unlinkat(descriptor, $0, 0) }
    }
}

/// Where the way has led so far.
private struct Step {
    var descriptor: Int32

    func status() throws(WayError) -> stat {
        try faulting { () throws(Errno) in try FileSystem.status(of: descriptor) }
    }

    /// Goes on to a directory; the target of a symbolic link in its place.
    mutating func enter(_ name: Bytes, mayFollow: Bool) throws(WayError) -> Bytes? {
        do throws(Errno) {
            // O_DIRECTORY also mounts what automounters have there.
            let next = try openPlace(name, O_DIRECTORY | O_NOFOLLOW, in: descriptor)
            close()
            descriptor = next
            return nil
        } catch {
            guard error.number == ENOTDIR || error.number == ELOOP else { throw .fault(error) }
        }
        let link = Step(descriptor: try faulting { () throws(Errno) in try openPlace(name, O_NOFOLLOW, in: descriptor) })
        defer { link.close() }
        let status = try link.status()
        guard status.isSymbolicLink else { throw .fault(Errno(ENOTDIR)) }
        guard mayFollow, status.isRoots else { throw .leadsElsewhere(name) }
        var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = try faulting { () throws(Errno) in
            try valueOrErrno(.read) {
                target.withUnsafeMutableBytes {
                    readlinkat(link.descriptor, "", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
                }
            }
        }
        return Bytes(target[..<count])
    }

    func close() {
        _ = CLibc.close(descriptor)
    }
}

/// Why there is no way to a directory.
private enum WayError: Error {
    case fault(Errno)
    /// Others than root can choose where this leads.
    case leadsElsewhere(Bytes)
}

private func faulting<Result>(_ body: () throws(Errno) -> Result) throws(WayError) -> Result {
    do throws(Errno) {
        return try body()
    } catch {
        throw .fault(error)
    }
}

extension stat {
    fileprivate var isRoots: Bool { st_uid == 0 || st_uid == geteuid() }
    fileprivate var isRootsAlone: Bool { isRoots && st_mode & 0o022 == 0 }
    /// As /tmp: what is root's in it nobody else can move.
    fileprivate var isRootsSticky: Bool { isRoots && st_mode & 0o1000 != 0 }
}

/// Runs `body` with the directory of a file.
///
/// - Parameters:
///   - verb: what cannot be done with the path if there is no way to it.
///   - known: the directory that it was before. Where others than root could
///     have put another in its place, it must still be the same.
/// - Throws: `.failed`.
func withParentDirectory<Result>(
    of path: Bytes, to verb: StaticString, sameAs known: FileIdentity? = nil,
    _ body: (ParentDirectory) throws(ChannelError) -> Result
) throws(ChannelError) -> Result {
    let directory = try parentDirectory(of: path, to: verb, sameAs: known)
    defer { _ = close(directory.descriptor) }
    return try body(directory)
}

@inline(never)
private func parentDirectory(
    of path: Bytes, to verb: StaticString, sameAs known: FileIdentity?
) throws(ChannelError) -> ParentDirectory {
    let cause: Text
    do throws(WayError) {
        let directory = try ParentDirectory(of: path)
        if directory.isRootsAlone || directory.identity == known ?? directory.identity { return directory }
        _ = close(directory.descriptor)
        cause = "its directory is another one than before"
    } catch {
        switch error {
        case .fault(let error): cause = "\(error)"
        case .leadsElsewhere(let name): cause = "users other than root can change where \(name) leads"
        }
    }
    throw ChannelError(.failed, "cannot \(verb) \(path): \(cause)")
}
