import System

/// Why an operation failed. Each kind is one of libxl's error codes.
public struct ChannelError: Error {
    public enum Kind: Sendable, Equatable {
        case invalid
        case domainNotFound
        case notFound
        case exists
        case notReady
        case timedOut
        case noMemory
        /// QEMU refused a command: its classes of errors, as libxl has them.
        case qmpGeneric, qmpCommandNotFound, qmpDeviceNotActive, qmpDeviceNotFound, qmpUnknown
        /// QEMU's monitor broke its protocol.
        case qmpProtocol
        case failed
    }

    public var kind: Kind
    /// The cause for people: one line, no domid (the caller puts that before).
    public var message: Text
    /// Which of several channels it is about, where it is about one.
    public var position: Int?

    public init(_ kind: Kind, _ message: Text, at position: Int? = nil) {
        self.kind = kind
        self.message = message
        self.position = position
    }

    /// The same error, with what it is about before the message.
    public func about(_ what: Text, at position: Int? = nil) -> ChannelError {
        ChannelError(kind, "\(what): \(message)", at: position ?? self.position)
    }
}

/// Runs system calls; an error of theirs becomes `.failed` with `what` before it.
public func failing<Result>(
    as what: @autoclosure () -> Text, _ body: () throws(Errno) -> Result
) throws(ChannelError) -> Result {
    do throws(Errno) {
        return try body()
    } catch {
        throw ChannelError(.failed, "\(what()): \(error)")
    }
}
