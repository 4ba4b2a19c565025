import CLibc
import Channel
import Synchronization

@testable import Backend
@testable import XenStore

/// A xenstored in this process, at the other end of a socket pair: it answers
/// when it is told to, rightly or not.
final class FakeStore: @unchecked Sendable {
    var nodes: [String: [UInt8]] = [:]
    /// The errors of the nodes that are refused.
    var refused: [String: String] = [:]
    /// How many commits are refused because of others' changes.
    var conflicts = 0
    /// It takes requests and does not answer.
    var isSilent = false
    /// It does not listen.
    var isGone = false
    /// After so many replies it hangs up.
    var repliesLeft = Int.max
    /// Lies: changes a reply's type, number or payload.
    var lie: ((inout UInt32, inout UInt32, inout [UInt8]) -> Void)?
    /// The requests that came: a letter for the kind, and the path.
    var requests: [String] = []
    private(set) var connections = 0
    private(set) var watches: [(path: String, token: String)] = []

    private var line: Int32 = -1
    private var input: [UInt8] = []
    private var output: [UInt8] = []
    private var transactions: [UInt32: [(path: String, value: [UInt8]?)]] = [:]
    private var nextTransaction: UInt32 = 1
    private let isStopping = Atomic(false)
    /// While a test connects, a thread may serve already.
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

    var openTransactions: Int { transactions.count }

    init() {
        nodes["/local/domain/0/domid"] = [UInt8]("0".utf8)
        pthread_mutex_init(lock, nil)
    }

    deinit {
        hangUp()
        pthread_mutex_destroy(lock)
        lock.deallocate()
    }

    func connect() throws(StoreError) -> StoreConnection {
        if isGone { throw .disconnected(ECONNREFUSED) }
        var ends: [Int32] = [-1, -1]
        _ = socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends)
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        hangUp()
        connections += 1
        line = ends[1]
        return StoreConnection(descriptor: ends[0], isSocket: true)
    }

    func hangUp() {
        if line >= 0 { close(line) }
        line = -1
        input = []
        output = []
        watches = []
        transactions = [:]
    }

    /// Serves in a thread of its own during a call that waits.
    func whileServing<Result>(_ body: () throws -> Result) rethrows -> Result {
        var thread = pthread_t()
        isStopping.store(false, ordering: .releasing)
        pthread_create(&thread, nil, { argument in
            let store = Unmanaged<FakeStore>.fromOpaque(argument!).takeUnretainedValue()
            while !store.isStopping.load(ordering: .acquiring) {
                if !store.serve() { usleep(200) }
            }
            return nil
        }, Unmanaged.passUnretained(self).toOpaque())
        defer {
            isStopping.store(true, ordering: .releasing)
            pthread_join(thread, nil)
        }
        return try body()
    }

    /// Takes what has come, and answers it; false when there was nothing.
    @discardableResult func serve() -> Bool {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return serveNow()
    }

    private func serveNow() -> Bool {
        guard line >= 0 else { return false }
        let hasSent = flush()
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let count = recv(line, &buffer, buffer.count, 0)
        guard count > 0 else {
            if count == 0 { hangUp() }
            return hasSent
        }
        input += buffer[..<count]
        while input.count >= 16 {
            let header = input.withUnsafeBytes { raw in (0..<4).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self) } }
            let end = 16 + Int(header[3])
            guard input.count >= end else { break }
            let payload = [UInt8](input[16..<end])
            input.removeFirst(end)
            answer(Operation(rawValue: header[0])!, header[1], header[2], payload)
        }
        return true
    }

    private func answer(_ operation: Operation, _ id: UInt32, _ transaction: UInt32, _ payload: [UInt8]) {
        let parts = payload.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
        var path = String(decoding: parts[0], as: UTF8.self)
        if !path.hasPrefix("/"), operation != .transactionEnd { path = "/local/domain/0/" + path }
        let rest = parts.count > 1 ? [UInt8](parts[1]) : []
        requests.append("\(operation) \(path)")
        if isSilent { return }
        let isCommit = operation == .transactionEnd && path == "T"
        do {
            let reply = try perform(operation, path, rest, transaction)
            say(operation.rawValue, id, reply)
        } catch {
            say(Operation.error.rawValue, id, [UInt8](error.name.utf8) + [0])
            if isCommit { transactions[transaction] = nil }
        }
    }

    private struct Refusal: Error { let name: String }

    private func perform(
        _ operation: Operation, _ path: String, _ rest: [UInt8], _ transaction: UInt32
    ) throws(Refusal) -> [UInt8] {
        if let name = refused[path], operation != .directoryPart || refused["parts"] != nil { throw Refusal(name: name) }
        let ok = [UInt8]("OK\0".utf8)
        switch operation {
        case .read:
            guard let value = nodes[path] else { throw Refusal(name: "ENOENT") }
            return value
        case .directory, .directoryPart:
            guard nodes[path] != nil else { throw Refusal(name: "ENOENT") }
            var listing: [UInt8] = []
            for child in children(of: path) { listing += [UInt8](child.utf8) + [0] }
            if operation == .directory {
                if listing.count > Wire.payloadLimit { throw Refusal(name: "E2BIG") }
                return listing
            }
            let offset = Int(String(decoding: rest.prefix { $0 != 0 }, as: UTF8.self))!
            var end = min(listing.count, offset + 2000)
            while end > offset, listing[end - 1] != 0 { end -= 1 }
            return [UInt8]("1\0".utf8) + listing[offset..<end] + (end == listing.count ? [0] : [])
        case .write:
            if transaction == 0 { change(path, rest) } else { transactions[transaction]?.append((path, rest)) }
        case .remove:
            if transaction == 0 { change(path, nil) } else { transactions[transaction]?.append((path, nil)) }
        case .watch:
            let token = String(decoding: rest.prefix { $0 != 0 }, as: UTF8.self)
            if watches.contains(where: { $0 == (path, token) }) { throw Refusal(name: "EEXIST") }
            watches.append((path, token))
            tell(path, token)
        case .unwatch:
            let token = String(decoding: rest.prefix { $0 != 0 }, as: UTF8.self)
            watches.removeAll { $0 == (path, token) }
        case .transactionStart:
            nextTransaction += 1
            transactions[nextTransaction] = []
            return [UInt8]("\(nextTransaction)\0".utf8)
        case .transactionEnd:
            guard let changes = transactions[transaction] else { throw Refusal(name: "ENOENT") }
            if path == "T", conflicts > 0 {
                conflicts -= 1
                throw Refusal(name: "EAGAIN")
            }
            transactions[transaction] = nil
            if path == "T" { for (path, value) in changes { change(path, value) } }
        default:
            throw Refusal(name: "ENOSYS")
        }
        return ok
    }

    func children(of path: String) -> [String] {
        let prefix = path + "/"
        return nodes.keys.filter { $0.hasPrefix(prefix) && !$0.dropFirst(prefix.count).contains("/") }
            .map { String($0.dropFirst(prefix.count)) }.sorted()
    }

    /// Writes or removes a node as any client would, and tells those who watch.
    func change(_ path: String, _ value: [UInt8]?) {
        if let value {
            var parent = path
            while let slash = parent.lastIndex(of: "/"), slash != parent.startIndex {
                parent = String(parent[..<slash])
                if nodes[parent] == nil { nodes[parent] = [] }
            }
            nodes[path] = value
        } else {
            nodes = nodes.filter { $0.key != path && !$0.key.hasPrefix(path + "/") }
        }
        for watch in watches where path == watch.path || path.hasPrefix(watch.path + "/") { tell(path, watch.token) }
    }

    func tell(_ path: String, _ token: String) {
        send(Operation.watchEvent.rawValue, 0, [UInt8]("\(path)\0\(token)\0".utf8))
    }

    func say(_ type: UInt32, _ id: UInt32, _ payload: [UInt8]) {
        guard repliesLeft > 0 else { return hangUp() }
        repliesLeft -= 1
        var (type, id, payload) = (type, id, payload)
        lie?(&type, &id, &payload)
        send(type, id, payload)
    }

    private func send(_ type: UInt32, _ id: UInt32, _ payload: [UInt8]) {
        guard line >= 0 else { return }
        var message: [UInt8] = []
        for word in [type, id, 0, UInt32(payload.count)] { withUnsafeBytes(of: word) { message.append(contentsOf: $0) } }
        output += message + payload
        flush()
    }

    /// Sends what fits; false when there is nothing, or no place for it.
    @discardableResult private func flush() -> Bool {
        guard line >= 0, !output.isEmpty else { return false }
        let count = CLibc.send(line, output, output.count, Int32(MSG_NOSIGNAL))
        if count > 0 { output.removeFirst(count) }
        return count > 0
    }
}
