/// Finds, in the events of a parser, the objects to be read: the document
/// itself, or the elements of an array that is a member of the document.
///
/// As in libxl the first of several equal keys counts, and a member that is no
/// array is taken as absent.
struct DocumentReader {
    /// The key of the array; nil when the document itself is the object.
    let array: StaticString?
    /// The document itself, or the element that is being read.
    var object: MemberCollector
    /// The elements that were read, in the document's order.
    var elements: [MemberCollector] = []
    /// Whether events go to `object`.
    private var isInside: Bool
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
        array = nil
        object = MemberCollector(schema)
        isInside = true
    }

    /// Reads the elements of the array `key`.
    init(_ schema: Schema, elementsOf key: StaticString) {
        array = key
        object = MemberCollector(schema)
        isInside = false
    }

    /// Frees the texts that were not taken.
    mutating func dispose() {
        object.dispose()
        for index in elements.indices { elements[index].dispose() }
    }

    /// Passes an event on to the object, which it begins where an element begins.
    private mutating func pass(_ event: (inout MemberCollector) -> Void) -> Bool {
        guard isInside || isOpen && depth == 2 else { return false }
        event(&object)
        if array != nil { finishElement() }
        return true
    }

    /// After an event of an element: stores the element if it is complete.
    @inline(never)
    private mutating func finishElement() {
        isInside = !object.isComplete
        if isInside { return }
        elements.append(object)
        object = MemberCollector(object.schema)
    }

    mutating func key(_ bytes: UnsafeBufferPointer<UInt8>) {
        if isInside { return object.key(bytes) }
        guard let array, isMap, depth == 1 else { return }
        let isKey = array.isEqual(to: upToNUL(bytes))
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
        guard isInside else {
            depth -= 1
            return
        }
        object.endMap()
        if array != nil { finishElement() }
    }

    mutating func endArray() {
        guard isInside else {
            depth -= 1
            if depth == 1 { isOpen = false }
            return
        }
        object.endArray()
        if array != nil { finishElement() }
    }
}
