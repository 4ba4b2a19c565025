import CLibc

/// What a parser looks for under one key of a JSON object.
public struct Member<Key: MemberKey> {
    public let key: StaticString
    public let type: MemberType
    /// The member whose map this one is in; nil in the object itself.
    public let parent: Key?

    public init(_ key: StaticString, _ type: MemberType, in parent: Key? = nil) {
        self.key = key
        self.type = type
        self.parent = parent
    }
}

/// The JSON type of a member.
public enum MemberType: Sendable {
    case integer, text, map
}

/// The members of one kind of JSON object, each with a name that the compiler
/// checks. The cases count from 0.
public protocol MemberKey: RawRepresentable<Int>, CaseIterable, Sendable {
    var member: Member<Self> { get }
    /// Whether a member of the wrong JSON type is an error. libxl's parsers
    /// take such a member as absent.
    static var isStrict: Bool { get }
    /// The member that stands for the whole value, which then is not a map.
    static var whole: Self? { get }
}

extension MemberKey {
    public static var isStrict: Bool { false }
    public static var whole: Self? { nil }
}

/// What the collector of members knows of a `MemberKey`, without its type: one
/// collector serves every kind of object.
struct Schema {
    /// A member, by its key's raw value.
    struct Slot {
        let index: Int
        let type: MemberType
    }

    let count: Int
    let isStrict: Bool
    let whole: Slot?
    /// The member that a JSON key leads to in the object or in a member's map,
    /// looked for from one member on and then from the first.
    let find: (_ key: UnsafeBufferPointer<UInt8>, _ parent: Int?, _ start: Int) -> Slot?
    /// A member's JSON key, for messages.
    let key: (_ index: Int) -> StaticString

    init<Key: MemberKey>(_: Key.Type) {
        count = Key.allCases.count
        isStrict = Key.isStrict
        whole = Key.whole.map { Slot(index: $0.rawValue, type: $0.member.type) }
        find = { bytes, parent, start in
            var index = start
            for _ in Key.allCases {
                let key = Key(rawValue: index) ?? Key(rawValue: 0)!
                let member = key.member
                if member.parent?.rawValue == parent, member.key.isEqual(to: bytes) {
                    return Slot(index: key.rawValue, type: member.type)
                }
                index = key.rawValue + 1
            }
            return nil
        }
        key = { Key(rawValue: $0)!.member.key }
    }
}

/// The bytes of a key that libxl sees, which reads it as a C string.
func upToNUL(_ bytes: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(rebasing: bytes.prefix { $0 != 0 })
}

extension StaticString {
    func isEqual(to bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        utf8CodeUnitCount == bytes.count
            && (bytes.isEmpty || memcmp(utf8Start, bytes.baseAddress!, bytes.count) == 0)
    }
}
