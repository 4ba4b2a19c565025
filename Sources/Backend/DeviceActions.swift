import Channel
import XenConsole

/// Does what devices ask for.
final class DeviceActions {
    private let log: Log
    private let table: DeviceTable
    private let publications: Publications
    private let ready: ReadyDevices
    private let retries: Retries
    private let grants: Grants
    private let channels: EventChannels
    private let endpoints: Endpoints

    private static var longestCause: Int { 1024 }

    init(
        _ log: Log, _ table: DeviceTable, _ publications: Publications, _ ready: ReadyDevices, _ retries: Retries,
        _ grants: Grants, _ channels: EventChannels, _ endpoints: Endpoints
    ) {
        self.log = log
        self.table = table
        self.publications = publications
        self.ready = ready
        self.retries = retries
        self.grants = grants
        self.channels = channels
        self.endpoints = endpoints
    }

    /// Makes the device that was found at an address.
    func newDevice(at address: ConsoleAddress, in backendDomid: UInt32, _ reading: DeviceReading) -> Device {
        let endpoint = endpoints.endpoint(for: reading.description, of: address)
        let device = Device(address, backendDomid: backendDomid, reading.description, endpoint)
        endpoint.wake = { [ready, unowned(unsafe) device] event in
            if event == .hasInput { device.hasInput = true }
            ready.add(device)
        }
        // A daemon that was killed may have left it.
        device.publishedError = reading.error
        // One watch a guest: xenstored goes through all of them at every write.
        if table.devices(of: address.domid).isEmpty { watchFrontends(of: address.domid) }
        table.insert(device)
        return device
    }

    func watchFrontends(of domid: UInt32) {
        publications.watch(ConsoleAddress.frontends(of: domid), token: Bytes(decimal: domid))
    }

    /// Lets a device go on by an event, and does what that asks for; then by
    /// the answers to that.
    func step(_ device: Device, _ event: DeviceEvent) {
        var events = [event]
        while !events.isEmpty {
            for action in device.state.step(events.removeFirst()) {
                if let answer = perform(action, of: device) { events.append(answer) }
            }
        }
    }

    /// Does one thing; what came of it, where the device asks for an answer.
    private func perform(_ action: DeviceAction, of device: Device) -> DeviceEvent? {
        switch action {
        case .openEndpoint:
            return openEndpoint(of: device)
        case .closeEndpoint:
            device.endpoint.close()
            log(.info, "\(device.title): closed")
        case .mapRing(let location):
            return mapRing(location, of: device)
        case .unmapRing(let takingRest):
            if let ring = device.ring { unmap(ring, of: device, takingRest: takingRest) }
        case .publish(let state):
            publications.write(device, .state, state.value)
        case .retryLater:
            retries.addLonger(device)
        case .forget:
            forget(device)
        }
        return nil
    }

    private func openEndpoint(of device: Device) -> DeviceEvent {
        ready.add(device)
        do throws(ChannelError) {
            try device.endpoint.open()
        } catch {
            // A word of the toolstack's in it may be as long as a node.
            let cause = Bytes(error.message.bytes.array.prefix(Self.longestCause))
            if device.failures == 0 || device.publishedError != cause { log.error(of: device, "\(error.message); trying again") }
            if device.publishedError != cause { publications.write(device, .error, cause) }
            device.publishedError = cause
            return .endpointFailed
        }
        device.failures = 0
        withdrawError(of: device)
        let terminal = device.endpoint.terminal
        if let terminal { publications.write(device, terminal: terminal) }
        let connection = device.description.connection
        log(.info, "\(device.title): opened as \(Text(unquoted: device.description.word)) \(terminal ?? connection?.path ?? "")")
        return .endpointOpened
    }

    /// Removes what `error` says in the backend's directory.
    func withdrawError(of device: Device) {
        if device.publishedError != nil { publications.remove(device, .error) }
        device.publishedError = nil
    }

    private func mapRing(_ location: RingLocation, of device: Device) -> DeviceEvent {
        let ring: MappedRing
        do throws(MappedRing.Failure) {
            ring = try MappedRing.map(location, of: device, grants, channels)
        } catch {
            // Once for each ring and cause.
            if device.ringFailure != error { log.error(of: device, "\(error.text); trying again") }
            device.ringFailure = error
            return .ringFailed
        }
        if let waiting = try? ring.ring.readable().count, waiting > 0 {
            let delivered = device.endpoint.delivered(location, from: ring.ring.outConsumed, of: waiting)
            if delivered > 0 {
                ring.ring.consume(delivered)
                device.fromGuest += UInt64(delivered)
            }
        }
        device.endpoint.start(location)
        device.ringFailure = nil
        device.failures = 0
        device.ring = ring
        // The daemon before this one may have been killed before it told the guest.
        ring.notify()
        ready.add(device)
        return .ringMapped
    }

    /// Lets go of a device's ring, after taking what the guest has written if that is wanted.
    func unmap(_ ring: MappedRing, of device: Device, takingRest: Bool) {
        if takingRest {
            ring.ring.leave()
            _ = try? device.moveFromGuest(ring)
        }
        ring.unmap()
        device.ring = nil
        device.isBlocked = false
        device.inputIsFull = false
        ready.add(device)
    }

    private func forget(_ device: Device) {
        // It may have kept what tells of an earlier daemon's writes.
        device.endpoint.close()
        device.endpoint.wake = { _ in }
        device.retryAt = nil
        device.lookAt = nil
        table.remove(device)
        let domid = device.address.domid
        if table.devices(of: domid).isEmpty {
            publications.unwatch(ConsoleAddress.frontends(of: domid), token: Bytes(decimal: domid))
        }
        log(.info, "\(device.title): gone")
    }
}
