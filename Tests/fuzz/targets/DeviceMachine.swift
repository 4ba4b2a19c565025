// The life of a device, checked against what its actions make of the world.
import XenConsole

@testable import Backend

func device(_ input: inout Input) {
    var machine = Machine()
    while !input.isEmpty {
        let event = machine.event(&input)
        machine.step(event)
        if machine.isForgotten { return }
        machine.check()
        if case .observed = event { machine.checkRepeated() }
    }
    machine.checkEnd()
}

private let rings: [RingLocation?] = [
    nil, RingLocation(reference: 8, port: 9), RingLocation(reference: 10, port: 11), RingLocation(reference: 8, port: 11),
]

/// A device with what its actions have made of the world; the daemon's tests
/// have the same model for every reachable state.
private struct Machine {
    var state = DeviceState()
    var isOpen = false
    var isMapped = false
    /// What stands in xenstore as the backend's state, as far as the device was told.
    var published: XenbusState?
    /// The answers that are owed to `openEndpoint`, and to `mapRing`.
    var owesEndpoint = false
    var owesRing = false
    var isForgotten = false

    /// The next event. An action is answered before anything else happens.
    func event(_ input: inout Input) -> DeviceEvent {
        let kind = input.byte()
        if owesEndpoint { return kind % 4 == 0 ? .endpointFailed : .endpointOpened }
        if owesRing { return kind % 4 == 0 ? .ringFailed : .ringMapped }
        switch kind % 16 {
        case 0: return .locationWritten
        case 1: return .stateWritten
        case 2: return .retry
        case 3 where isMapped: return .ringBroken
        case 4 where kind >= 0xf0: return .vanished
        default:
            let what = input.byte()
            let own = what & 0x80 == 0 ? published ?? .initialising : input.pick(XenbusState.allCases)
            return .observed(
                Observation(
                    guest: XenbusState.allCases[Int(what & 0x0f) % XenbusState.allCases.count], own: own,
                    online: what & 0x10 == 0, ring: rings[Int(what >> 5) & 3]))
        }
    }

    /// Takes one event, and checks every action against the world.
    @discardableResult
    mutating func step(_ event: DeviceEvent) -> [DeviceAction] {
        switch event {
        case .observed(let observation): published = observation.own
        case .endpointOpened:
            isOpen = true
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
            require(!isForgotten, "\(action) after the end")
            switch action {
            case .openEndpoint:
                require(!isOpen && !owesEndpoint, "opened twice")
                owesEndpoint = true
            case .closeEndpoint:
                require(isOpen && !isMapped, "unmapping delivers what is left, so it comes first")
                isOpen = false
            case .mapRing(let location):
                require(isOpen && !isMapped && !owesRing, "mapped twice, or without an endpoint")
                require(state.seen?.guest.offersRing == true && state.seen?.ring == location, "not offered")
                let isNew = before.ring != location || before.seen?.guest.hasLetGo == true || before.offer == .complete
                require(isNew || event == .retry || state.phase == .waiting, "tried already")
                owesRing = true
            case .unmapRing:
                require(isMapped, "unmapped twice")
                isMapped = false
            case .publish(let new):
                require(new != published, "published unchanged")
                published = new
            case .retryLater: require(event == .endpointFailed || event == .ringFailed, "nothing failed")
            case .forget:
                require(event == .vanished && !isOpen && !isMapped, "forgotten too early")
                isForgotten = true
            }
        }
        return actions
    }

    /// The phase tells what is open.
    func check() {
        guard !owesEndpoint, !owesRing else { return }
        require(isMapped == (state.phase == .connected), "mapped: \(isMapped), \(state.phase)")
        require(isOpen == (state.phase != .new && state.phase != .closed), "open: \(isOpen), \(state.phase)")
    }

    /// The same news again is no news.
    func checkRepeated() {
        guard !owesEndpoint, !owesRing, var news = state.seen else { return }
        var machine = self
        news.own = published!
        let actions = machine.step(.observed(news))
        require(actions == [], "repeated news: \(actions)")
    }

    /// From wherever: a guest that closes and comes with a new ring is
    /// connected, and one that is not wanted any more ends in closed.
    func checkEnd() {
        var machine = self
        if machine.owesEndpoint { machine.step(.endpointOpened) }
        if machine.owesRing { machine.step(.ringMapped) }
        func see(_ guest: XenbusState, online: Bool = true, _ ring: RingLocation?) {
            let own = machine.published ?? .initialising
            machine.step(.observed(Observation(guest: guest, own: own, online: online, ring: ring)))
            if machine.owesEndpoint { machine.step(.endpointOpened) }
            if machine.owesRing { machine.step(.ringMapped) }
        }
        let new = RingLocation(reference: 100, port: 101)
        see(.closed, nil)
        if machine.state.waitsForRetry {
            machine.step(.retry)
            machine.step(.endpointOpened)
        }
        see(.initialised, new)
        require(machine.state.phase == .connected && machine.published == .connected, "not connected again")
        see(.closed, online: false, new)
        require(machine.state.phase == .closed && machine.published == .closed, "not closed")
        require(!machine.isOpen && !machine.isMapped, "closed, but not all of it")
        machine.step(.vanished)
        require(machine.isForgotten, "not forgotten")
    }
}
