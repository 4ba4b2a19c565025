extension Bytes {
    public static func + (a: consuming Bytes, b: Bytes) -> Bytes {
        a.append(b)
        return a
    }

    /// The path of a child, in xenstore or among files.
    public static func / (path: consuming Bytes, child: Bytes) -> Bytes {
        path.reserve(1 + child.count)
        path.array.append(UInt8(ascii: "/"))
        path.append(child)
        return path
    }

    /// The path of a numbered child.
    public static func / (path: consuming Bytes, child: some FixedWidthInteger) -> Bytes {
        path.reserve(21)
        path.array.append(UInt8(ascii: "/"))
        path.append(decimal: child)
        return path
    }

    /// Makes room for a child, and more for those that mostly come after it:
    /// a path is then built in one piece of memory.
    private mutating func reserve(_ more: Int) {
        if array.capacity < count + more { array.reserveCapacity(count + more + 64) }
    }
}
