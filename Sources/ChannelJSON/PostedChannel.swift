import CLibc
import CYajl
import Channel

// JSON of libxl_device_channel as first posted, by libxl's generic rules for a
// struct with an enumeration: "type": "socket", "path": ….
extension ChannelRecord {
    /// Writes the record into `generator`.
    func generatePosted(_ generator: yajl_gen) -> yajl_gen_status {
        var writer = Writer(generator)
        writer.beginMap()
        writer.member("backend_domid", Int64(backendDomid))
        writer.member("backend_domname", backendDomname)
        writer.member("devid", Int64(devid), default: -1)
        writer.member("name", name)
        if kind != ConnectionKind.none {
            writer.literal("type")
            if let kind { writer.literal(kind.word) } else { writer.null() }
        }
        writer.member("path", path)
        writer.endMap()
        return writer.status
    }

    mutating func takePosted(_ reader: inout ObjectReader) throws(ChannelError) {
        kind = ConnectionKind.none
        guard reader.isMap else { throw ChannelError(.failed, "not an object") }
        if let domid = try reader.integer(0, as: UInt32.self) { backendDomid = domid }
        backendDomname = try reader.takeText(1)
        if let number = try reader.integer(2, as: Int32.self) { devid = number }
        name = try reader.takeText(3)
        if let word = try reader.takeText(4) {
            defer { free(word) }
            guard let named = ConnectionKind(word: word), named != .unknown else {
                throw ChannelError(.failed, "no type is called \(Bytes(cString: word))")
            }
            kind = named
        }
        path = try reader.takeText(5)
    }
}
