/// A PV console of a guest.
struct Place: Equatable {
    var domid: UInt32
    var number: UInt32

    fileprivate var key: UInt64 { UInt64(domid) << 32 | UInt64(number) }
}

/// Finds the slots of devices by their places: sorted, so that a thousand
/// devices cost ten comparisons. (A dictionary would ask the Embedded runtime
/// for random numbers.)
struct PlaceIndex {
    private var entries: [(key: UInt64, slot: Int)] = []

    /// The slot of the device at `place`.
    func slot(of place: Place) -> Int? {
        let position = position(of: place.key)
        guard position < entries.count, entries[position].key == place.key else { return nil }
        return entries[position].slot
    }

    /// Whether a guest has any device.
    func hasDevice(of domid: UInt32) -> Bool {
        let position = position(of: Place(domid: domid, number: 0).key)
        return position < entries.count && entries[position].key >> 32 == UInt64(domid)
    }

    mutating func insert(_ place: Place, slot: Int) {
        entries.insert((place.key, slot), at: position(of: place.key))
    }

    mutating func remove(_ place: Place) {
        let position = position(of: place.key)
        if position < entries.count, entries[position].key == place.key { entries.remove(at: position) }
    }

    /// Where a key is, or would be.
    private func position(of key: UInt64) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].key < key { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
