/// How a channel surfaces in its backend domain, without the details.
///
/// `unknown` is libxl's UNKNOWN; `none` and `path` are missing in libxl. JSON
/// looks for the kinds in this order, libxl's first.
public enum ConnectionKind: Sendable, Equatable, CaseIterable {
    case unknown, pty, socket, none, path

    /// The kind that `word` stands for; nil for a word that is not ours.
    public init?(word: Bytes) {
        for kind in Self.allCases where word.isEqual(to: kind.word) {
            self = kind
            return
        }
        return nil
    }

    /// The word that xenstore's `connection` key and the enumeration's
    /// `to_string` use.
    public var word: StaticString {
        switch self {
        case .unknown: "unknown"
        case .none: "none"
        case .pty: "pty"
        case .path: "path"
        case .socket: "socket"
        }
    }

    /// Whether libxl knows it; other kinds are kept from libxl, whose list fails
    /// as a whole on one, and its saved configurations.
    public var isKnownToLibXL: Bool {
        switch self {
        case .pty, .socket: true
        case .none, .path, .unknown: false
        }
    }

    /// Whether such a connection has a file or a socket at a path.
    public var hasPath: Bool {
        switch self {
        case .path, .socket: true
        case .unknown, .none, .pty: false
        }
    }
}

/// What a channel is connected to in its backend domain.
public enum Connection: Sendable, Equatable {
    /// Something this library does not know: only ever listed, never added.
    case unknown
    /// Nothing: reads block, writes vanish.
    case none
    /// A pseudo terminal; its path is published once a backend opened it.
    case pty
    /// A log file to append to, by absolute path.
    case path(Bytes)
    /// A listening Unix stream socket, by absolute path.
    case socket(Bytes)

    /// nil for a kind whose path is not there.
    public init?(_ kind: ConnectionKind, path: Bytes?) {
        switch kind {
        case .unknown: self = .unknown
        case .none: self = .none
        case .pty: self = .pty
        case .path:
            guard let path else { return nil }
            self = .path(path)
        case .socket:
            guard let path else { return nil }
            self = .socket(path)
        }
    }

    public var kind: ConnectionKind {
        switch self {
        case .unknown: .unknown
        case .none: .none
        case .pty: .pty
        case .path: .path
        case .socket: .socket
        }
    }

    /// The file or socket, where the kind has one.
    public var path: Bytes? {
        switch self {
        case .path(let path), .socket(let path): path
        case .unknown, .none, .pty: nil
        }
    }
}
