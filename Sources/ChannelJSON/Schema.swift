import Channel

/// A member of a JSON object that a parser looks for.
public struct Member {
    public enum Value {
        case integer, text, map
    }

    let key: StaticString
    let value: Value
    /// For a member of a nested map: the index of that map in the schema.
    let parent: Int?

    public init(_ key: StaticString, _ value: Value, in parent: Int? = nil) {
        self.key = key
        self.value = value
        self.parent = parent
    }
}

/// The members of one JSON object that a parser looks for; of a libxl type in
/// the order in which libxl evaluates them.
public struct Schema {
    let members: [Member]
    /// Whether a member of the wrong JSON type is an error. libxl's parsers
    /// take such a member as absent.
    let strict: Bool
    /// Whether the one member stands for the whole value, which is no map.
    let isScalar: Bool

    public init(members: [Member], strict: Bool) {
        self.init(members: members, strict: strict, isScalar: false)
    }

    init(members: [Member], strict: Bool, isScalar: Bool) {
        self.members = members
        self.strict = strict
        self.isScalar = isScalar
    }

    /// A value that is a string by itself.
    static var word: Schema {
        Schema(members: [Member("", .text)], strict: true, isScalar: true)
    }

    /// `libxl_device_channel` as released: a keyed union `connection`.
    static var releasedChannel: Schema {
        Schema(
            members: [
                Member("backend_domid", .integer), Member("backend_domname", .text),
                Member("devid", .integer), Member("name", .text),
                Member("connection.unknown", .map), Member("connection.pty", .map),
                Member("connection.socket", .map), Member("connection.none", .map),
                Member("connection.path", .map),
                Member("path", .text, in: 6), Member("path", .text, in: 8),
            ],
            strict: false)
    }

    /// `libxl_device_channel` as posted: a plain `type`.
    static var postedChannel: Schema {
        Schema(
            members: [
                Member("backend_domid", .integer), Member("backend_domname", .text),
                Member("devid", .integer), Member("name", .text),
                Member("type", .text), Member("path", .text),
            ],
            strict: true)
    }

    /// `libxl_channelinfo`.
    static var channelInfo: Schema {
        Schema(
            members: [
                Member("backend", .text), Member("backend_id", .integer),
                Member("frontend", .text), Member("frontend_id", .integer),
                Member("devid", .integer), Member("state", .integer),
                Member("evtch", .integer), Member("rref", .integer),
                Member("connection.unknown", .map), Member("connection.pty", .map),
                Member("connection.socket", .map), Member("connection.none", .map),
                Member("connection.path", .map),
                Member("path", .text, in: 9),
            ],
            strict: false)
    }
}
