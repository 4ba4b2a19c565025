import CLibc
import Channel

/// The replies to a batch.
public struct Replies: Sendable {
    /// The answer to one request: its payload, or an errno.
    enum Answer: Sendable, Equatable {
        case missing
        case payload(Range<Int>)
        case refused(Int32)
    }

    private(set) var bytes: [UInt8] = []
    private(set) var answers: [Answer]
    private let operations: [Operation]
    private(set) var missing: Int

    init(to batch: Batch) {
        answers = [Answer](repeating: .missing, count: batch.count)
        operations = batch.operations
        missing = batch.count
    }

    /// Takes one message as the answer to its request.
    mutating func take(_ message: Message, _ received: [UInt8]) throws(StoreError) {
        let index = Int(message.requestID)
        guard index < answers.count, answers[index] == .missing else {
            throw .protocolViolation(StaticText("a reply to no request"))
        }
        if message.type == Operation.error.rawValue {
            answers[index] = .refused(errorNumber(named: received[message.payload]))
        } else if message.type == operations[index].rawValue {
            answers[index] = .payload(message.payload)
        } else {
            throw .protocolViolation(StaticText("a reply of another type"))
        }
        missing -= 1
    }

    mutating func finish(_ received: [UInt8]) {
        bytes = received
    }

    /// The payload of a reply.
    ///
    /// - Throws: `.refused`.
    public func payload(_ index: Batch.Index) throws(StoreError) -> ArraySlice<UInt8> {
        switch answers[index.number] {
        case .payload(let range): return bytes[range]
        case .refused(let number): throw .refused(number)
        case .missing: throw .protocolViolation(StaticText("no reply"))
        }
    }

    /// The value that was read; nil when there is no such node.
    ///
    /// - Throws: `.refused` for any other reason.
    public func value(_ index: Batch.Index) throws(StoreError) -> Bytes? {
        switch answers[index.number] {
        case .refused(ENOENT): return nil
        default: return Bytes(try payload(index))
        }
    }

    /// Whether xenstored says that there is no such node. A domain without the
    /// right to know is told something else.
    public func isMissing(_ index: Batch.Index) -> Bool {
        answers[index.number] == .refused(ENOENT)
    }

    /// The children in a directory's listing; nil when there is no such node.
    ///
    /// - Throws: `.refused(E2BIG)` for a listing that needs XS_DIRECTORY_PART.
    public func children(_ index: Batch.Index) throws(StoreError) -> [Bytes]? {
        switch answers[index.number] {
        case .refused(ENOENT): return nil
        default: return strings(in: try payload(index))
        }
    }

    /// The number of a new transaction.
    public func transaction(_ index: Batch.Index) throws(StoreError) -> Transaction {
        let digits = try payload(index)
        guard let id = unsigned(digits.prefix { $0 != 0 }), id != 0, id <= UInt64(UInt32.max) else {
            throw .protocolViolation(StaticText("a transaction without a number"))
        }
        return Transaction(id: UInt32(id))
    }

    /// Fails for the first request that was refused.
    public func check() throws(StoreError) {
        for answer in answers {
            if case .refused(let number) = answer { throw .refused(number) }
        }
    }

    /// Fails for the first request from `start` on that was refused; that a node
    /// to be read or removed is not there is no failure.
    public func checkWrites(from start: Batch.Index = .first) throws(StoreError) {
        for answer in answers[start.number...] {
            if case .refused(let number) = answer, number != ENOENT { throw .refused(number) }
        }
    }

    /// Fails if this request was refused, as `checkWrites`.
    public func checkWrite(_ index: Batch.Index) throws(StoreError) {
        if !isMissing(index) { _ = try payload(index) }
    }
}

/// The NUL-terminated strings of a payload.
func strings(in payload: ArraySlice<UInt8>) -> [Bytes] {
    var strings: [Bytes] = []
    var rest = payload
    while let first = rest.first {
        let end = rest.firstIndex(of: 0) ?? rest.endIndex
        if first != 0 { strings.append(Bytes(rest[..<end])) }
        rest = rest[end...].dropFirst()
    }
    return strings
}
