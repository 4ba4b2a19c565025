import Channel
import XenStore

extension Toolstack {
    /// The channels of a domain, in the order of their devids.
    ///
    /// Two batches, whatever the number of channels. A channel that goes away
    /// meanwhile is left out; a connection that is not known is `.unknown`.
    ///
    /// - Throws: `.failed` or `.timedOut` when xenstore cannot be read.
    public func channels(of domid: UInt32) throws(ChannelError) -> [Channel] {
        try attempt("listing the channels") { () throws(StoreError) in
            let entries = try store.directory(Console.records(of: domid)) ?? []
            return try channels(entries.compactMap { Console(domid: domid, entry: $0) })
        }
    }

    private func channels(_ consoles: [Console]) throws(StoreError) -> [Channel] {
        guard !consoles.isEmpty else { return [] }
        var batch = Batch()
        for console in consoles { ListedConsole.ask(console, &batch) }
        let replies = try store.run(batch)
        var channels: [Channel] = []
        channels.reserveCapacity(consoles.count)
        for (index, console) in consoles.enumerated() {
            if let channel = try ListedConsole.channel(console, replies, index) { channels.append(channel) }
        }
        channels.sort { $0.devid < $1.devid }
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
        if let channel = found.first { return channel }
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

/// The reads that a channel's listing takes, and their meaning.
enum ListedConsole {
    /// How many requests `ask` adds.
    private static var requests: Int { 7 }

    static func ask(_ console: Console, _ batch: inout Batch) {
        batch.read(console.record / "backend")
        for directory in [console.record, console.hiddenRecord] {
            batch.read(directory / "name")
            batch.read(directory / "connection")
            batch.read(directory / "path")
        }
    }

    /// The channel in the replies to the `position`th `ask`; nil when the
    /// console is none, or goes away.
    static func channel(
        _ console: Console, _ replies: Replies, _ position: Int
    ) throws(StoreError) -> Channel? {
        let first = position * requests
        let backend = try replies.value(first)
        var values = first + 1
        var name = try replies.value(values)
        if name == nil {
            values += 3
            name = try replies.value(values)
        }
        guard let name, let word = try replies.value(values + 1) else { return nil }
        let path = try replies.value(values + 2)
        let connection: Connection
        switch word {
        case "none": connection = .none
        case "pty": connection = .pty
        case "path":
            guard let path else { return nil }
            connection = .path(path)
        case "socket":
            guard let path else { return nil }
            connection = .socket(path)
        default: connection = .unknown
        }
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
