import CLibc
import Channel

/// The members of one parsed JSON object, by the names of its schema.
///
/// It is valid within the call that it is given to.
public struct ObjectReader<Key: MemberKey> {
    private let members: UnsafeMutablePointer<MemberCollector>

    /// - Parameter members: collected by the schema of `Key`.
    init(_ members: UnsafeMutablePointer<MemberCollector>) {
        self.members = members
    }

    /// Whether the value is a map.
    var isMap: Bool { members.pointee.isMap }

    /// The value of an integer member; nil when absent.
    ///
    /// - Throws: `.failed` when `Number` cannot hold it, or in a strict schema
    ///   when it is not an integer.
    public func integer<Number: FixedWidthInteger>(_ key: Key, as: Number.Type) throws(ChannelError) -> Number? {
        assert(key.member.type == .integer)
        return try members.pointee.integer(key.rawValue, as: Number.self)
    }

    /// Hands over the text of a member, which becomes the caller's; nil when
    /// absent or null.
    public func takeText(_ key: Key) throws(ChannelError) -> CText? {
        assert(key.member.type == .text)
        return try members.pointee.takeText(key.rawValue)
    }

    /// The text of a member, copied; nil when absent or null.
    public func takeBytes(_ key: Key) throws(ChannelError) -> Bytes? {
        guard let text = try takeText(key) else { return nil }
        defer { free(text) }
        return Bytes(cString: text)
    }

    /// Whether a member is there, whatever its value.
    public func has(_ key: Key) -> Bool {
        members.pointee.has(key.rawValue)
    }

    /// Whether a member is there and is a map.
    func hasMap(_ key: Key) throws(ChannelError) -> Bool {
        assert(key.member.type == .map)
        return try members.pointee.hasMap(key.rawValue)
    }
}
