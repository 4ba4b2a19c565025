import Testing
import XenConsole

@testable import Backend

let ringA = RingLocation(reference: 8, port: 9)
let ringB = RingLocation(reference: 10, port: 11)

/// Everything that xenstore may say of a device.
let observations: [Observation] = XenbusState.allCases.flatMap { guest in
    XenbusState.allCases.flatMap { own in
        [true, false].flatMap { online in
            [nil, ringA, ringB].map { Observation(guest: guest, own: own, online: online, ring: $0) }
        }
    }
}

let events: [DeviceEvent] =
    observations.map { .observed($0) }
    + [.locationWritten, .stateWritten, .endpointOpened, .endpointFailed, .retry, .ringMapped, .ringFailed, .ringBroken, .vanished]

/// A device together with what its actions have made of the world.
struct Machine: Hashable {
    var state = DeviceState()
    var endpointIsOpen = false
    var isMapped = false
    /// What stands in xenstore as the backend's state, as far as the device was told.
    var published: XenbusState?
    /// The server owes an answer to `openEndpoint`, or to `mapRing`.
    var owesEndpoint = false
    var owesRing = false
    var isForgotten = false

    /// Whether the server could send this event now.
    func expects(_ event: DeviceEvent) -> Bool {
        switch event {
        // An action is answered before anything else happens.
        case .endpointOpened, .endpointFailed: owesEndpoint
        case .ringMapped, .ringFailed: owesRing
        case .observed, .locationWritten, .stateWritten, .retry, .vanished: !owesEndpoint && !owesRing
        case .ringBroken: isMapped && !owesEndpoint && !owesRing
        }
    }

    /// Takes one event, and checks every action against the world.
    mutating func step(_ event: DeviceEvent) -> [DeviceAction] {
        switch event {
        case .observed(let observation): published = observation.own
        case .endpointOpened:
            endpointIsOpen = true
            owesEndpoint = false
        case .endpointFailed: owesEndpoint = false
        case .ringMapped:
            isMapped = true
            owesRing = false
        case .ringFailed: owesRing = false
        case .locationWritten, .stateWritten, .retry, .ringBroken, .vanished: break
        }
        let before = state
        let actions = state.step(event)
        for action in actions {
            switch action {
            case .openEndpoint:
                check(!endpointIsOpen && !owesEndpoint, "opened twice")
                owesEndpoint = true
            case .closeEndpoint:
                check(endpointIsOpen && !isMapped, "unmapping delivers what is left, so it comes first")
                endpointIsOpen = false
            case .mapRing(let location):
                check(endpointIsOpen && !isMapped && !owesRing, "mapped twice, or without an endpoint")
                check(state.seen?.guest.offersRing == true && state.seen?.ring == location, "not offered")
                let isNew = before.ring != location || before.seen?.guest.hasLetGo == true || before.offer == .complete
                check(isNew || event == .retry || state.phase == .waiting, "tried already")
                owesRing = true
            case .unmapRing:
                check(isMapped, "unmapped twice")
                isMapped = false
            case .publish(let new):
                check(new != published, "published unchanged")
                published = new
            case .retryLater: check(event == .endpointFailed || event == .ringFailed, "nothing failed")
            case .forget:
                check(event == .vanished && !endpointIsOpen && !isMapped, "forgotten too early")
                isForgotten = true
            }
        }
        return actions
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(state.phase)
        hasher.combine(state.seen?.guest)
        hasher.combine(state.seen?.own)
        hasher.combine(state.seen?.online)
        hasher.combine(state.seen?.ring?.reference)
        hasher.combine(state.ring?.reference)
        hasher.combine(state.offer)
        hasher.combine(published)
        hasher.combine(owesEndpoint)
        hasher.combine(owesRing)
    }
}

/// As #expect, which takes too long for millions of checks.
func check(_ condition: Bool, _ what: @autoclosure () -> String) {
    if !condition { Issue.record("\(what())") }
}

/// Every machine that any sequence of events leads to, with the events that can come next.
let reachable: [Machine] = {
    var known: Set<Machine> = [Machine()]
    var fresh = Array(known)
    while let machine = fresh.popLast() {
        for event in events where machine.expects(event) {
            var next = machine
            _ = next.step(event)
            if !next.isForgotten, known.insert(next).inserted { fresh.append(next) }
        }
    }
    return Array(known)
}()
