import CLibc
import Channel
import XenStore

/// How long a backend, or a guest, may take to do its part: libxl's
/// LIBXL_DESTROY_TIMEOUT, in milliseconds.
let patience: Int64 = 10_000

extension Toolstack {
    /// Waits until the backends of devices that were just added serve them.
    ///
    /// - Throws: `.failed` with a backend's own words, `.timedOut` when it is silent.
    func waitUntilServed(_ devices: [Device]) throws(ChannelError) {
        for (position, device) in devices.enumerated() {
            let backend = device.console.backend(in: device.backendDomid)
            var nodes = [backend / "state", backend / "error"]
            var directories = [backend]
            // xenchanneld removes what is left of a domain; a domain's QEMU has ended before.
            if device.server != .xenchanneld {
                nodes.append(device.console.record / "backend")
                directories.append(device.console.record)
            }
            let outcome = try attempt("waiting for the backend of \(device.title)") { () throws(StoreError) in
                try waitForChange(of: nodes, below: directories, milliseconds: patience) { values in
                    values.count > 2 && values[2] == nil ? .gone : ServingOutcome(state: values[0], error: values[1])
                }
            }
            switch outcome {
            case .served?: continue
            case .refused(let text)?:
                throw ChannelError(.failed, "\(device.title): the backend says: \(Text(unquoted: text))", at: position)
            case .gone?:
                throw ChannelError(.failed, "\(device.title) was removed meanwhile", at: position)
            case nil:
                throw ChannelError(.timedOut, "\(device.title): the backend in domain \(device.backendDomid) did not answer within 10 seconds", at: position)
            }
        }
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
        } else if let number = unsigned(state.array), number >= 2 {
            self = .served
        } else {
            return nil
        }
    }
}
