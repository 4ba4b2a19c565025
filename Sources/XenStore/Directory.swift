import CLibc
import Channel

extension BatchRunner {
    /// The value of one node, nil where there is none.
    @inline(never)
    public func value(_ path: Bytes) throws(StoreError) -> Bytes? {
        var batch = Batch()
        let value = batch.read(path)
        return try run(batch).value(value)
    }

    /// The values of many nodes, nil where there is none.
    public func values(_ paths: [Bytes]) throws(StoreError) -> [Bytes?] {
        var values: [Bytes?] = []
        values.reserveCapacity(paths.count)
        try inBatches(paths) { path, batch in
            batch.read(path)
        } look: { (replies, index, _) throws(StoreError) in
            values.append(try replies.value(index))
        }
        return values
    }

    /// The children of many nodes, nil where there is no such node.
    public func directories(_ paths: [Bytes]) throws(StoreError) -> [[Bytes]?] {
        var directories: [[Bytes]?] = []
        try inBatches(paths) { path, batch in
            batch.directory(path)
        } look: { (replies, index, path) throws(StoreError) in
            directories.append(try children(replies, index, of: path))
        }
        return directories
    }

    /// Asks about many subjects, in as few batches as keep the memory and the
    /// time of each within bounds, and looks at the replies for each.
    @inline(never)
    public func inBatches<Subject, Reads>(
        _ subjects: [Subject], ask: (Subject, inout Batch) -> Reads,
        look: (Replies, Reads, Subject) throws(StoreError) -> Void
    ) throws(StoreError) {
        var rest = subjects[...]
        while !rest.isEmpty {
            var batch = Batch()
            var reads: [Reads] = []
            reads.reserveCapacity(rest.count)
            for subject in rest {
                reads.append(ask(subject, &batch))
                if batch.count >= 8192 { break }
            }
            let replies = try run(batch)
            for (reads, subject) in zip(reads, rest) { try look(replies, reads, subject) }
            rest = rest.dropFirst(reads.count)
        }
    }

    /// The children of a node, whatever their number; nil when there is no such node.
    public func directory(_ path: Bytes, in transaction: Transaction = .none) throws(StoreError) -> [Bytes]? {
        var batch = Batch(in: transaction)
        let listing = batch.directory(path)
        return try children(run(batch), listing, of: path, in: transaction)
    }

    /// The children in a reply; when they exceeded one message, all of them by
    /// XS_DIRECTORY_PART.
    public func children(
        _ replies: Replies, _ index: Batch.Index, of path: Bytes, in transaction: Transaction = .none
    ) throws(StoreError) -> [Bytes]? {
        do throws(StoreError) {
            return try replies.children(index)
        } catch .refused(E2BIG) {
            return try directoryInParts(path, in: transaction)
        }
    }

    private func directoryInParts(_ path: Bytes, in transaction: Transaction) throws(StoreError) -> [Bytes]? {
        try run(DirectoryInParts(path, in: transaction))
    }
}

/// A directory whose children exceed one message, by XS_DIRECTORY_PART.
///
/// Each part begins with the directory's generation count; the last one ends
/// with an empty string. After a change meanwhile all of it is read again.
public struct DirectoryInParts: Exchange {
    private let path: Bytes
    private let transaction: Transaction
    private var part: Batch.Index?
    private var listing: [UInt8] = []
    private var generation: Bytes?
    private var attempts = 0

    public init(_ path: Bytes, in transaction: Transaction = .none) {
        self.path = path
        self.transaction = transaction
    }

    public mutating func next(_ replies: Replies?) throws(StoreError) -> ExchangeStep<[Bytes]?> {
        if let replies, let part {
            guard let value = try replies.value(part) else { return .done(nil) }
            if let names = try take(value) { return .done(names) }
        }
        var batch = Batch(in: transaction)
        part = batch.directoryPart(path, offset: listing.count)
        return .send(batch)
    }

    /// All names, once there are.
    private mutating func take(_ part: Bytes) throws(StoreError) -> [Bytes]? {
        guard let end = part.array.firstIndex(of: 0) else {
            throw .protocolViolation(StaticText("a directory part without a generation"))
        }
        let current = Bytes(part.array[..<end])
        if let generation, generation != current {
            attempts += 1
            guard attempts < 100 else { throw .timedOut }
            listing = []
            self.generation = nil
            return nil
        }
        generation = current
        let names = part.array[(end + 1)...]
        if names.isEmpty || names == [0] { return strings(in: listing[...]) }
        if names.count >= 2, names.suffix(2) == [0, 0] {
            listing.append(contentsOf: names.dropLast())
            return strings(in: listing[...])
        }
        guard names.last == 0 else {
            throw .protocolViolation(StaticText("a directory part that ends in a name"))
        }
        listing.append(contentsOf: names)
        if listing.count > 1 << 24 {
            throw .protocolViolation(StaticText("a directory without an end"))
        }
        return nil
    }
}
