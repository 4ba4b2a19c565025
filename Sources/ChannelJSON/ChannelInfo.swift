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
        if let kind { writer.union(kind, InfoKey.path(of: kind) == nil ? nil : ptyPath) }
        writer.endMap()
        return writer.status
    }

    /// Fills an initialised record from a JSON text, as libxl_channelinfo_from_json.
    ///
    /// On error the members that libxl evaluates before the bad one are filled.
    public mutating func parse(_ text: UnsafePointer<CChar>) throws(ChannelError) {
        try ChannelJSON.parse(text, InfoKey.self) { (reader) throws(ChannelError) in try take(reader) }
    }

    /// Fills an initialised record from a value of a parsed document.
    public mutating func parse(_ value: yajl_val) throws(ChannelError) {
        try walk(value, InfoKey.self) { (reader) throws(ChannelError) in try take(reader) }
    }

    private mutating func take(_ reader: ObjectReader<InfoKey>) throws(ChannelError) {
        backend = try reader.takeText(.backend)
        if let domid = try reader.integer(.backendID, as: UInt32.self) { backendDomid = domid }
        frontend = try reader.takeText(.frontend)
        if let domid = try reader.integer(.frontendID, as: UInt32.self) { frontendDomid = domid }
        if let number = try reader.integer(.devid, as: Int32.self) { devid = number }
        if let number = try reader.integer(.state, as: Int32.self) { state = number }
        if let number = try reader.integer(.eventChannel, as: Int32.self) { eventChannel = number }
        if let number = try reader.integer(.ringReference, as: Int32.self) { ringReference = number }
        let connection = try reader.connection()
        kind = connection
        ptyPath = try reader.path(of: connection)
    }
}

/// The members, in the order in which libxl evaluates them.
enum InfoKey: Int, UnionKey {
    case backend, backendID, frontend, frontendID, devid, state, eventChannel, ringReference
    case unknown, pty, socket, none, path
    case ptyPath

    var member: Member<Self> {
        switch self {
        case .backend: Member("backend", .text)
        case .backendID: Member("backend_id", .integer)
        case .frontend: Member("frontend", .text)
        case .frontendID: Member("frontend_id", .integer)
        case .devid: Member("devid", .integer)
        case .state: Member("state", .integer)
        case .eventChannel: Member("evtch", .integer)
        case .ringReference: Member("rref", .integer)
        case .unknown: Member(.unknown)
        case .pty: Member(.pty)
        case .socket: Member(.socket)
        case .none: Member(.none)
        case .path: Member(.path)
        case .ptyPath: Member("path", .text, in: .pty)
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
        case .pty: .ptyPath
        case .unknown, .socket, .none, .path: nil
        }
    }
}
