// The xenstore protocol's own words (xen/io/xs_wire.h, docs/misc/xenstore.txt).

/// The requests that this client sends, and the two messages only the server sends.
public enum Operation: UInt32, Sendable {
    case directory = 1
    case read = 2
    case watch = 4
    case unwatch = 5
    case transactionStart = 6
    case transactionEnd = 7
    case write = 11
    case makeDirectory = 12
    case remove = 13
    case setPermissions = 14
    case watchEvent = 15
    case error = 16
    case directoryPart = 22

    /// Whether the request changes nothing, so that it may be sent twice.
    var isHarmless: Bool {
        switch self {
        case .directory, .read, .directoryPart, .transactionStart: true
        default: false
        }
    }
}

/// A transaction's number; 0 stands for none.
public struct Transaction: Sendable, Equatable {
    public let id: UInt32

    public init(id: UInt32) {
        self.id = id
    }

    /// Requests outside of any transaction.
    public static var none: Transaction { Transaction(id: 0) }
}

/// One domain's access to a node; the first of a node's permissions names its
/// owner and the access of everybody else.
public struct Permission: Sendable, Equatable {
    public enum Access: UInt8, Sendable {
        case none = 0x6e  // n
        case read = 0x72  // r
        case write = 0x77  // w
        case both = 0x62  // b
    }

    public var access: Access
    public var domid: UInt32

    public init(_ access: Access, _ domid: UInt32) {
        self.access = access
        self.domid = domid
    }
}

/// The sizes of the protocol.
public enum Wire {
    /// struct xsd_sockmsg: type, req_id, tx_id, len.
    public static var headerSize: Int { 16 }
    /// XENSTORE_PAYLOAD_MAX.
    public static var payloadLimit: Int { 4096 }
    /// XENSTORE_ABS_PATH_MAX.
    public static var pathLimit: Int { 3072 }
}
