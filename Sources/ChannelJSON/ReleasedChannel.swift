import CYajl
import Channel

// JSON of libxl_device_channel as libxl has it since 4.5: the connection is a
// keyed union, "connection.socket": {"path": …}.
extension ChannelRecord {
    /// Writes the record into `generator`, byte for byte as libxl_device_channel_gen_json.
    func generateReleased(_ generator: yajl_gen) -> yajl_gen_status {
        var writer = Writer(generator)
        writer.beginMap()
        writer.member("backend_domid", Int64(backendDomid))
        writer.member("backend_domname", backendDomname)
        writer.member("devid", Int64(devid), default: -1)
        writer.member("name", name)
        switch kind {
        case .unknown?: writer.map("connection.unknown")
        case .none?: writer.map("connection.none")
        case .pty?: writer.map("connection.pty")
        case .path?: writer.map("connection.path", "path", path)
        case .socket?: writer.map("connection.socket", "path", path)
        case nil: break
        }
        writer.endMap()
        return writer.status
    }

    mutating func takeReleased(_ reader: inout ObjectReader) throws(ChannelError) {
        if let domid = try reader.integer(0, as: UInt32.self) { backendDomid = domid }
        backendDomname = try reader.takeText(1)
        if let number = try reader.integer(2, as: Int32.self) { devid = number }
        name = try reader.takeText(3)
        kind = try reader.connection(at: 4)
        switch kind {
        case .socket?: path = try reader.takeText(9)
        case .path?: path = try reader.takeText(10)
        default: break
        }
    }
}

extension ObjectReader {
    /// The connection of a keyed union, whose maps are five members from
    /// `first` in the order of `ConnectionKind.all`.
    ///
    /// - Throws: `.failed` for two connections at once; libxl aborts there.
    func connection(at first: Int) throws(ChannelError) -> ConnectionKind {
        var connection = ConnectionKind.unknown
        for (offset, kind) in ConnectionKind.all.enumerated() where try hasMap(first + offset) {
            guard connection == .unknown else {
                throw ChannelError(
                    .failed, "two connections at once: \(connection.word) and \(kind.word)")
            }
            connection = kind
        }
        return connection
    }
}
