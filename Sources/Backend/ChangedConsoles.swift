import XenConsole

/// The consoles to be looked at, each once. They are taken round and round in
/// the order of their addresses, so that one which changes without end does not
/// keep the others from being looked at.
struct ChangedConsoles {
    private var keys: [UInt64] = []
    /// The first to be taken is the first at or behind it.
    private var cursor: UInt64 = 0

    var isEmpty: Bool { keys.isEmpty }

    mutating func insert(_ address: ConsoleAddress) {
        let position = position(of: address.key)
        if position == keys.count || keys[position] != address.key { keys.insert(address.key, at: position) }
    }

    /// Takes the next ones, `limit` at most.
    mutating func take(atMost limit: Int) -> [ConsoleAddress] {
        var taken: [ConsoleAddress] = []
        let start = position(of: cursor)
        let end = min(keys.count, start + limit)
        let wrapped = min(start, limit - (end - start))
        for key in keys[start..<end] { taken.append(ConsoleAddress(key: key)) }
        for key in keys[..<wrapped] { taken.append(ConsoleAddress(key: key)) }
        keys.removeSubrange(start..<end)
        keys.removeSubrange(..<wrapped)
        if let last = taken.last { cursor = last.key + 1 }
        return taken
    }

    private func position(of key: UInt64) -> Int {
        keys.partitionPoint { $0 < key }
    }
}
