/// Finds, in the events of a parser, the objects to be read: the document
/// itself, or the elements of an array that is a member of the document.
///
/// As in libxl the first of several equal keys counts, and a member that is no
/// array is taken as absent.
struct DocumentReader {
    let schema: Schema
    /// The key of the array; nil when the document itself is the object.
    let array: StaticString?
    /// What was read, in the document's order.
    var objects: [MemberCollector]
    /// How many maps and arrays are open around the objects.
    private var depth = 0
    /// Whether the document is a map.
    private(set) var isMap = false
    /// Whether the array's key was found, and again.
    private(set) var wasFound = false
    private(set) var isRepeated = false
    /// Whether what the key leads to is an array.
    private(set) var isArray = false
    /// How many members of the document come before the array's.
    private(set) var position = 0
    /// The array's value comes next.
    private var isNext = false
    /// The array is open, at depth 2.
    private var isOpen = false

    /// Reads the document itself.
    init(_ schema: Schema) {
        self.schema = schema
        array = nil
        objects = [MemberCollector(schema)]
    }

    /// Reads the elements of the array `key`.
    init(_ schema: Schema, elementsOf key: StaticString) {
        self.schema = schema
        array = key
        objects = []
    }

    /// Frees the texts that were not taken.
    mutating func dispose() {
        for index in objects.indices { objects[index].dispose() }
    }

    /// Whether events go to the last object.
    private var isInside: Bool {
        if array == nil { return true }
        guard isOpen, let last = objects.last else { return false }
        return !last.isComplete
    }

    /// Passes an event on, to a new object where an element begins.
    private mutating func pass(_ event: (inout MemberCollector) -> Void) -> Bool {
        if array != nil, !isInside {
            guard isOpen, depth == 2 else { return false }
            objects.append(MemberCollector(schema))
        }
        event(&objects[objects.count - 1])
        return true
    }

    mutating func key(_ bytes: UnsafeBufferPointer<UInt8>) {
        if isInside { return objects[objects.count - 1].key(bytes) }
        guard let array, isMap, depth == 1 else { return }
        let isKey = bytes.prefix { $0 != 0 }.elementsEqual(
            UnsafeBufferPointer(start: array.utf8Start, count: array.utf8CodeUnitCount))
        isNext = isKey && !wasFound
        if isNext {
            wasFound = true
        } else if isKey {
            isRepeated = true
        } else if !wasFound {
            position += 1
        }
    }

    mutating func null() {
        isNext = false
        _ = pass { $0.null() }
    }

    mutating func boolean() {
        isNext = false
        _ = pass { $0.boolean() }
    }

    mutating func number(_ bytes: UnsafeBufferPointer<UInt8>) {
        isNext = false
        _ = pass { $0.number(bytes) }
    }

    mutating func string(_ bytes: UnsafeBufferPointer<UInt8>) {
        isNext = false
        _ = pass { $0.string(bytes) }
    }

    mutating func beginMap() {
        isNext = false
        if pass({ $0.beginMap() }) { return }
        if depth == 0 { isMap = true }
        depth += 1
    }

    mutating func beginArray() {
        if pass({ $0.beginArray() }) { return }
        if isNext {
            isOpen = true
            isArray = true
        }
        isNext = false
        depth += 1
    }

    mutating func endMap() {
        if isInside { objects[objects.count - 1].endMap() } else { depth -= 1 }
    }

    mutating func endArray() {
        if isInside { return objects[objects.count - 1].endArray() }
        depth -= 1
        if depth == 1 { isOpen = false }
    }
}
