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
    /// Two batches whatever the number of channels, three with channels that
    /// libxl made. A channel that goes away meanwhile is left out; a connection
    /// that is not known is `.unknown`.
    ///
    /// - Throws: `.failed` or `.timedOut` when xenstore cannot be read.
    public func channels(of domid: UInt32) throws(ChannelError) -> [Channel] {
        try attempt("listing the channels") { () throws(StoreError) in
            let entries = try store.directory(ConsoleAddress.records(of: domid)) ?? []
            return try channels(consoles(entries, of: domid)).map { $0.channel }
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
    private func channels(_ consoles: [ConsoleAddress]) throws(StoreError) -> [DomainChannel] {
        let summaries = try store.values(consoles.map { $0.hiddenRecord })
        var found: [Channel?] = []
        found.reserveCapacity(consoles.count)
        /// Where in `found` those without a summary are.
        var others: [Int] = []
        for (position, (console, summary)) in zip(consoles, summaries).enumerated() {
            let channel = Channel(devid: console.devid, summary: summary)
            found.append(channel)
            if channel == nil { others.append(position) }
        }
        try store.inBatches(others) { position, batch in
            RecordReads(consoles[position], asking: &batch)
        } look: { (replies, reads, position) throws(StoreError) in
            found[position] = try reads.channel(consoles[position], replies)
        }
        var channels: [DomainChannel] = []
        channels.reserveCapacity(consoles.count)
        for (console, channel) in zip(consoles, found) {
            if let channel { channels.append(DomainChannel(domid: console.domid, channel: channel)) }
        }
        return channels
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
    entries.compactMap(canonicalNumber).sorted()
}

extension ChannelError {
    static func notFound(_ devid: Int32) -> ChannelError {
        ChannelError(.notFound, "there is no channel with devid \(devid)")
    }

    /// The domain is named by the caller.
    static var noDomain: ChannelError { ChannelError(.domainNotFound, "there is no such domain") }
}
