import XenConsole

/// The devices that are served, in the order of domids and console numbers:
/// sorted, so that a thousand cost ten comparisons. (A dictionary would ask the
/// Embedded runtime for random numbers.)
final class DeviceTable {
    private(set) var devices: [Device] = []

    /// The device at an address.
    subscript(address: ConsoleAddress) -> Device? {
        let position = position(of: address.key)
        guard position < devices.count, devices[position].address == address else { return nil }
        return devices[position]
    }

    /// The devices of a guest.
    func devices(of domid: UInt32) -> ArraySlice<Device> {
        let first = UInt64(domid) << 32
        // No console has the highest number.
        return devices[position(of: first)..<position(of: first | UInt64(UInt32.max))]
    }

    /// Puts a device in, where none is.
    func insert(_ device: Device) {
        devices.insert(device, at: position(of: device.address.key))
    }

    func remove(_ device: Device) {
        let position = position(of: device.address.key)
        if position < devices.count, devices[position] === device { devices.remove(at: position) }
    }

    /// Where a key is, or would be.
    private func position(of key: UInt64) -> Int {
        devices.partitionPoint { $0.address.key < key }
    }
}

extension ConsoleAddress {
    /// Its place in the order of all.
    var key: UInt64 { UInt64(domid) << 32 | UInt64(number) }

    init(key: UInt64) {
        self.init(domid: UInt32(key >> 32), devid: Int32(truncatingIfNeeded: key & 0xffff_ffff) - 1)
    }
}
