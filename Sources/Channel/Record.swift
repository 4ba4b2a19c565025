import CLibc

/// A C string in a C struct: not owned here, valid as long as the struct is.
public typealias CText = UnsafeMutablePointer<CChar>

/// Everything that a channel struct of either C family can hold, unchecked.
///
/// It is the form in which JSON is written and read: texts are read in place
/// and, when parsed, malloc'd so that the struct can simply own them.
public struct ChannelRecord {
    public var backendDomid: UInt32
    public var backendDomname: CText?
    public var devid: Int32
    public var name: CText?
    /// nil: a number that stands for no connection.
    public var kind: ConnectionKind?
    public var path: CText?

    /// What `libxl_device_channel_init` leaves.
    public init() {
        backendDomid = 0
        backendDomname = nil
        devid = -1
        name = nil
        kind = .unknown
        path = nil
    }

    public init(
        backendDomid: UInt32, backendDomname: CText?, devid: Int32, name: CText?, kind: ConnectionKind?,
        path: CText?
    ) {
        self.backendDomid = backendDomid
        self.backendDomname = backendDomname
        self.devid = devid
        self.name = name
        self.kind = kind
        self.path = path
    }

    /// Frees the texts, where they are malloc'd and nobody else's.
    public func freeTexts() {
        free(backendDomname)
        free(name)
        free(path)
    }
}

/// Everything that a `libxl_channelinfo` can hold, unchecked; see `ChannelRecord`.
public struct ChannelInfoRecord {
    public var backend: CText?
    public var backendDomid: UInt32
    public var frontend: CText?
    public var frontendDomid: UInt32
    public var devid: Int32
    public var state: Int32
    public var eventChannel: Int32
    public var ringReference: Int32
    public var kind: ConnectionKind?
    /// `u.pty.path`, for a PTY.
    public var ptyPath: CText?

    /// What `libxl_channelinfo_init` leaves.
    public init() {
        backend = nil
        backendDomid = 0
        frontend = nil
        frontendDomid = 0
        devid = -1
        state = 0
        eventChannel = 0
        ringReference = 0
        kind = .unknown
        ptyPath = nil
    }

    /// Frees the texts, where they are malloc'd and nobody else's.
    public func freeTexts() {
        free(backend)
        free(frontend)
        free(ptyPath)
    }
}
