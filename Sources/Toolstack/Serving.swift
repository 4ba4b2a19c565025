import Channel
import System
import XenConsole
import XenStore

extension Toolstack {
    /// Waits until the backends of devices that were just added serve them.
    ///
    /// - Throws: `.failed` with a backend's own words, `.timedOut` when it is silent.
    ///
    /// - Parameter waiter: watches what `watchedNodes` gives.
    func waitUntilServed(_ devices: [NewDevice], by waiter: Runner.Waiter) throws(ChannelError) {
        /// The positions of those whose backends have not answered.
        var silent = Array(devices.indices)
        var outcome: ServingOutcome?
        try attempt("waiting for the backend") { () throws(StoreError) in
            _ = try waiter.waitForChange(until: .now + patience) { batch in
                silent.map { ServingReads(devices[$0], asking: &batch) }
            } look: { (replies, reads) throws(StoreError) -> Bool? in
                var still: [Int] = []
                for (position, reads) in zip(silent, reads) {
                    outcome = try reads.outcome(replies)
                    if outcome == .served { continue }
                    still.append(position)
                    if outcome == nil { continue }
                    silent = [position]
                    return true
                }
                silent = still
                return still.isEmpty ? true : nil
            }
        }
        guard let position = silent.first else { return }
        let device = devices[position]
        let kind: ChannelError.Kind, cause: Text
        switch outcome {
        case .refused(let words)?: (kind, cause) = (.failed, "the backend says: \(Text(unquoted: words))")
        case .gone?: (kind, cause) = (.failed, "it was removed meanwhile")
        case .served?, nil: (kind, cause) = (.timedOut, "the backend in domain \(device.plan.backendDomid) did not answer within 10 seconds")
        }
        throw ChannelError(kind, "\(device.title): \(cause)", at: position)
    }
}

/// What tells of the backends of devices that are added.
func watchedNodes(_ devices: [NewDevice]) -> [Bytes] {
    var nodes: [Bytes] = []
    for device in devices {
        nodes.append(device.backend)
        if !device.plan.program.outlivesGuest { nodes.append(device.console.record) }
    }
    return nodes
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
