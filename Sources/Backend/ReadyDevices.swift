import Channel

/// The devices whose rings or endpoints may have something to do, each once.
final class ReadyDevices {
    private var devices: [Device] = []

    var isEmpty: Bool { devices.isEmpty }

    func add(_ device: Device) {
        guard !device.isReady else { return }
        device.isReady = true
        devices.append(device)
    }

    /// Takes them all; from now on each may be added again.
    func take() -> [Device] {
        let taken = devices
        devices.removeAll(keepingCapacity: true)
        for device in taken { device.isReady = false }
        return taken
    }
}
