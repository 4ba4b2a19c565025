import Channel

/// One message from xenstored; its payload is a range of the decoder's bytes.
public struct Message: Sendable, Equatable {
    public var type: UInt32
    public var requestID: UInt32
    public var payload: Range<Int>
}

/// Cuts a stream of bytes into messages, as they arrive.
public struct Decoder: Sendable {
    /// Everything received since the last `reset`.
    public private(set) var bytes: [UInt8] = []
    private var next = 0

    public init() {}

    public mutating func append(_ more: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: more)
    }

    /// The next whole message; nil when more bytes are needed.
    ///
    /// - Throws: `.protocolViolation` for a length that the protocol forbids.
    public mutating func message() throws(StoreError) -> Message? {
        guard bytes.count - next >= Wire.headerSize else { return nil }
        let length = word(12)
        guard length <= UInt32(Wire.payloadLimit) else {
            throw .protocolViolation(StaticText("an oversized message"))
        }
        let start = next + Wire.headerSize
        let end = start + Int(length)
        guard bytes.count >= end else { return nil }
        let message = Message(
            type: word(0), requestID: word(4), payload: start..<end)
        next = end
        return message
    }

    /// Gives away the bytes, on which the messages' ranges rest, and keeps
    /// what belongs to the next message.
    public mutating func takeBytes() -> [UInt8] {
        let taken = bytes
        bytes = next < taken.count ? [UInt8](taken[next...]) : []
        next = 0
        return taken
    }

    private func word(_ offset: Int) -> UInt32 {
        bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: next + offset, as: UInt32.self) }
    }
}

/// A change below a watched path.
public struct WatchEvent: Sendable, Equatable {
    public var path: Bytes
    public var token: Bytes

    public init(path: Bytes, token: Bytes) {
        self.path = path
        self.token = token
    }

    /// Decodes the two NUL-terminated strings of an XS_WATCH_EVENT.
    init?(payload: ArraySlice<UInt8>) {
        guard let first = payload.firstIndex(of: 0) else { return nil }
        let rest = payload[(first + 1)...]
        let second = rest.firstIndex(of: 0) ?? rest.endIndex
        path = Bytes(payload[..<first])
        token = Bytes(rest[..<second])
    }
}
