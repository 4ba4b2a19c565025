/// A channel of a domain, as listed.
public struct Channel: Sendable, Equatable {
    /// The channel's number; its PV console has the number `devid + 1`.
    public var devid: Int32
    public var name: Bytes
    /// The domain that serves it.
    public var backendDomid: UInt32
    public var connection: Connection

    public init(devid: Int32, name: Bytes, backendDomid: UInt32, connection: Connection) {
        self.devid = devid
        self.name = name
        self.backendDomid = backendDomid
        self.connection = connection
    }
}

/// How messages name a channel: by its name, and by its devid once it has one.
public func channelTitle(name: Bytes, devid: Int32?) -> Text {
    guard let devid else { return "channel \(name)" }
    return name.isEmpty ? "the channel with devid \(devid)" : "channel \(name) (devid \(devid))"
}

extension Channel {
    /// How messages name it.
    public var title: Text { channelTitle(name: name, devid: devid) }
}

/// A channel to be added. A value of this type is valid: `init` checks.
public struct ChannelRequest: Sendable, Equatable {
    /// The domain that is to serve a channel.
    public enum Backend: Sendable, Equatable {
        case domid(UInt32)
        case name(Bytes)
    }

    /// nil: choose the lowest free one.
    public let devid: Int32?
    public let name: Bytes
    public let backend: Backend
    public let connection: Connection

    /// The longest name, in bytes.
    public static var longestName: Int { 256 }
    /// The longest path of a socket, in bytes: `sun_path` less its NUL.
    public static var longestSocketPath: Int { 107 }
    /// The longest path of a file, in bytes: one xenstore message, of 4096, holds
    /// a node's path and a value with this path and the name.
    public static var longestFilePath: Int { 3700 }

    /// Checks a channel's description.
    ///
    /// - Throws: `.invalid`, with the first rule that is broken.
    public init(
        devid: Int32?, name: Bytes?, backend: Backend, kind: ConnectionKind?, path: Bytes?
    ) throws(ChannelError) {
        guard let name, !name.isEmpty else { throw ChannelError(.invalid, "the channel has no name") }
        guard name.count <= Self.longestName else {
            throw ChannelError(.invalid, "the name has \(name.count) bytes; \(Self.longestName) are allowed")
        }
        guard !name.hasControlCharacters else {
            throw ChannelError(.invalid, "the name has a control character")
        }
        if let devid {
            guard devid >= 0, devid < Int32.max else {
                throw ChannelError(.invalid, "devid \(devid) is out of range")
            }
        }
        self.devid = devid
        self.name = name
        self.backend = backend
        switch kind {
        case .unknown?:
            throw ChannelError(.invalid, "the channel has no connection")
        case nil:
            throw ChannelError(.invalid, "the connection's number is not known")
        case .none?:
            connection = .none
        case .pty?:
            connection = .pty
        case .path?:
            connection = .path(try Self.checked(path, limit: Self.longestFilePath))
        case .socket?:
            connection = .socket(try Self.checked(path, limit: Self.longestSocketPath))
        }
        if connection.path == nil, let path, !path.isEmpty {
            throw ChannelError(.invalid, "this connection has no path, \(path) is given")
        }
    }

    /// How messages name it, before it has a devid of its own.
    public var title: Text { channelTitle(name: name, devid: devid) }

    private static func checked(_ path: Bytes?, limit: Int) throws(ChannelError) -> Bytes {
        guard let path, !path.isEmpty else { throw ChannelError(.invalid, "the channel has no path") }
        guard path.array[0] == UInt8(ascii: "/") else {
            throw ChannelError(.invalid, "the path \(path) is not absolute")
        }
        guard path.count <= limit else {
            throw ChannelError(.invalid, "the path has \(path.count) bytes; \(limit) are allowed")
        }
        guard !path.hasControlCharacters else {
            throw ChannelError(.invalid, "the path has a control character")
        }
        return path
    }
}

extension Bytes {
    fileprivate var hasControlCharacters: Bool {
        array.contains { $0 < 0x20 || $0 == 0x7f }
    }
}
