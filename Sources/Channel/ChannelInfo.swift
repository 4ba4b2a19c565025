/// The state of a channel's device, as `libxl_device_channel_getinfo` tells it.
public struct ChannelInfo: Sendable, Equatable {
    /// The backend's directory in xenstore.
    public var backend: Bytes
    public var backendDomid: UInt32
    /// The frontend's directory in xenstore.
    public var frontend: Bytes
    public var frontendDomid: UInt32
    public var devid: Int32
    /// The frontend's xenbus state; -1 without one.
    public var state: Int32
    /// The guest's event channel; -1 until it gives one.
    public var eventChannel: Int32
    /// The guest's grant of the ring; -1 until it gives one.
    public var ringReference: Int32
    /// The terminal of a PTY channel; nil until a backend published it.
    public var tty: Bytes?

    public init(
        backend: Bytes, backendDomid: UInt32, frontend: Bytes, frontendDomid: UInt32, devid: Int32,
        state: Int32, eventChannel: Int32, ringReference: Int32, tty: Bytes?
    ) {
        self.backend = backend
        self.backendDomid = backendDomid
        self.frontend = frontend
        self.frontendDomid = frontendDomid
        self.devid = devid
        self.state = state
        self.eventChannel = eventChannel
        self.ringReference = ringReference
        self.tty = tty
    }
}
