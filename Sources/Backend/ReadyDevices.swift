/// The devices whose rings or endpoints may have something to do, each once:
/// a list through the devices, which takes no memory.
final class ReadyDevices {
    private var first: Device?
    private var last: Device?

    var isEmpty: Bool { first == nil }

    func add(_ device: Device) {
        guard !device.isReady else { return }
        device.isReady = true
        if let last { last.nextReady = device } else { first = device }
        last = device
    }

    /// Gives each to `body`. One that is added again after its turn waits for the next time.
    func forEach(_ body: (Device) -> Void) {
        var next = first
        first = nil
        last = nil
        while let device = next {
            next = device.nextReady
            device.nextReady = nil
            device.isReady = false
            body(device)
        }
    }
}
