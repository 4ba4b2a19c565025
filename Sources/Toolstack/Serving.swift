import Channel
import System
import XenConsole
import XenStore

extension Toolstack {
    /// Waits until the backends of devices that were just added serve them.
    ///
    /// - Throws: `.failed` with a backend's own words, `.timedOut` when it is silent.
    func waitUntilServed(_ devices: [NewDevice], by waiter: Runner.Waiter) throws(ChannelError) {
        var waited = devices.enumerated().map { WaitedDevice(position: $0.offset, device: $0.element) }
        var watched: [Bytes] = []
        for device in devices {
            watched.append(device.backend)
            if !device.plan.program.outlivesGuest { watched.append(device.console.record) }
        }
        let result = try attempt("waiting for the backend") { () throws(StoreError) in
            try waiter.waitForChange(at: watched, until: .now + patience) { batch in
                waited.map { ServingReads($0.device, asking: &batch) }
            } look: { (replies, reads) throws(StoreError) -> Result<Void, ChannelError>? in
                var silent: [WaitedDevice] = []
                for (waiting, reads) in zip(waited, reads) {
                    switch try reads.outcome(replies) {
                    case .served?: continue
                    case .refused(let words)?: return .failure(waiting.error(.failed, "the backend says: \(Text(unquoted: words))"))
                    case .gone?: return .failure(waiting.error(.failed, "it was removed meanwhile"))
                    case nil: silent.append(waiting)
                    }
                }
                waited = silent
                return silent.isEmpty ? .success(()) : nil
            }
        }
        if let result { return try result.get() }
        guard let silent = waited.first else { return }
        throw silent.error(.timedOut, "the backend in domain \(silent.device.plan.backendDomid) did not answer within 10 seconds")
    }
}

/// A device whose backend has not answered.
private struct WaitedDevice {
    let position: Int
    let device: NewDevice

    func error(_ kind: ChannelError.Kind, _ cause: Text) -> ChannelError {
        ChannelError(kind, "\(device.title): \(cause)", at: position)
    }
}

/// The reads that tell whether a device that was just added is served.
private struct ServingReads {
    private let state, error: Batch.Index
    /// The record, if nobody else removes the backend's directory when it goes.
    private let record: Batch.Index?

    init(_ device: NewDevice, asking batch: inout Batch) {
        state = batch.read(device.backend / BackendNode.state)
        error = batch.read(device.backend / BackendNode.error)
        record = device.plan.program.outlivesGuest ? nil : batch.read(device.console.record / "backend")
    }

    /// nil: nothing yet.
    func outcome(_ replies: Replies) throws(StoreError) -> ServingOutcome? {
        if let record, try replies.value(record) == nil { return .gone }
        return ServingOutcome(state: try replies.value(state), error: try replies.value(error))
    }
}

/// What a backend's nodes say of a device that was just added.
enum ServingOutcome: Equatable {
    case served
    case refused(Bytes)
    case gone

    /// nil: nothing yet.
    init?(state: Bytes?, error: Bytes?) {
        guard let state else {
            self = .gone
            return
        }
        if let error, !error.isEmpty {
            self = .refused(error)
        } else if XenbusState(state).isServed {
            self = .served
        } else {
            return nil
        }
    }
}
