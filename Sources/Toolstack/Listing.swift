import Channel
import XenStore

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
            let entries = try store.directory(Console.records(of: domid)) ?? []
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
            let directories = try store.directories(domids.map(Console.records(of:)))
            var found: [Console] = []
            for (domid, entries) in zip(domids, directories) {
                found.append(contentsOf: consoles(entries ?? [], of: domid))
            }
            return try channels(found)
        }
    }

    private func consoles(_ entries: [Bytes], of domid: UInt32) -> [Console] {
        sortedNumbers(entries).compactMap { Console(domid: domid, number: $0) }
    }

    /// The channels among these consoles, in the same order.
    private func channels(_ consoles: [Console]) throws(StoreError) -> [DomainChannel] {
        let summaries = try store.values(consoles.map { $0.hiddenRecord })
        var found: [Channel?] = []
        found.reserveCapacity(consoles.count)
        var nodes: [Bytes] = []
        for (console, summary) in zip(consoles, summaries) {
            let channel = Channel(console, summary: summary)
            found.append(channel)
            if channel == nil { nodes.append(contentsOf: ListedConsole.nodes(console)) }
        }
        var values = try store.values(nodes)[...]
        var channels: [DomainChannel] = []
        channels.reserveCapacity(consoles.count)
        for (console, channel) in zip(consoles, found) {
            if let channel = channel ?? ListedConsole.channel(console, &values) {
                channels.append(DomainChannel(domid: console.domid, channel: channel))
            }
        }
        return channels
    }

    /// The channel with a devid.
    ///
    /// - Throws: `.domainNotFound`, `.notFound`.
    public func channel(_ devid: Int32, of domid: UInt32) throws(ChannelError) -> Channel {
        guard devid >= 0, devid < Int32.max else { throw .notFound(devid) }
        let found = try attempt("reading channel \(devid)") { () throws(StoreError) in
            try channels([Console(domid: domid, devid: devid)])
        }
        if let found = found.first { return found.channel }
        try checkExistence(of: domid)
        throw .notFound(devid)
    }

    /// The channel with a name.
    ///
    /// - Throws: `.domainNotFound`, `.notFound`.
    public func channel(named name: Bytes, of domid: UInt32) throws(ChannelError) -> Channel {
        for channel in try channels(of: domid) where channel.name == name { return channel }
        try checkExistence(of: domid)
        throw ChannelError(.notFound, "there is no channel named \(name)")
    }

    /// - Throws: `.domainNotFound`.
    func checkExistence(of domid: UInt32) throws(ChannelError) {
        let domain = try attempt("looking for the domain") { () throws(StoreError) in
            var batch = Batch()
            batch.read(Bytes("/local/domain") / domid)
            return try store.run(batch).value(0)
        }
        if domain == nil { throw ChannelError(.domainNotFound, "there is no such domain") }
    }
}

/// The entries of a directory that are numbers, in order.
func sortedNumbers(_ entries: [Bytes]) -> [UInt64] {
    entries.compactMap(canonicalNumber).sorted()
}

/// A channel, and the domain that has it.
public struct DomainChannel: Sendable, Equatable {
    public var domid: UInt32
    public var channel: Channel
}

/// The reads that a channel without a summary takes, and their meaning.
enum ListedConsole {
    /// The paths of what the record has: libxl wrote it, or nobody yet.
    static func nodes(_ console: Console) -> [Bytes] {
        ["backend", "name", "connection", "path"].map { console.record / $0 }
    }

    /// The channel that the first values tell of, which are taken: those of `nodes`.
    static func channel(_ console: Console, _ values: inout ArraySlice<Bytes?>) -> Channel? {
        let backend = values.removeFirst(), name = values.removeFirst(), word = values.removeFirst()
        let path = values.removeFirst()
        guard let name, let word, let connection = Connection(word: word, path: path) else { return nil }
        return Channel(
            devid: console.devid, name: name,
            backendDomid: backend.flatMap(Console.domid(ofBackend:)) ?? 0, connection: connection)
    }
}

extension ChannelError {
    static func notFound(_ devid: Int32) -> ChannelError {
        ChannelError(.notFound, "there is no channel with devid \(devid)")
    }
}
