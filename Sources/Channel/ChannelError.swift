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
        case failed
    }

    public var kind: Kind
    /// The cause for people: one line, no domid (the caller puts that before).
    public var message: String
    /// Which of several channels it is about, where it is about one.
    public var position: Int?

    public init(_ kind: Kind, _ message: String, at position: Int? = nil) {
        self.kind = kind
        self.message = message
        self.position = position
    }
}
