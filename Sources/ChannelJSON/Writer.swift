import CLibc
import CYajl
import Channel

/// Writes JSON through a yajl generator; after the first failure it does nothing.
public struct Writer {
    let generator: yajl_gen
    public private(set) var status = yajl_gen_status_ok

    public init(_ generator: yajl_gen) {
        self.generator = generator
    }

    /// Runs one call of the generator, unless one failed before.
    mutating func write(_ call: (yajl_gen) -> yajl_gen_status) {
        if status == yajl_gen_status_ok { status = call(generator) }
    }

    public mutating func beginMap() { write { yajl_gen_map_open($0) } }
    public mutating func endMap() { write { yajl_gen_map_close($0) } }
    public mutating func beginArray() { write { yajl_gen_array_open($0) } }
    public mutating func endArray() { write { yajl_gen_array_close($0) } }
    mutating func null() { write { yajl_gen_null($0) } }

    /// As yajl_gen_integer, which spends a seventh of a channel's time on printf.
    mutating func integer(_ value: Int64) {
        // 19 digits and a sign.
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 20) { buffer in
            var start = 20
            var rest = value.magnitude
            repeat {
                start -= 1
                buffer[start] = CChar(truncatingIfNeeded: 48 + rest % 10)
                rest /= 10
            } while rest > 0
            if value < 0 {
                start -= 1
                buffer[start] = 45
            }
            write { yajl_gen_number($0, buffer.baseAddress! + start, 20 - start) }
        }
    }

    public mutating func literal(_ text: StaticString) {
        write { yajl_gen_string($0, text.utf8Start, text.utf8CodeUnitCount) }
    }

    mutating func text(_ text: CText) {
        write {
            yajl_gen_string($0, UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self), strlen(text))
        }
    }

    /// A member with an integer, left out when it has the default value.
    mutating func member(_ key: StaticString, _ value: Int64, default standard: Int64 = 0) {
        guard value != standard else { return }
        literal(key)
        integer(value)
    }

    /// A member with a text, left out when NULL (libxl__string_is_default).
    mutating func member(_ key: StaticString, _ value: CText?) {
        guard let value else { return }
        literal(key)
        text(value)
    }

    /// A member with an integer, whatever it is.
    public mutating func member(_ key: StaticString, integer value: Int64) {
        literal(key)
        integer(value)
    }

    /// A member with a text, whatever it is.
    public mutating func member(_ key: StaticString, bytes: Bytes) {
        literal(key)
        bytes.array.withUnsafeBufferPointer { buffer in
            write { yajl_gen_string($0, buffer.baseAddress, buffer.count) }
        }
    }

    /// A member with a text that need not be UTF-8: bytes that are not become
    /// lone surrogates, U+DC80 to U+DCFF, as in Python's surrogateescape.
    public mutating func member(_ key: StaticString, anyBytes bytes: Bytes) {
        guard !isUTF8(bytes.array[...]) else { return member(key, bytes: bytes) }
        literal(key)
        let text = escapedText(bytes)
        text.withUnsafeBufferPointer { buffer in
            // What is escaped already is not for yajl_gen_string.
            UnsafeRawBufferPointer(buffer).withMemoryRebound(to: CChar.self) { text in
                write { yajl_gen_number($0, text.baseAddress, text.count) }
            }
        }
    }

    public mutating func member(_ key: StaticString, boolean: Bool) {
        literal(key)
        write { yajl_gen_bool($0, boolean ? 1 : 0) }
    }

    /// A member that is a map, with what `body` writes in it.
    public mutating func map(_ key: StaticString, _ body: (inout Writer) -> Void) {
        literal(key)
        beginMap()
        body(&self)
        endMap()
    }
}

/// Writes one value into a new generator and returns the text, malloc'd, the
/// caller's to free: with libxl's options (beautified, 4 blanks), or else in one line.
@inline(__always)
public func jsonText(
    beautified: Bool = true, _ write: (yajl_gen) -> yajl_gen_status
) throws(ChannelError) -> CText {
    var output = TextOutput()
    let status = try withUnsafeMutablePointer(to: &output) { (output) throws(ChannelError) in
        let generator = try newGenerator(beautified: beautified, output)
        defer { yajl_gen_free(generator) }
        return write(generator)
    }
    return try output.finish(status)
}

/// A generator that writes into `output`.
@inline(never)
func newGenerator(beautified: Bool, _ output: UnsafeMutablePointer<TextOutput>) throws(ChannelError) -> yajl_gen {
    guard let generator = beautified ? libxl_yajl_gen_alloc(nil) : yajl_gen_alloc(nil) else {
        throw ChannelError(.noMemory, "no memory for a JSON generator")
    }
    yajl_gen_print_to(
        generator, { context, text, length in
            // An empty piece may have no address.
            if let text { context!.assumingMemoryBound(to: TextOutput.self).pointee.append(text, length) }
        }, output)
    return generator
}

/// The text that a generator writes, piece by piece. It replaces yajl's own
/// buffer, which takes a third of the time of a channel's JSON, and becomes the
/// caller's text without a copy.
struct TextOutput {
    /// malloc'd; nil before the first piece.
    private var start: CText?
    /// Where the next piece goes.
    private var end: CText?
    /// How many bytes there are from `end` on, one of them for the NUL.
    private var room = 0
    private var isOutOfMemory = false

    /// Half of the pieces are a bracket, a quotation mark or the like.
    @inline(__always)
    mutating func append(_ piece: UnsafePointer<CChar>, _ count: Int) {
        guard count == 1, room > 1, let place = end else { return appendAny(piece, count) }
        place.pointee = piece.pointee
        end = place + 1
        room &-= 1
    }

    @inline(never)
    private mutating func appendAny(_ piece: UnsafePointer<CChar>, _ count: Int) {
        guard count < room || makeRoom(count), let place = end else { return }
        memcpy(place, piece, count)
        end = place + count
        room &-= count
    }

    @inline(never)
    private mutating func makeRoom(_ count: Int) -> Bool {
        let length = end.map { $0 - start! } ?? 0
        let capacity = max(512, 2 * (length + count + 1))
        guard !isOutOfMemory, let larger = realloc(start, capacity) else {
            isOutOfMemory = true
            room = 0
            return false
        }
        start = larger.assumingMemoryBound(to: CChar.self)
        end = start! + length
        room = capacity - length
        return true
    }

    /// The text after the generator's last word.
    @inline(never)
    mutating func finish(_ status: yajl_gen_status) throws(ChannelError) -> CText {
        guard status == yajl_gen_status_ok, !isOutOfMemory, let start, let end else {
            free(start)
            throw isOutOfMemory
                ? ChannelError(.noMemory, "no memory for a JSON text")
                : ChannelError(.failed, "yajl cannot generate JSON: status \(status.rawValue)")
        }
        end.pointee = 0
        return start
    }
}
