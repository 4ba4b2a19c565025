// The life of a served device as a pure function: (state, event) → (state, actions).
// What is executed, and how it fails, is in DeviceActions.
import XenConsole

/// Where a guest says that its ring is.
public struct RingLocation: Sendable, Equatable {
    /// The grant of the page.
    public var reference: UInt32
    /// The guest's event channel.
    public var port: UInt32

    public init(reference: UInt32, port: UInt32) {
        self.reference = reference
        self.port = port
    }
}

/// What xenstore says of a device.
public struct Observation: Sendable, Equatable {
    /// The guest's state; `.unknown` without a node, or with nonsense in it.
    public var guest: XenbusState
    /// The backend's own state, which the toolstack writes too.
    public var own: XenbusState
    /// Whether the toolstack wants the device.
    public var online: Bool
    public var ring: RingLocation?

    public init(guest: XenbusState, own: XenbusState, online: Bool, ring: RingLocation?) {
        self.guest = guest
        self.own = own
        self.online = online
        self.ring = ring
    }
}

/// What happened to a device.
public enum DeviceEvent: Sendable, Equatable {
    case observed(Observation)
    /// The guest has written where its ring is.
    case locationWritten
    /// The guest has written its state.
    case stateWritten
    case endpointOpened
    /// The endpoint cannot be opened now.
    case endpointFailed
    /// Time to try again what failed.
    case retry
    case ringMapped
    /// The ring cannot be mapped now.
    case ringFailed
    /// The guest's indices are impossible.
    case ringBroken
    /// The backend's directory is gone.
    case vanished
}

/// What is to be done, in this order.
public enum DeviceAction: Sendable, Equatable {
    /// Answered by `endpointOpened` or `endpointFailed`.
    case openEndpoint
    case closeEndpoint
    /// Answered by `ringMapped` or `ringFailed`.
    case mapRing(RingLocation)
    /// Lets go of the page; before that, `takingRest`, takes what the guest has written.
    case unmapRing(takingRest: Bool)
    case publish(XenbusState)
    /// `retry` is wanted in a second.
    case retryLater
    case forget
}

/// A device as its backend sees it.
public struct DeviceState: Sendable, Equatable {
    public enum Phase: Sendable, CaseIterable {
        /// The endpoint is not open.
        case new
        /// The endpoint is open, the guest not connected.
        case waiting
        /// Bytes flow.
        case connected
        /// The guest lets go, or has a ring that cannot be used.
        case closing
        /// The toolstack does not want it any more, and all is closed.
        case closed
    }

    public internal(set) var phase = Phase.new
    public internal(set) var seen: Observation?
    /// The ring that is mapped, or failed, or is broken: not to be mapped again.
    public internal(set) var ring: RingLocation?
    /// The endpoint could not be opened; whatever is observed, it is tried again only after a while.
    public internal(set) var waitsForRetry = false
    /// The ring could not be mapped; so is the same one again.
    var ringWaitsForRetry = false

    /// What the guest has written since a ring was mapped.
    enum Offer: Sendable {
        case none
        /// Where its ring is,
        case location
        /// and then its state: it offers a ring, new even where its numbers are the old ones.
        case complete
    }
    var offer = Offer.none

    public init() {}

    /// Whether the endpoint is open.
    var hasEndpoint: Bool { phase == .waiting || phase == .connected || phase == .closing }

    /// Goes on by one event.
    public mutating func step(_ event: DeviceEvent) -> [DeviceAction] {
        switch event {
        case .observed(let observation):
            seen = observation
            return settle()
        case .locationWritten:
            offer = .location
            return []
        case .stateWritten:
            if offer == .location { offer = .complete }
            return []
        case .retry:
            if ringWaitsForRetry { ring = nil }
            ringWaitsForRetry = false
            waitsForRetry = false
            return settle()
        case .endpointOpened:
            guard phase == .new else { return [] }
            phase = .waiting
            return settle()
        case .endpointFailed:
            guard phase == .new else { return [] }
            waitsForRetry = true
            return [.retryLater]
        case .ringMapped:
            guard phase == .waiting || phase == .closing else { return [] }
            phase = .connected
            return settle()
        case .ringFailed:
            guard phase == .waiting || phase == .closing else { return [] }
            ringWaitsForRetry = true
            return [.retryLater] + settle()
        case .ringBroken:
            guard phase == .connected else { return [] }
            phase = .closing
            return [.unmapRing(takingRest: false)] + publish(.closing)
        case .vanished:
            var actions: [DeviceAction] = []
            if phase == .connected { actions.append(.unmapRing(takingRest: true)) }
            if hasEndpoint { actions.append(.closeEndpoint) }
            phase = .closed
            // Whatever still comes is of no device.
            seen = nil
            return actions + [.forget]
        }
    }

    /// Does what the last observation asks for.
    private mutating func settle() -> [DeviceAction] {
        guard let seen else { return [] }
        switch phase {
        case .new:
            if seen.online { return waitsForRetry ? [] : [.openEndpoint] }
            waitsForRetry = false
            phase = .closed
            return publish(.closed)

        case .waiting:
            if !seen.online { return closeDown() }
            if seen.guest.offersRing { return mapIfNew() ?? publish(.initWait) }
            ring = nil
            // One that began to close while no daemon was there may wait for an answer;
            // one whose driver failed says the same, and does nothing any more.
            return publish(seen.guest == .closing ? .closing : .initWait)

        case .connected:
            if seen.guest.hasLetGo {
                ring = nil
                return [.unmapRing(takingRest: true)] + letGo()
            }
            if seen.guest == .closing {
                phase = .closing
                return [.unmapRing(takingRest: true)] + publish(.closing)
            }
            let old = ring
            if seen.guest == .initialised && seen.ring != ring || offer == .complete,
                seen.guest.offersRing, let actions = mapIfNew()
            {
                // The driver began again without closing, or closed between two looks.
                // What is in the same page is taken when it is mapped again.
                phase = .waiting
                return [.unmapRing(takingRest: old?.reference != ring?.reference)] + actions
            }
            // Offline, 5 tells the guest to let go; the toolstack has written it,
            // but the daemon's own 4 may have come after.
            return publish(seen.online ? .connected : .closing)

        case .closing:
            if seen.guest.hasLetGo {
                ring = nil
                return letGo()
            }
            if seen.guest.offersRing {
                // Offered again is only the ring that cannot be used.
                if !seen.online { return closeDown() }
                return mapIfNew() ?? []
            }
            return publish(.closing)

        case .closed:
            guard seen.online else { return publish(.closed) }
            phase = .new
            return settle()
        }
    }

    /// The guest has no ring any more.
    private mutating func letGo() -> [DeviceAction] {
        guard seen?.online == true else { return closeDown() }
        phase = .waiting
        return publish(.initWait)
    }

    private mutating func closeDown() -> [DeviceAction] {
        phase = .closed
        return [.closeEndpoint] + publish(.closed)
    }

    /// nil when the guest offers no ring, or only the one that was tried.
    private mutating func mapIfNew() -> [DeviceAction]? {
        guard let offered = seen?.ring, offered != ring || offer == .complete else { return nil }
        ring = offered
        offer = .none
        ringWaitsForRetry = false
        return [.mapRing(offered)]
    }

    /// Publishes a state unless it stands there already.
    private mutating func publish(_ state: XenbusState) -> [DeviceAction] {
        guard seen?.own != state else { return [] }
        seen?.own = state
        return [.publish(state)]
    }
}
