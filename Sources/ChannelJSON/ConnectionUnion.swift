import Channel

// libxl's keyed union: an object has one of five maps, "connection.socket": {"path": …}.
extension ConnectionKind {
    fileprivate var unionKey: StaticString {
        switch self {
        case .unknown: "connection.unknown"
        case .pty: "connection.pty"
        case .socket: "connection.socket"
        case .none: "connection.none"
        case .path: "connection.path"
        }
    }
}

extension Writer {
    /// A connection's map, with its path if there is one.
    mutating func union(_ kind: ConnectionKind, _ path: CText?) {
        literal(kind.unionKey)
        beginMap()
        member("path", path)
        endMap()
    }
}

/// The members of an object with a connection.
protocol UnionKey: MemberKey {
    /// The member that is the map of this kind of connection.
    static func map(of kind: ConnectionKind) -> Self
    /// The path in that map; nil if such a connection has none here.
    static func path(of kind: ConnectionKind) -> Self?
}

extension Member {
    /// The map of this kind of connection.
    init(_ kind: ConnectionKind) {
        self.init(kind.unionKey, .map)
    }
}

extension ObjectReader where Key: UnionKey {
    /// The connection whose map is there; `.unknown` without one.
    ///
    /// - Throws: `.failed` for two connections at once; libxl aborts there.
    func connection() throws(ChannelError) -> ConnectionKind {
        var connection = ConnectionKind.unknown
        for kind in ConnectionKind.allCases where try hasMap(Key.map(of: kind)) {
            guard connection == .unknown else {
                throw twoConnections(connection, kind)
            }
            connection = kind
        }
        return connection
    }

    /// The path in a connection's map; nil without one.
    func path(of kind: ConnectionKind) throws(ChannelError) -> CText? {
        guard let key = Key.path(of: kind) else { return nil }
        return try takeText(key)
    }
}

@inline(never)
private func twoConnections(_ one: ConnectionKind, _ other: ConnectionKind) -> ChannelError {
    ChannelError(.failed, "two connections at once: \(one.word) and \(other.word)")
}
