// The xenstore wire format (xen/io/xs_wire.h, docs/misc/xenstore.txt) as values:
// no I/O in this file.
import CLibc
import Channel

/// The requests that this client sends, and the two messages only the server sends.
public enum Operation: UInt32, Sendable {
    case directory = 1
    case read = 2
    case watch = 4
    case unwatch = 5
    case transactionStart = 6
    case transactionEnd = 7
    case write = 11
    case makeDirectory = 12
    case remove = 13
    case setPermissions = 14
    case watchEvent = 15
    case error = 16
    case directoryPart = 22

    /// Whether the request changes nothing, so that it may be sent twice.
    var isHarmless: Bool {
        switch self {
        case .directory, .read, .directoryPart, .transactionStart: true
        default: false
        }
    }
}

/// A transaction's number; 0 stands for none.
public struct Transaction: Sendable, Equatable {
    public let id: UInt32

    public init(id: UInt32) {
        self.id = id
    }

    /// Requests outside of any transaction.
    public static var none: Transaction { Transaction(id: 0) }
}

/// One domain's access to a node; the first of a node's permissions names its
/// owner and the access of everybody else.
public struct Permission: Sendable, Equatable {
    public enum Access: UInt8, Sendable {
        case none = 0x6e  // n
        case read = 0x72  // r
        case write = 0x77  // w
        case both = 0x62  // b
    }

    public var access: Access
    public var domid: UInt32

    public init(_ access: Access, _ domid: UInt32) {
        self.access = access
        self.domid = domid
    }
}

/// What can go wrong between this client and xenstored.
public enum StoreError: Error, Equatable {
    /// xenstored answered with an error; the number is the local errno.
    case refused(Int32)
    /// xenstored cannot be reached, or went away; with errno, 0 for an end of file.
    case disconnected(Int32)
    /// No answer in time.
    case timedOut
    /// An answer that breaks the protocol.
    case protocolViolation(StaticText)
    /// A request that the protocol cannot carry.
    case tooLong
}

/// A fixed text that can be compared (StaticString cannot).
public struct StaticText: Sendable, Equatable {
    public let text: StaticString

    public init(_ text: StaticString) {
        self.text = text
    }

    public static func == (a: StaticText, b: StaticText) -> Bool {
        a.text.utf8Start == b.text.utf8Start || Bytes(a.text) == Bytes(b.text)
    }
}

extension StoreError {
    /// The error in words.
    public var text: Text {
        switch self {
        case .refused(let number): "xenstored refused it: \(errorText(number))"
        case .disconnected(0): "xenstored closed the connection"
        case .disconnected(let number): "no connection to xenstored: \(errorText(number))"
        case .timedOut: "xenstored did not answer within 10 seconds"
        case .protocolViolation(let what): "xenstored broke the protocol: \(what.text)"
        case .tooLong: "a xenstore path or value is too long"
        }
    }
}

/// The sizes of the protocol.
public enum Wire {
    /// struct xsd_sockmsg: type, req_id, tx_id, len.
    public static var headerSize: Int { 16 }
    /// XENSTORE_PAYLOAD_MAX.
    public static var payloadLimit: Int { 4096 }
    /// XENSTORE_ABS_PATH_MAX.
    public static var pathLimit: Int { 3072 }
}

/// Requests to be sent at once, in their encoded form. The index of a request
/// is its req_id, and the index of its reply.
public struct Batch: Sendable {
    /// The transaction of all the requests.
    public let transaction: Transaction
    /// The encoded requests.
    public private(set) var bytes: [UInt8] = []
    /// Where each request begins in `bytes`.
    public private(set) var starts: [Int] = []
    /// The type of each request.
    private(set) var operations: [Operation] = []
    /// Whether all of the requests may be sent twice.
    public private(set) var isHarmless = true
    /// Whether a request exceeds the protocol's limits; such a batch is not sent.
    public private(set) var isTooLong = false

    public init(in transaction: Transaction = .none) {
        self.transaction = transaction
    }

    public var count: Int { starts.count }

    /// Whether its last request begins a transaction.
    var beginsTransaction: Bool { operations.last == .transactionStart }

    @discardableResult public mutating func directory(_ path: Bytes) -> Int {
        add(.directory, path)
    }

    /// The rest, from `offset`, of a directory that exceeds one message.
    @discardableResult public mutating func directoryPart(_ path: Bytes, offset: Int) -> Int {
        add(.directoryPart, path, Bytes(decimal: offset).array + [0])
    }

    @discardableResult public mutating func read(_ path: Bytes) -> Int {
        add(.read, path)
    }

    /// Reads outside of the batch's transaction, after what stands before in it.
    @discardableResult public mutating func readOutside(_ path: Bytes) -> Int {
        add(.read, path, in: Transaction.none)
    }

    @discardableResult public mutating func write(_ path: Bytes, _ value: Bytes) -> Int {
        add(.write, path, value.array)
    }

    @discardableResult public mutating func makeDirectory(_ path: Bytes) -> Int {
        add(.makeDirectory, path)
    }

    @discardableResult public mutating func remove(_ path: Bytes) -> Int {
        add(.remove, path)
    }

    @discardableResult public mutating func setPermissions(_ path: Bytes, _ permissions: [Permission]) -> Int {
        var list: [UInt8] = []
        for permission in permissions {
            list.append(permission.access.rawValue)
            list.append(contentsOf: Bytes(decimal: permission.domid).array)
            list.append(0)
        }
        return add(.setPermissions, path, list)
    }

    @discardableResult public mutating func watch(_ path: Bytes, token: Bytes) -> Int {
        add(.watch, path, token.array + [0])
    }

    @discardableResult public mutating func unwatch(_ path: Bytes, token: Bytes) -> Int {
        add(.unwatch, path, token.array + [0])
    }

    @discardableResult public mutating func startTransaction() -> Int {
        add(.transactionStart, Bytes())
    }

    @discardableResult public mutating func endTransaction(commit: Bool) -> Int {
        add(.transactionEnd, commit ? Bytes("T") : Bytes("F"))
    }

    private mutating func add(
        _ operation: Operation, _ path: Bytes, _ rest: [UInt8] = [], in other: Transaction? = nil
    ) -> Int {
        let index = starts.count
        let length = path.count + 1 + rest.count
        if length > Wire.payloadLimit || path.count >= Wire.pathLimit || path.array.contains(0) {
            isTooLong = true
        }
        starts.append(bytes.count)
        operations.append(operation)
        if !operation.isHarmless { isHarmless = false }
        // The protocol has the byte order of the host.
        let header = (
            operation.rawValue, UInt32(truncatingIfNeeded: index), (other ?? transaction).id,
            UInt32(truncatingIfNeeded: length)
        )
        withUnsafeBytes(of: header) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: path.array)
        bytes.append(0)
        bytes.append(contentsOf: rest)
        return index
    }
}

/// One message from xenstored; its payload is a range of the decoder's bytes.
public struct Message: Sendable, Equatable {
    public var type: UInt32
    public var requestID: UInt32
    public var payload: Range<Int>
}

/// Cuts a stream of bytes into messages, as they arrive.
public struct Decoder: Sendable {
    /// Everything received since the last `reset`.
    public private(set) var bytes: [UInt8] = []
    private var next = 0

    public init() {}

    public mutating func append(_ more: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: more)
    }

    /// The next whole message; nil when more bytes are needed.
    ///
    /// - Throws: `.protocolViolation` for a length that the protocol forbids.
    public mutating func message() throws(StoreError) -> Message? {
        guard bytes.count - next >= Wire.headerSize else { return nil }
        let length = word(12)
        guard length <= UInt32(Wire.payloadLimit) else {
            throw .protocolViolation(StaticText("an oversized message"))
        }
        let start = next + Wire.headerSize
        let end = start + Int(length)
        guard bytes.count >= end else { return nil }
        let message = Message(
            type: word(0), requestID: word(4), payload: start..<end)
        next = end
        return message
    }

    /// Gives away the bytes, on which the messages' ranges rest, and keeps
    /// what belongs to the next message.
    public mutating func takeBytes() -> [UInt8] {
        let taken = bytes
        bytes = next < taken.count ? [UInt8](taken[next...]) : []
        next = 0
        return taken
    }

    private func word(_ offset: Int) -> UInt32 {
        bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: next + offset, as: UInt32.self) }
    }
}

/// A change below a watched path.
public struct WatchEvent: Sendable, Equatable {
    public var path: Bytes
    public var token: Bytes

    public init(path: Bytes, token: Bytes) {
        self.path = path
        self.token = token
    }

    /// Decodes the two NUL-terminated strings of an XS_WATCH_EVENT.
    init?(payload: ArraySlice<UInt8>) {
        guard let first = payload.firstIndex(of: 0) else { return nil }
        let rest = payload[(first + 1)...]
        let second = rest.firstIndex(of: 0) ?? rest.endIndex
        path = Bytes(payload[..<first])
        token = Bytes(rest[..<second])
    }
}

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

    /// How many requests were answered.
    public var count: Int { answers.count }

    /// The payload of a reply.
    ///
    /// - Throws: `.refused`.
    public func payload(_ index: Int) throws(StoreError) -> ArraySlice<UInt8> {
        switch answers[index] {
        case .payload(let range): return bytes[range]
        case .refused(let number): throw .refused(number)
        case .missing: throw .protocolViolation(StaticText("no reply"))
        }
    }

    /// The value that was read; nil when there is no such node.
    ///
    /// - Throws: `.refused` for any other reason.
    public func value(_ index: Int) throws(StoreError) -> Bytes? {
        switch answers[index] {
        case .refused(ENOENT): return nil
        default: return Bytes(try payload(index))
        }
    }

    /// Whether xenstored says that there is no such node. A domain without the
    /// right to know is told something else.
    public func isMissing(_ index: Int) -> Bool {
        answers[index] == .refused(ENOENT)
    }

    /// The children in a directory's listing; nil when there is no such node.
    ///
    /// - Throws: `.refused(E2BIG)` for a listing that needs XS_DIRECTORY_PART.
    public func children(_ index: Int) throws(StoreError) -> [Bytes]? {
        switch answers[index] {
        case .refused(ENOENT): return nil
        default: return strings(in: try payload(index))
        }
    }

    /// The number of a new transaction.
    public func transaction(_ index: Int) throws(StoreError) -> Transaction {
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
}

/// The NUL-terminated strings of a payload.
func strings(in payload: ArraySlice<UInt8>) -> [Bytes] {
    payload.split(separator: 0).map { Bytes($0) }
}

/// The errno of an XS_ERROR's name (xsd_errors in xs_wire.h); EIO for a name
/// that is not among them, as in libxenstore's spirit: it did fail.
private func errorNumber(named payload: ArraySlice<UInt8>) -> Int32 {
    let name = Bytes(payload.prefix { $0 != 0 })
    let names: [(StaticString, Int32)] = [
        ("ENOENT", ENOENT), ("EAGAIN", EAGAIN), ("EACCES", EACCES), ("EEXIST", EEXIST),
        ("E2BIG", E2BIG), ("EINVAL", EINVAL), ("EISDIR", EISDIR), ("ENOMEM", ENOMEM),
        ("ENOSPC", ENOSPC), ("EIO", EIO), ("ENOTEMPTY", ENOTEMPTY), ("ENOSYS", ENOSYS),
        ("EROFS", EROFS), ("EBUSY", EBUSY), ("EISCONN", EISCONN), ("EPERM", EPERM),
    ]
    for (known, number) in names where name.isEqual(to: known) { return number }
    return EIO
}
