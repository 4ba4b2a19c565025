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

    mutating func take(_ reader: ObjectReader<PostedKey>) throws(ChannelError) {
        kind = ConnectionKind.none
        guard reader.isMap else { throw ChannelError(.failed, "not an object") }
        if let domid = try reader.integer(.backendDomid, as: UInt32.self) { backendDomid = domid }
        backendDomname = try reader.takeText(.backendDomname)
        if let number = try reader.integer(.devid, as: Int32.self) { devid = number }
        name = try reader.takeText(.name)
        if let word = try reader.takeText(.type) {
            defer { free(word) }
            guard let named = ConnectionKind(word: word), named != .unknown else {
                throw ChannelError(.failed, "no type is called \(Bytes(cString: word))")
            }
            kind = named
        }
        path = try reader.takeText(.path)
    }
}

/// The members, in the order in which libxl evaluates them.
enum PostedKey: Int, MemberKey {
    case backendDomid, backendDomname, devid, name, type, path

    static var isStrict: Bool { true }

    var member: Member<Self> {
        switch self {
        case .backendDomid: Member("backend_domid", .integer)
        case .backendDomname: Member("backend_domname", .text)
        case .devid: Member("devid", .integer)
        case .name: Member("name", .text)
        case .type: Member("type", .text)
        case .path: Member("path", .text)
        }
    }
}
