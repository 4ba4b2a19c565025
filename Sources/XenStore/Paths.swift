import Channel

extension Bytes {
    public static func + (a: Bytes, b: Bytes) -> Bytes {
        var sum = a
        sum.append(b)
        return sum
    }

    /// The path of a child.
    public static func / (path: Bytes, child: Bytes) -> Bytes {
        var joined = path
        joined.array.reserveCapacity(path.count + 1 + child.count)
        joined.array.append(UInt8(ascii: "/"))
        joined.append(child)
        return joined
    }

    /// The path of a numbered child.
    public static func / (path: Bytes, child: some FixedWidthInteger) -> Bytes {
        var joined = path
        joined.array.append(UInt8(ascii: "/"))
        joined.append(decimal: child)
        return joined
    }
}
