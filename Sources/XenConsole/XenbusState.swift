import Channel

/// The states of a xenbus device's end (xen/io/xenbus.h).
public enum XenbusState: UInt32, Sendable, CaseIterable {
    case unknown = 0
    case initialising = 1
    case initWait = 2
    case initialised = 3
    case connected = 4
    case closing = 5
    case closed = 6
    case reconfiguring = 7
    case reconfigured = 8

    /// The state that a node says; `.unknown` without a node, or with nonsense in it.
    public init(_ value: Bytes?) {
        guard let number = value.flatMap({ unsigned($0.array) }), number <= 8 else {
            self = .unknown
            return
        }
        self = XenbusState(rawValue: UInt32(number)) ?? .unknown
    }

    /// The state as a node says it.
    public var value: Bytes { Bytes(decimal: rawValue) }

    /// Whether a guest in this state offers a ring.
    public var offersRing: Bool { self == .initialised || self == .connected }

    /// Whether a guest in this state has let go of its ring, or never had one.
    public var hasLetGo: Bool {
        switch self {
        case .unknown, .initialising, .initWait, .closed: true
        case .initialised, .connected, .closing, .reconfiguring, .reconfigured: false
        }
    }

    /// Whether a backend in this state has taken the device up.
    public var isServed: Bool {
        switch self {
        case .unknown, .initialising: false
        case .initWait, .initialised, .connected, .closing, .closed, .reconfiguring, .reconfigured: true
        }
    }
}
