import Channel
import XenConsole
import XenStore

// What the daemon does about what it reads of consoles.
extension Conversation {
    func look(at addresses: [ConsoleAddress]) {
        // What devices have to do then takes a while: whoever else has bytes is
        // to have a turn right after.
        channels.takeAll()
        var batch = Batch()
        let consoles = addresses.map { DeviceNodes($0, in: session.ownDomid, asking: &batch) }
        session.run(SingleBatch(batch)) { [unowned(unsafe) self] result in
            guard case .success(let replies) = result else { return }
            // What goes, goes first: what comes may want its file or its socket.
            var there: [(ConsoleAddress, DeviceReading)] = []
            for console in consoles {
                if let reading = console.reading(replies) {
                    there.append((console.address, reading))
                } else if let device = table[console.address] {
                    actions.step(device, .vanished)
                }
            }
            for (address, reading) in there { look(at: address, reading) }
        }
    }

    private func look(at address: ConsoleAddress, _ reading: DeviceReading) {
        var device = table[address]
        if let known = device {
            // It has said something since.
            guard known.unpublished == 0 else { return todo.changed.insert(address) }
            // What was to be said of an error may have been lost with xenstored.
            known.publishedError = reading.error
            if reading.error != nil, known.state.hasEndpoint { actions.withdrawError(of: known) }
            if reading.isDomainGone {
                actions.step(known, .vanished)
                todo.orphans.append(address)
                return
            }
            if reading.isOfAnother(than: known) {
                // It was removed, and another one added, between two looks.
                actions.step(known, .vanished)
                device = nil
            }
        }
        if device == nil, reading.isForUs { device = actions.newDevice(at: address, in: session.ownDomid, reading) }
        if let device { actions.step(device, .observed(reading.observation)) }
    }
}

extension DeviceReading {
    /// Whether the nodes are not those that `device` was made from. Only the
    /// toolstack writes state 1, when it makes the nodes.
    fileprivate func isOfAnother(than device: Device) -> Bool {
        observation.own == .initialising && device.state.phase != .new || description != device.description
    }
}
