import CLibc
import Channel
import System

/// What can go wrong between this client and xenstored.
public enum StoreError: Error, Equatable {
    /// xenstored answered with an error; the number is the local errno.
    case refused(Int32)
    /// xenstored cannot be reached, or went away; with errno, 0 for an end of file.
    case disconnected(Int32)
    /// No answer in time.
    case timedOut
    /// An answer that breaks the protocol.
    case protocolViolation(StaticText)
    /// A request that the protocol cannot carry.
    case tooLong
}

/// A fixed text that can be compared (StaticString cannot).
public struct StaticText: Sendable, Equatable {
    public let text: StaticString

    public init(_ text: StaticString) {
        self.text = text
    }

    public static func == (a: StaticText, b: StaticText) -> Bool {
        a.text.utf8Start == b.text.utf8Start || Bytes(a.text) == Bytes(b.text)
    }
}

extension StoreError {
    /// Whether it is xenstored's own answer: the request had no effect.
    public var isRefusal: Bool {
        switch self {
        case .refused, .tooLong: true
        case .disconnected, .timedOut, .protocolViolation: false
        }
    }

    /// The error in words.
    public var text: Text {
        switch self {
        case .refused(let number): "xenstored refused it: \(Errno(number))"
        case .disconnected(0): "xenstored closed the connection"
        case .disconnected(let number): "no connection to xenstored: \(Errno(number))"
        case .timedOut: "xenstored did not answer within 10 seconds"
        case .protocolViolation(let what): "xenstored broke the protocol: \(what.text)"
        case .tooLong: "a xenstore path or value is too long"
        }
    }
}

/// The errno of an XS_ERROR's name (xsd_errors in xs_wire.h); EIO for a name
/// that is not among them, as the request did fail.
func errorNumber(named payload: ArraySlice<UInt8>) -> Int32 {
    let name = Bytes(payload.prefix { $0 != 0 })
    let names: [(StaticString, Int32)] = [
        ("ENOENT", ENOENT), ("EAGAIN", EAGAIN), ("EACCES", EACCES), ("EEXIST", EEXIST),
        ("E2BIG", E2BIG), ("EINVAL", EINVAL), ("EISDIR", EISDIR), ("ENOMEM", ENOMEM),
        ("ENOSPC", ENOSPC), ("EIO", EIO), ("ENOTEMPTY", ENOTEMPTY), ("ENOSYS", ENOSYS),
        ("EROFS", EROFS), ("EBUSY", EBUSY), ("EISCONN", EISCONN), ("EPERM", EPERM),
    ]
    for (known, number) in names where name.isEqual(to: known) { return number }
    return EIO
}
