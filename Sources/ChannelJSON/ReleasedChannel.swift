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
        if let kind { writer.union(kind, ReleasedKey.path(of: kind) == nil ? nil : path) }
        writer.endMap()
        return writer.status
    }

    mutating func take(_ reader: ObjectReader<ReleasedKey>) throws(ChannelError) {
        if let domid = try reader.integer(.backendDomid, as: UInt32.self) { backendDomid = domid }
        backendDomname = try reader.takeText(.backendDomname)
        if let number = try reader.integer(.devid, as: Int32.self) { devid = number }
        name = try reader.takeText(.name)
        let connection = try reader.connection()
        kind = connection
        path = try reader.path(of: connection)
    }
}

/// The members, in the order in which libxl evaluates them.
enum ReleasedKey: Int, UnionKey {
    case backendDomid, backendDomname, devid, name
    case unknown, pty, socket, none, path
    case socketPath, pathPath

    var member: Member<Self> {
        switch self {
        case .backendDomid: Member("backend_domid", .integer)
        case .backendDomname: Member("backend_domname", .text)
        case .devid: Member("devid", .integer)
        case .name: Member("name", .text)
        case .unknown: Member(.unknown)
        case .pty: Member(.pty)
        case .socket: Member(.socket)
        case .none: Member(.none)
        case .path: Member(.path)
        case .socketPath: Member("path", .text, in: .socket)
        case .pathPath: Member("path", .text, in: .path)
        }
    }

    static func map(of kind: ConnectionKind) -> Self {
        switch kind {
        case .unknown: .unknown
        case .pty: .pty
        case .socket: .socket
        case .none: .none
        case .path: .path
        }
    }

    static func path(of kind: ConnectionKind) -> Self? {
        switch kind {
        case .unknown, .pty, .none: nil
        case .socket: .socketPath
        case .path: .pathPath
        }
    }
}
