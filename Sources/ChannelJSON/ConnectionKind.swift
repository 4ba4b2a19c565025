import CLibc
import CYajl
import Channel

extension ConnectionKind {
    /// The kind whose word is `text`, without regard to case, as libxl's from_string.
    public init?(word text: UnsafePointer<CChar>) {
        for kind in ConnectionKind.allCases where kind.isCalled(text) {
            self = kind
            return
        }
        return nil
    }

    private func isCalled(_ text: UnsafePointer<CChar>) -> Bool {
        UnsafeRawPointer(word.utf8Start).withMemoryRebound(to: CChar.self, capacity: 1) {
            strcasecmp($0, text) == 0
        }
    }

    /// Writes the kind's word, or null for a number that stands for none.
    public static func generate(_ kind: ConnectionKind?, _ generator: yajl_gen) -> yajl_gen_status {
        var writer = Writer(generator)
        if let kind { writer.literal(kind.word) } else { writer.null() }
        return writer.status
    }
}

extension ConnectionKind {
    /// The kind that a JSON string names, as libxl_channel_connection_from_json.
    ///
    /// - Throws: `.failed` when the text is no JSON string or names no kind.
    public init(json text: UnsafePointer<CChar>) throws(ChannelError) {
        var kind: ConnectionKind?
        try parse(text, WordKey.self) { (reader) throws(ChannelError) in kind = try reader.takeWord() }
        self = kind!
    }

    /// The kind that a string inside a parsed document names.
    public init(json value: yajl_val) throws(ChannelError) {
        var kind: ConnectionKind?
        try walk(value, WordKey.self) { (reader) throws(ChannelError) in kind = try reader.takeWord() }
        self = kind!
    }
}

/// A value that is a string by itself.
private enum WordKey: Int, MemberKey {
    case word

    static var isStrict: Bool { true }
    static var whole: Self? { .word }

    var member: Member<Self> {
        switch self {
        case .word: Member("", .text)
        }
    }
}

extension ObjectReader where Key == WordKey {
    fileprivate func takeWord() throws(ChannelError) -> ConnectionKind {
        guard let text = try takeText(.word) else { throw ChannelError(.failed, "not a string") }
        defer { free(text) }
        guard let kind = ConnectionKind(word: text) else {
            throw ChannelError(.failed, "no connection is called \(Bytes(cString: text))")
        }
        return kind
    }
}
