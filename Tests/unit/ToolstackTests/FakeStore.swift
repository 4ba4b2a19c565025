import CLibc
import Channel
import System

@testable import XenStore

/// A xenstored in memory, with transactions and watches, which can be told to
/// fail at any message.
///
/// Nothing happens in it by itself: others, such as backends and guests, act
/// when somebody waits, and when they have nothing to do, time is up at once.
final class FakeStore: BatchRunner {
    struct Node: Equatable {
        var value: [UInt8] = []
        var permissions: [UInt8] = []
        /// Counts the changes of the node and of its list of children.
        fileprivate var generation = 0
    }

    enum Fault {
        /// The message is answered with an error and has no effect.
        case refuses(Int32)
        /// The connection breaks, before or after the message has its effect.
        case breaksBefore, breaksAfter
    }

    private struct Transaction {
        var nodes: [String: Node]
        let start: [String: Node]
        var touched: Set<String> = []
        var changed: [String] = []
    }

    private(set) var nodes: [String: Node] = ["": Node()]
    private var transactions: [UInt32: Transaction] = [:]
    private var lastTransaction: UInt32 = 0
    private var generation = 0
    private var waiters: [FakeWaiter] = []

    /// What others do when somebody waits, step by step.
    var others: [(FakeStore) -> Void] = []
    /// What others do before the next commit.
    var meanwhile: ((FakeStore) -> Void)?
    /// The message that fails, counted from 0; opening a connection to wait by counts too.
    var fault: (message: Int, Fault)?
    private(set) var messages = 0

    // MARK: for tests

    subscript(path: String) -> String? {
        get { nodes[path].map { String(decoding: $0.value, as: UTF8.self) } }
        set {
            if let newValue {
                write(path, [UInt8](newValue.utf8), in: 0)
            } else {
                remove(path, in: 0)
            }
        }
    }

    func children(_ path: String) -> [String] { children(path, in: nodes) }

    /// All nodes with their values and permissions.
    var contents: [String: String] {
        nodes.mapValues { "\(String(decoding: $0.value, as: UTF8.self)) \(String(decoding: $0.permissions, as: UTF8.self))" }
    }

    /// How the nodes differ from `contents` of before, one line each.
    func changes(since before: [String: String]) -> [String] {
        let now = contents
        return Set(before.keys).union(now.keys).sorted().filter { before[$0] != now[$0] }
            .map { "\($0): \(before[$0] ?? "-") -> \(now[$0] ?? "-")" }
    }

    /// Whether there is nothing new but empty directories: a removal of those
    /// that xenstored refuses does not hold up that of a device.
    func isClean(since before: [String: String]) -> Bool {
        changes(since: before).allSatisfy { $0.hasSuffix(": - ->  ") }
    }

    // MARK: the protocol

    func waiter() throws(StoreError) -> FakeWaiter {
        switch take() {
        case nil: break
        case .refuses?: throw .disconnected(EMFILE)
        case .breaksBefore?, .breaksAfter?: throw .disconnected(ECONNREFUSED)
        }
        let waiter = FakeWaiter(self)
        waiters.append(waiter)
        return waiter
    }

    func run(_ batch: Batch) throws(StoreError) -> Replies { try run(batch, for: nil) }

    func run(_ batch: Batch, for waiter: FakeWaiter?) throws(StoreError) -> Replies {
        guard !batch.isTooLong else { throw .tooLong }
        var replies = Replies(to: batch)
        var received: [UInt8] = []
        for request in requests(batch) {
            let fault = take()
            if case .breaksBefore? = fault { try disconnect(waiter) }
            var answer: Result<[UInt8], FakeError>
            if case .refuses(let number)? = fault {
                if request.operation == .transactionEnd { transactions[request.transaction] = nil }
                answer = .failure(FakeError(number))
            } else {
                answer = Result { () throws(FakeError) in try execute(request, for: waiter) }
            }
            if case .breaksAfter? = fault { try disconnect(waiter) }
            var type = request.operation.rawValue
            if case .failure(let error) = answer {
                type = Operation.error.rawValue
                answer = .success([UInt8](error.name.utf8) + [0])
            }
            let payload = (try? answer.get()) ?? []
            let start = received.count
            received += payload
            try replies.take(Message(type: type, requestID: request.id, payload: start..<received.count), received)
        }
        replies.finish(received)
        return replies
    }

    private func take() -> Fault? {
        defer { messages += 1 }
        return fault.flatMap { $0.message == messages ? $0.1 : nil }
    }

    private func disconnect(_ waiter: FakeWaiter?) throws(StoreError) {
        if let waiter { waiter.isOpen = false } else { transactions = [:] }
        throw .disconnected(0)
    }

    private struct Request {
        let operation: Operation
        let id, transaction: UInt32
        let path: String
        let rest: [UInt8]
    }

    private func requests(_ batch: Batch) -> [Request] {
        zip(batch.starts, batch.operations).map { start, operation in
            func word(_ offset: Int) -> UInt32 {
                batch.bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: start + offset, as: UInt32.self) }
            }
            let payload = batch.bytes[(start + Wire.headerSize)...].prefix(Int(word(12)))
            let end = payload.firstIndex(of: 0)!
            return Request(
                operation: operation, id: word(4), transaction: word(8),
                path: String(decoding: payload[..<end], as: UTF8.self), rest: [UInt8](payload[(end + 1)...]))
        }
    }

    private func execute(_ request: Request, for waiter: FakeWaiter?) throws(FakeError) -> [UInt8] {
        let id = request.transaction, path = request.path
        if id != 0, transactions[id] == nil { throw FakeError(ENOENT) }
        let ok = [UInt8]("OK".utf8) + [0]
        switch request.operation {
        case .read:
            return try node(path, in: id).value
        case .directory:
            _ = try node(path, in: id)
            return children(path, in: transactions[id]?.nodes ?? nodes).flatMap { [UInt8]($0.utf8) + [0] }
        case .write:
            write(path, request.rest, in: id)
        case .makeDirectory:
            if (transactions[id]?.nodes ?? nodes)[path] == nil { write(path, [], in: id) }
        case .remove:
            _ = try node(path, in: id)
            remove(path, in: id)
        case .setPermissions:
            _ = try node(path, in: id)
            change(path, in: id) { $0.permissions = request.rest }
        case .transactionStart:
            lastTransaction += 1
            transactions[lastTransaction] = Transaction(nodes: nodes, start: nodes)
            return [UInt8]("\(lastTransaction)".utf8) + [0]
        case .transactionEnd:
            try end(id, commit: path == "T")
        case .watch:
            waiter?.watches.append(path)
            waiter?.events.append(WatchEvent(path: Bytes(path.utf8), token: "wait"))
        default:
            throw FakeError(ENOSYS)
        }
        return ok
    }

    private func end(_ id: UInt32, commit: Bool) throws(FakeError) {
        if commit, let others = meanwhile {
            meanwhile = nil
            others(self)
        }
        guard let transaction = transactions.removeValue(forKey: id), commit else { return }
        for path in transaction.touched where nodes[path]?.generation != transaction.start[path]?.generation {
            throw FakeError(EAGAIN)
        }
        for path in transaction.touched { nodes[path] = transaction.nodes[path] }
        for path in nodes.keys where transaction.start[path] != nil && transaction.nodes[path] == nil { nodes[path] = nil }
        for path in transaction.changed { fire(path) }
    }

    // MARK: nodes

    private func parent(_ path: String) -> String { String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]) }

    private func children(_ path: String, in nodes: [String: Node]) -> [String] {
        nodes.keys.filter { !$0.isEmpty && parent($0) == path }.map { String($0.dropFirst(path.count + 1)) }.sorted()
    }

    private func node(_ path: String, in id: UInt32) throws(FakeError) -> Node {
        transactions[id]?.touched.insert(path)
        guard let node = (transactions[id]?.nodes ?? nodes)[path] else { throw FakeError(ENOENT) }
        return node
    }

    private func change(_ path: String, in id: UInt32, _ body: (inout Node) -> Void) {
        generation += 1
        if id == 0 {
            body(&nodes[path]!)
            nodes[path]!.generation = generation
            fire(path)
        } else {
            body(&transactions[id]!.nodes[path]!)
            transactions[id]!.nodes[path]!.generation = generation
            transactions[id]!.touched.insert(path)
            transactions[id]!.changed.append(path)
        }
    }

    private func write(_ path: String, _ value: [UInt8], in id: UInt32) {
        if (transactions[id]?.nodes ?? nodes)[path] == nil {
            let above = parent(path)
            if (transactions[id]?.nodes ?? nodes)[above] == nil { write(above, [], in: id) }
            change(above, in: id) { _ in }
            let permissions = (transactions[id]?.nodes ?? nodes)[above]!.permissions
            if id == 0 {
                nodes[path] = Node(permissions: permissions)
            } else {
                transactions[id]!.nodes[path] = Node(permissions: permissions)
            }
        }
        change(path, in: id) { $0.value = value }
    }

    private func remove(_ path: String, in id: UInt32) {
        for below in (transactions[id]?.nodes ?? nodes).keys where below == path || below.hasPrefix(path + "/") {
            if id == 0 {
                nodes[below] = nil
            } else {
                transactions[id]!.nodes[below] = nil
                transactions[id]!.touched.insert(below)
            }
        }
        change(parent(path), in: id) { _ in }
        if id == 0 { fire(path) } else { transactions[id]!.changed.append(path) }
    }

    private func fire(_ path: String) {
        for waiter in waiters {
            for watched in waiter.watches
            where path == watched || path.hasPrefix(watched + "/") || watched.hasPrefix(path + "/") && nodes[watched] == nil {
                waiter.events.append(WatchEvent(path: Bytes(path.utf8), token: "wait"))
            }
        }
    }
}
