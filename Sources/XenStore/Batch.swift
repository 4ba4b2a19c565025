import Channel

/// Requests to be sent at once, in their encoded form.
///
/// Each request that is added gives an index, by which its reply is found.
public struct Batch: Sendable {
    /// Stands for one request, and in `Replies` for its reply: its req_id.
    public struct Index: Sendable, Equatable {
        let number: Int

        public static var first: Index { Index(number: 0) }
    }

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
    /// The index of the request that is added next.
    public var next: Index { Index(number: count) }

    /// Whether its last request begins a transaction.
    var beginsTransaction: Bool { operations.last == .transactionStart }

    @discardableResult public mutating func directory(_ path: Bytes) -> Index {
        add(.directory, path)
    }

    /// The rest, from `offset`, of a directory that exceeds one message.
    @discardableResult public mutating func directoryPart(_ path: Bytes, offset: Int) -> Index {
        add(.directoryPart, path, Bytes(decimal: offset).array + [0])
    }

    @discardableResult public mutating func read(_ path: Bytes) -> Index {
        add(.read, path)
    }

    /// Reads outside of the batch's transaction, after what stands before in it.
    @discardableResult public mutating func readOutside(_ path: Bytes) -> Index {
        add(.read, path, in: Transaction.none)
    }

    @discardableResult public mutating func write(_ path: Bytes, _ value: Bytes) -> Index {
        add(.write, path, value.array)
    }

    @discardableResult public mutating func makeDirectory(_ path: Bytes) -> Index {
        add(.makeDirectory, path)
    }

    @discardableResult public mutating func remove(_ path: Bytes) -> Index {
        add(.remove, path)
    }

    @discardableResult public mutating func setPermissions(_ path: Bytes, _ permissions: [Permission]) -> Index {
        var list: [UInt8] = []
        for permission in permissions {
            list.append(permission.access.rawValue)
            list.append(contentsOf: Bytes(decimal: permission.domid).array)
            list.append(0)
        }
        return add(.setPermissions, path, list)
    }

    @discardableResult public mutating func watch(_ path: Bytes, token: Bytes) -> Index {
        add(.watch, path, token.array + [0])
    }

    @discardableResult public mutating func unwatch(_ path: Bytes, token: Bytes) -> Index {
        add(.unwatch, path, token.array + [0])
    }

    @discardableResult public mutating func startTransaction() -> Index {
        add(.transactionStart, Bytes())
    }

    @discardableResult public mutating func endTransaction(commit: Bool) -> Index {
        add(.transactionEnd, commit ? Bytes("T") : Bytes("F"))
    }

    private mutating func add(
        _ operation: Operation, _ path: Bytes, _ rest: [UInt8] = [], in other: Transaction? = nil
    ) -> Index {
        let index = next
        let length = path.count + 1 + rest.count
        if length > Wire.payloadLimit || path.count >= Wire.pathLimit || path.array.contains(0) {
            isTooLong = true
        }
        starts.append(bytes.count)
        operations.append(operation)
        if !operation.isHarmless { isHarmless = false }
        // The protocol has the byte order of the host.
        let header = (
            operation.rawValue, UInt32(truncatingIfNeeded: index.number), (other ?? transaction).id,
            UInt32(truncatingIfNeeded: length)
        )
        withUnsafeBytes(of: header) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: path.array)
        bytes.append(0)
        bytes.append(contentsOf: rest)
        return index
    }
}
