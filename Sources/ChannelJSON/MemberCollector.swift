import CLibc
import Channel

/// Collects the members of one JSON value that a schema names, from the events
/// of a parser, without building a tree.
///
/// It follows libxl's rules (libxl_json.c, gentypes.py): the first of several
/// equal keys counts; texts and keys end at the first NUL; a number without a
/// decimal point is an integer, read by its leading digits, unless it exceeds
/// 64 bits; members that the schema does not name are ignored, and so is
/// everything when the value is not a map.
struct MemberCollector {
    /// What was found for one member.
    enum Found {
        case nothing
        /// Present, but not of the member's type.
        case mismatch
        case integer(Int64)
        /// A malloc'd C string, or JSON's null.
        case text(CText?)
        case map
    }

    let schema: Schema
    private(set) var found: [Found]
    /// There was no memory for a text.
    private(set) var isOutOfMemory = false
    /// How many maps and arrays are open.
    private var depth = 0
    /// Whether the value is a map, once it began.
    private(set) var isMap = false
    /// The member whose value comes next.
    private var pending: Schema.Slot?
    /// The member to compare a key with first: most texts have the schema's order.
    private var likely = 0
    /// The member whose map is open, at depth 2.
    private var openMap: Int?

    @inline(never)
    init(_ schema: Schema) {
        self.schema = schema
        pending = schema.whole
        found = [Found](repeating: .nothing, count: schema.count)
    }

    /// Frees the texts that were not taken.
    @inline(never)
    mutating func dispose() {
        for index in found.indices {
            if case .text(let text) = found[index] { free(text) }
            found[index] = .nothing
        }
    }

    // The functions that only read are mutating too: a call of any other through
    // a pointer copies the collector.

    /// The value of an integer member; nil when absent.
    ///
    /// - Throws: `.failed` when `Number` cannot hold it, or in a strict schema
    ///   when it is not an integer.
    mutating func integer<Number: FixedWidthInteger>(_ index: Int, as: Number.Type) throws(ChannelError) -> Number? {
        guard case .integer(let value) = found[index] else {
            try checkType(index)
            return nil
        }
        guard let number = Number(exactly: value) else {
            throw ChannelError(.failed, "\"\(schema.key(index))\": \(value) is out of range")
        }
        return number
    }

    /// Hands over the text of a member, which becomes the caller's; nil when
    /// absent or null.
    mutating func takeText(_ index: Int) throws(ChannelError) -> CText? {
        if case .text(let text) = found[index] {
            found[index] = .nothing
            return text
        }
        try checkType(index)
        return nil
    }

    /// Whether a member is there, whatever its value.
    mutating func has(_ index: Int) -> Bool {
        if case .nothing = found[index] { return false }
        return true
    }

    /// Whether a member is there and is a map.
    @inline(never)
    mutating func hasMap(_ index: Int) throws(ChannelError) -> Bool {
        if case .map = found[index] { return true }
        try checkType(index)
        return false
    }

    @inline(never)
    private mutating func checkType(_ index: Int) throws(ChannelError) {
        if schema.isStrict, case .mismatch = found[index] {
            throw ChannelError(.failed, "\"\(schema.key(index))\" has a value of the wrong type")
        }
    }
}

// The parser's events.
extension MemberCollector {
    /// Whether the value has ended, once it began.
    var isComplete: Bool { depth == 0 }

    mutating func key(_ bytes: UnsafeBufferPointer<UInt8>) {
        pending = nil
        let parent: Int?
        switch depth {
        case 1 where isMap: parent = nil
        case 2 where openMap != nil: parent = openMap
        default: return
        }
        guard let slot = schema.find(upToNUL(bytes), parent, likely) else { return }
        likely = slot.index + 1
        if case .nothing = found[slot.index] { pending = slot }
    }

    mutating func null() {
        take(.text(nil), as: .text)
    }

    mutating func boolean() {
        take(.mismatch, as: nil)
    }

    mutating func number(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard pending != nil else { return }
        if let integer = integerValue(bytes) {
            take(.integer(integer), as: .integer)
        } else {
            take(.mismatch, as: nil)
        }
    }

    mutating func string(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let pending else { return }
        guard pending.type == .text else { return take(.mismatch, as: nil) }
        let copy =
            bytes.count == 0
            ? strdup("")
            : strndup(UnsafeRawPointer(bytes.baseAddress!).assumingMemoryBound(to: CChar.self), bytes.count)
        if copy == nil { isOutOfMemory = true }
        take(.text(copy), as: .text)
    }

    mutating func beginMap() {
        let member = pending
        take(.map, as: .map)
        if depth == 0 { isMap = true }
        if depth == 1, let member, case .map = found[member.index] { openMap = member.index }
        depth += 1
    }

    mutating func beginArray() {
        take(.mismatch, as: nil)
        depth += 1
    }

    mutating func endMap() {
        depth -= 1
        if depth == 1 { openMap = nil }
    }

    mutating func endArray() {
        depth -= 1
    }

    /// Notes the pending member's value: `value` if the schema wants this
    /// `type`, else a mismatch.
    private mutating func take(_ value: Found, as type: MemberType?) {
        guard let slot = pending else { return }
        pending = nil
        found[slot.index] = slot.type == type ? value : .mismatch
    }
}

/// A JSON number as libxl's parser takes it: nil when it has a decimal point
/// or exceeds 64 bits, else the value of its leading digits.
func integerValue(_ bytes: some Collection<UInt8>) -> Int64? {
    guard !bytes.contains(UInt8(ascii: ".")) else { return nil }
    var negative = false
    var value: Int64 = 0
    var digits = bytes[...]
    if digits.first == UInt8(ascii: "-") {
        negative = true
        digits.removeFirst()
    }
    for byte in digits {
        guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { break }
        let digit = Int64(byte - UInt8(ascii: "0"))
        let (tens, overflow1) = value.multipliedReportingOverflow(by: 10)
        let (sum, overflow2) =
            negative ? tens.subtractingReportingOverflow(digit) : tens.addingReportingOverflow(digit)
        if overflow1 || overflow2 { return nil }
        value = sum
    }
    return value
}
