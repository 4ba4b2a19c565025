import Channel
import ChannelJSON

/// What a command returned.
public struct QMPReply: Sendable, Equatable {
    /// The terminal of `chardev-add`.
    public var pty: Bytes?
    /// The set of `add-fd`.
    public var descriptorSet: Int64?
    /// The ids in the list of `query-chardev`.
    public var chardevs: [Bytes] = []

    public init() {}
}

/// One message from QEMU.
public enum QMPMessage {
    case greeting
    /// Something happened in QEMU. Channels need none of its events.
    case event
    /// The answer to the command with this id. QEMU leaves the id out if it
    /// could not read the command.
    case answer(id: Int64?, Result<QMPReply, ChannelError>)

    /// Decodes one line. An error gets libxl's code for QEMU's class of errors
    /// (libxl_qmp.c) and QEMU's own text.
    ///
    /// - Throws: `.qmpProtocol` for a line that is not a message; `.noMemory`.
    public init(line: Bytes) throws(ChannelError) {
        var message: QMPMessage?
        do throws(ChannelError) {
            try line.withCString { (text) throws(ChannelError) in
                try parse(text, MessageKey.self) { (object) throws(ChannelError) in message = try QMPMessage(object) }
                if case .answer(let id, .success(var reply))? = message {
                    try parse(text, elementsOf: "return", ChardevKey.self) { (_, object) throws(ChannelError) in
                        if let id = try object.takeBytes(.label) { reply.chardevs.append(id) }
                    }
                    message = .answer(id: id, .success(reply))
                }
            }
        } catch {
            guard error.kind != .noMemory else { throw error }
            throw ChannelError(.qmpProtocol, "QEMU sends what is no QMP: \(error.message)")
        }
        guard let message else { throw ChannelError(.qmpProtocol, "QEMU sends a message of no known kind") }
        self = message
    }

    private init?(_ object: ObjectReader<MessageKey>) throws(ChannelError) {
        let id = try object.integer(.id, as: Int64.self)
        if object.has(.error) {
            let kind = ChannelError.Kind(qmpClass: try object.takeBytes(.errorClass) ?? Bytes())
            let text = try object.takeBytes(.errorText) ?? Bytes()
            self = .answer(id: id, .failure(ChannelError(kind, "QEMU says: \(text)")))
        } else if object.has(.result) {
            var reply = QMPReply()
            reply.pty = try object.takeBytes(.pty)
            reply.descriptorSet = try object.integer(.descriptorSet, as: Int64.self)
            self = .answer(id: id, .success(reply))
        } else if object.has(.event) {
            self = .event
        } else if object.has(.greeting) {
            self = .greeting
        } else {
            return nil
        }
    }
}

private enum MessageKey: Int, MemberKey {
    case greeting, id, event, result, error, errorClass, errorText, pty, descriptorSet

    var member: Member<Self> {
        switch self {
        case .greeting: Member("QMP", .map)
        case .id: Member("id", .integer)
        case .event: Member("event", .text)
        case .result: Member("return", .map)
        case .error: Member("error", .map)
        case .errorClass: Member("class", .text, in: .error)
        case .errorText: Member("desc", .text, in: .error)
        case .pty: Member("pty", .text, in: .result)
        case .descriptorSet: Member("fdset-id", .integer, in: .result)
        }
    }
}

/// An element of the list of `query-chardev`.
private enum ChardevKey: Int, MemberKey {
    case label

    var member: Member<Self> {
        switch self {
        case .label: Member("label", .text)
        }
    }
}

extension ChannelError.Kind {
    /// libxl's error for one of QEMU's classes of errors.
    init(qmpClass name: Bytes) {
        switch name {
        case "GenericError": self = .qmpGeneric
        case "CommandNotFound": self = .qmpCommandNotFound
        case "DeviceNotActive": self = .qmpDeviceNotActive
        case "DeviceNotFound": self = .qmpDeviceNotFound
        default: self = .qmpUnknown
        }
    }
}

/// Splits the bytes from QEMU into lines. Each line is one message.
public struct LineDecoder: Sendable {
    /// The longest line, in bytes: thousands of character devices fit.
    public static var limit: Int { 1 << 20 }

    private var bytes: [UInt8] = []
    /// How many bytes at the start are known to hold no line feed.
    private var searched = 0

    public init() {}

    public mutating func append(_ more: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: more)
    }

    /// The next line, without its end; nil when more bytes are needed.
    ///
    /// - Throws: `.qmpProtocol` for a line beyond the limit.
    public mutating func line() throws(ChannelError) -> Bytes? {
        guard let end = bytes[searched...].firstIndex(of: UInt8(ascii: "\n")) else {
            searched = bytes.count
            guard searched <= Self.limit else {
                throw ChannelError(.qmpProtocol, "QEMU sends a line without an end")
            }
            return nil
        }
        let line = Bytes(bytes[..<end])
        bytes.removeFirst(end + 1)
        searched = 0
        return line
    }
}
