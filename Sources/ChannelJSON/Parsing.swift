import CYajl
import Channel

/// Parses one JSON text and gives the members that `Key` names to `use`.
///
/// - Throws: `.failed` with yajl's words when the text is no JSON; what `use` throws.
public func parse<Key: MemberKey>(
    _ text: UnsafePointer<CChar>, _: Key.Type,
    _ use: (ObjectReader<Key>) throws(ChannelError) -> Void
) throws(ChannelError) {
    var document = DocumentReader(Schema(Key.self))
    try parse(text, &document) { (_, members) throws(ChannelError) in try use(ObjectReader(members)) }
}

/// Parses one JSON object and gives the elements of its array `array` to `use`,
/// each with its position; a member that is no array has none.
///
/// - Throws: as `parse` of one object.
public func parse<Key: MemberKey>(
    _ text: UnsafePointer<CChar>, elementsOf array: StaticString, _: Key.Type,
    _ use: (Int, ObjectReader<Key>) throws(ChannelError) -> Void
) throws(ChannelError) {
    var document = DocumentReader(Schema(Key.self), elementsOf: array)
    try parse(text, &document) { (index, members) throws(ChannelError) in try use(index, ObjectReader(members)) }
}

/// Parses one JSON text and gives the objects that `document` looks for to
/// `use`, each with its position.
func parse(
    _ text: UnsafePointer<CChar>, _ document: inout DocumentReader,
    _ use: (Int, UnsafeMutablePointer<MemberCollector>) throws(ChannelError) -> Void
) throws(ChannelError) {
    defer { document.dispose() }
    try feed(text, to: &document)
    guard document.array != nil else {
        return try document.object.use { (object) throws(ChannelError) in try use(0, object) }
    }
    for index in document.elements.indices {
        try document.elements[index].use { (object) throws(ChannelError) in try use(index, object) }
    }
}

/// Runs yajl over `text`, with its events going to `document`.
private func feed(_ text: UnsafePointer<CChar>, to document: inout DocumentReader) throws(ChannelError) {
    var callbacks = events
    var failure: ChannelError?
    withUnsafeMutablePointer(to: &document) { context in
        // libxl's options: trailing garbage is allowed (libxl_json.h).
        guard let parser = libxl__yajl_alloc(&callbacks, nil, context) else {
            failure = ChannelError(.noMemory, "no memory for a JSON parser")
            return
        }
        defer { yajl_free(parser) }
        let length = strlen(text)
        let start = UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self)
        var status = yajl_parse(parser, start, length)
        if status == yajl_status_ok { status = yajl_complete_parse(parser) }
        if status != yajl_status_ok {
            var reason: Text = "not JSON"
            if let words = yajl_get_error(parser, 0, start, length) {
                let line = UnsafeBufferPointer(start: words, count: strlen(words)).prefix { $0 != 0x0a }
                reason = Text(unquoted: Bytes(line))
                yajl_free_error(parser, words)
            }
            failure = ChannelError(.failed, reason)
        }
    }
    if let failure { throw failure }
}

/// yajl's events, for a `DocumentReader` as context.
private let events = yajl_callbacks(
    yajl_null: { context in
        reader(context).pointee.null()
        return 1
    },
    yajl_boolean: { context, _ in
        reader(context).pointee.boolean()
        return 1
    },
    yajl_integer: nil,
    yajl_double: nil,
    yajl_number: { context, text, length in
        reader(context).pointee.number(UnsafeBufferPointer(start: bytes(text), count: length))
        return 1
    },
    yajl_string: { context, text, length in
        reader(context).pointee.string(UnsafeBufferPointer(start: text, count: length))
        return 1
    },
    yajl_start_map: { context in
        reader(context).pointee.beginMap()
        return 1
    },
    yajl_map_key: { context, text, length in
        reader(context).pointee.key(UnsafeBufferPointer(start: text, count: length))
        return 1
    },
    yajl_end_map: { context in
        reader(context).pointee.endMap()
        return 1
    },
    yajl_start_array: { context in
        reader(context).pointee.beginArray()
        return 1
    },
    yajl_end_array: { context in
        reader(context).pointee.endArray()
        return 1
    }
)

@inline(__always)
private func reader(_ context: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<DocumentReader> {
    context!.assumingMemoryBound(to: DocumentReader.self)
}

@inline(__always)
private func bytes(_ text: UnsafePointer<CChar>?) -> UnsafePointer<UInt8>? {
    UnsafeRawPointer(text)?.assumingMemoryBound(to: UInt8.self)
}

/// Reads one value of a document that `yajl_tree_parse` parsed, by the events
/// that a parser would have sent for it.
///
/// - Throws: what `use` throws.
func walk(
    _ value: yajl_val, _ schema: Schema,
    _ use: (UnsafeMutablePointer<MemberCollector>) throws(ChannelError) -> Void
) throws(ChannelError) {
    var members = collectMembers(value, schema)
    defer { members.dispose() }
    try members.use(use)
}

@inline(never)
private func collectMembers(_ value: yajl_val, _ schema: Schema) -> MemberCollector {
    var members = MemberCollector(schema)
    members.walk(value)
    return members
}

/// The same, with the members that `Key` names.
func walk<Key: MemberKey>(
    _ value: yajl_val, _: Key.Type, _ use: (ObjectReader<Key>) throws(ChannelError) -> Void
) throws(ChannelError) {
    try walk(value, Schema(Key.self)) { (members) throws(ChannelError) in try use(ObjectReader(members)) }
}

extension MemberCollector {
    /// Gives the collected members to `use`.
    fileprivate mutating func use(
        _ use: (UnsafeMutablePointer<MemberCollector>) throws(ChannelError) -> Void
    ) throws(ChannelError) {
        if isOutOfMemory { throw ChannelError(.noMemory, "no memory for a JSON text's strings") }
        try withUnsafeMutablePointer(to: &self, use)
    }

    /// Sends the events of `value`. Values that no schema looks into (below
    /// the second level, or in arrays) are passed over, so depth is bounded.
    fileprivate mutating func walk(_ value: yajl_val, level: Int = 0) {
        switch value.pointee.type {
        case yajl_t_string:
            if let text = value.pointee.u.string {
                string(UnsafeBufferPointer(start: ChannelJSON.bytes(text), count: strlen(text)))
            }
        case yajl_t_number:
            if let text = value.pointee.u.number.r {
                number(UnsafeBufferPointer(start: ChannelJSON.bytes(text), count: strlen(text)))
            }
        case yajl_t_object:
            beginMap()
            if level < 2 {
                let object = value.pointee.u.object
                let names = UnsafeBufferPointer(start: object.keys, count: object.len)
                let members = UnsafeBufferPointer(start: object.values, count: object.len)
                for case (let name?, let member?) in zip(names, members) {
                    key(UnsafeBufferPointer(start: ChannelJSON.bytes(name), count: strlen(name)))
                    walk(member, level: level + 1)
                }
            }
            endMap()
        case yajl_t_array:
            beginArray()
            endArray()
        case yajl_t_null:
            null()
        default:
            boolean()
        }
    }
}
