import Channel
import XenConsole
import XenStore

/// A channel, and the domain that has it.
public struct DomainChannel: Sendable, Equatable {
    public var domid: UInt32
    public var channel: Channel
}

/// The reads of a record without a summary: libxl wrote it, or nobody yet.
struct RecordReads {
    private let backend, name, connection, path: Batch.Index

    init(_ console: ConsoleAddress, asking batch: inout Batch) {
        backend = batch.read(console.record / "backend")
        name = batch.read(console.record / BackendNode.name)
        connection = batch.read(console.record / BackendNode.connection)
        path = batch.read(console.record / BackendNode.path)
    }

    /// nil when it is no channel's.
    func channel(_ console: ConsoleAddress, _ replies: Replies) throws(StoreError) -> Channel? {
        let backend = try replies.value(backend)
        let connection = Connection(word: try replies.value(connection), path: try replies.value(path))
        guard let name = try replies.value(name), let connection else { return nil }
        return Channel(
            devid: console.devid, name: name,
            backendDomid: backend.flatMap(ConsoleAddress.domid(ofBackend:)) ?? 0, connection: connection)
    }
}

extension Toolstack {
    /// The channels of a domain, in the order of their devids.
    ///
    /// Two batches whatever the number of channels, one or two more with channels
    /// that libxl made. A channel that goes away meanwhile is left out; a
    /// connection that is not known is `.unknown`.
    ///
    /// - Throws: `.failed` or `.timedOut` when xenstore cannot be read.
    public func channels(of domid: UInt32) throws(ChannelError) -> [Channel] {
        try attempt("listing the channels") { () throws(StoreError) in
            let first = ConsoleAddress(domid: domid, devid: 0)
            let directory = ConsoleAddress.records(of: domid)
            var batch = Batch()
            let listing = batch.directory(directory)
            let summary = batch.read(first.hiddenRecord)
            let replies = try store.run(batch)
            let consoles = consoles(try store.children(replies, listing, of: directory) ?? [], of: domid)
            let value = consoles.first == first ? Optional.some(try replies.value(summary)) : nil
            return try channels(consoles, firstSummary: value).map { $0.channel }
        }
    }

    /// The channels of all domains, in the order of domids and devids.
    ///
    /// One batch for all the domains' directories, and one for all the channels.
    ///
    /// - Throws: as `channels(of:)`.
    public func channelsOfAllDomains() throws(ChannelError) -> [DomainChannel] {
        try attempt("listing the channels of all domains") { () throws(StoreError) in
            let domids = sortedNumbers(try store.directory("/libxl") ?? []).compactMap { UInt32(exactly: $0) }
            let directories = try store.directories(domids.map(ConsoleAddress.records(of:)))
            var found: [ConsoleAddress] = []
            for (domid, entries) in zip(domids, directories) {
                found.append(contentsOf: consoles(entries ?? [], of: domid))
            }
            return try channels(found)
        }
    }

    private func consoles(_ entries: [Bytes], of domid: UInt32) -> [ConsoleAddress] {
        sortedNumbers(entries).compactMap { ConsoleAddress(domid: domid, number: $0) }
    }

    /// The channels among these consoles, in the same order.
    ///
    /// - Parameter firstSummary: the first one's, if it was read.
    private func channels(
        _ consoles: [ConsoleAddress], firstSummary: Bytes?? = nil
    ) throws(StoreError) -> [DomainChannel] {
        var found = [Channel?](repeating: nil, count: consoles.count)
        var start = 0
        var areLibXLs = false
        if let firstSummary {
            start = 1
            found[0] = Channel(devid: consoles[0].devid, summary: firstSummary)
            // libxl makes a domain's channels with the domain, before others. If the
            // first and the last have no summary, the others hardly have.
            areLibXLs = found[0] == nil
            if areLibXLs, consoles.count > 1 {
                areLibXLs = Channel(devid: 0, summary: try store.value(consoles[consoles.count - 1].hiddenRecord)) == nil
            }
        }
        if !areLibXLs { try readSummaries(start, consoles, &found) }
        var others: [Int] = []
        for position in found.indices where found[position] == nil { others.append(position) }
        try store.inBatches(others) { position, batch in
            RecordReads(consoles[position], asking: &batch)
        } look: { (replies, reads, position) throws(StoreError) in
            found[position] = try reads.channel(consoles[position], replies)
        }
        if areLibXLs { try readSummaries(start, consoles, &found) }
        var channels: [DomainChannel] = []
        channels.reserveCapacity(consoles.count)
        for (console, channel) in zip(consoles, found) {
            if let channel { channels.append(DomainChannel(domid: console.domid, channel: channel)) }
        }
        return channels
    }

    /// Finds those from `start` on that are not found yet by their summaries.
    private func readSummaries(
        _ start: Int, _ consoles: [ConsoleAddress], _ found: inout [Channel?]
    ) throws(StoreError) {
        var paths: [Bytes] = []
        for position in start..<consoles.count where found[position] == nil { paths.append(consoles[position].hiddenRecord) }
        var rest = try store.values(paths)[...]
        for position in start..<consoles.count where found[position] == nil {
            found[position] = Channel(devid: consoles[position].devid, summary: rest.removeFirst())
        }
    }

    /// The channel with a devid.
    ///
    /// - Throws: `.domainNotFound`, `.notFound`.
    public func channel(_ devid: Int32, of domid: UInt32) throws(ChannelError) -> Channel {
        let console = try console(devid, of: domid)
        let found = try attempt("reading \(channelTitle(devid: devid))") { () throws(StoreError) in
            try channels([console])
        }
        guard let found = found.first else { throw try missing(devid, of: domid) }
        return found.channel
    }

    /// The channel with a name.
    ///
    /// - Throws: `.domainNotFound`, `.notFound`.
    public func channel(named name: Bytes, of domid: UInt32) throws(ChannelError) -> Channel {
        for channel in try channels(of: domid) where channel.name == name { return channel }
        try checkExistence(of: domid)
        throw ChannelError(.notFound, "there is no channel named \(name)")
    }

    /// The console of a channel.
    ///
    /// - Throws: `.notFound` for what is no devid.
    func console(_ devid: Int32, of domid: UInt32) throws(ChannelError) -> ConsoleAddress {
        guard devid >= 0, devid < Int32.max else { throw .notFound(devid) }
        return ConsoleAddress(domid: domid, devid: devid)
    }

    /// Why a channel was not found: `.notFound`, or `.domainNotFound`.
    func missing(_ devid: Int32, of domid: UInt32) throws(ChannelError) -> ChannelError {
        try checkExistence(of: domid)
        return .notFound(devid)
    }

    /// - Throws: `.domainNotFound`.
    private func checkExistence(of domid: UInt32) throws(ChannelError) {
        let domain = try attempt("looking for the domain") { () throws(StoreError) in
            try store.value(ConsoleAddress.domain(domid))
        }
        if domain == nil { throw .noDomain }
    }
}

/// How messages name a channel whose name is not known.
func channelTitle(devid: Int32) -> Text { channelTitle(name: Bytes(), devid: devid) }

/// The entries of a directory that are numbers, in order.
func sortedNumbers(_ entries: [Bytes]) -> [UInt64] {
    var numbers = entries.compactMap(canonicalNumber)
    // xenstored mostly has them in order.
    if zip(numbers, numbers.dropFirst()).contains(where: { $0 > $1 }) { heapSort(&numbers) }
    return numbers
}

extension ChannelError {
    static func notFound(_ devid: Int32) -> ChannelError {
        ChannelError(.notFound, "there is no channel with devid \(devid)")
    }

    /// The domain is named by the caller.
    static var noDomain: ChannelError { ChannelError(.domainNotFound, "there is no such domain") }
}

/// Sorts in place. The standard library's sort would be 3 KB of the library.
private func heapSort(_ numbers: inout [UInt64]) {
    func siftDown(_ start: Int, _ end: Int) {
        var root = start
        while 2 * root + 1 < end {
            var child = 2 * root + 1
            if child + 1 < end, numbers[child] < numbers[child + 1] { child += 1 }
            guard numbers[root] < numbers[child] else { return }
            numbers.swapAt(root, child)
            root = child
        }
    }
    for start in stride(from: numbers.count / 2 - 1, through: 0, by: -1) { siftDown(start, numbers.count) }
    for end in stride(from: numbers.count - 1, to: 0, by: -1) {
        numbers.swapAt(0, end)
        siftDown(0, end)
    }
}
