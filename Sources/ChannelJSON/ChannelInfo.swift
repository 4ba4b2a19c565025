import CYajl
import Channel

extension ChannelInfoRecord {
    /// Writes the record into `generator`, byte for byte as libxl_channelinfo_gen_json.
    public func generate(_ generator: yajl_gen) -> yajl_gen_status {
        var writer = Writer(generator)
        writer.beginMap()
        writer.member("backend", backend)
        writer.member("backend_id", Int64(backendDomid))
        writer.member("frontend", frontend)
        writer.member("frontend_id", Int64(frontendDomid))
        writer.member("devid", Int64(devid), default: -1)
        writer.member("state", Int64(state))
        writer.member("evtch", Int64(eventChannel))
        writer.member("rref", Int64(ringReference))
        switch kind {
        case .unknown?: writer.map("connection.unknown")
        case .none?: writer.map("connection.none")
        case .pty?: writer.map("connection.pty", "path", ptyPath)
        case .path?: writer.map("connection.path")
        case .socket?: writer.map("connection.socket")
        case nil: break
        }
        writer.endMap()
        return writer.status
    }

    /// Fills an initialised record from a JSON text, as libxl_channelinfo_from_json.
    ///
    /// On error the members that libxl evaluates before the bad one are filled.
    public mutating func parse(_ text: UnsafePointer<CChar>) throws(ChannelError) {
        try ChannelJSON.parse(text, .channelInfo) { (reader) throws(ChannelError) in try take(&reader) }
    }

    /// Fills an initialised record from a value of a parsed document.
    public mutating func parse(_ value: yajl_val) throws(ChannelError) {
        try walk(value, .channelInfo) { (reader) throws(ChannelError) in try take(&reader) }
    }

    private mutating func take(_ reader: inout ObjectReader) throws(ChannelError) {
        backend = try reader.takeText(0)
        if let domid = try reader.integer(1, as: UInt32.self) { backendDomid = domid }
        frontend = try reader.takeText(2)
        if let domid = try reader.integer(3, as: UInt32.self) { frontendDomid = domid }
        if let number = try reader.integer(4, as: Int32.self) { devid = number }
        if let number = try reader.integer(5, as: Int32.self) { state = number }
        if let number = try reader.integer(6, as: Int32.self) { eventChannel = number }
        if let number = try reader.integer(7, as: Int32.self) { ringReference = number }
        kind = try reader.connection(at: 8)
        if kind == .pty { ptyPath = try reader.takeText(13) }
    }
}
