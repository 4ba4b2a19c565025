import Testing
import XenConsole

@testable import Backend

private let ringA = RingLocation(reference: 8, port: 9)
private let ringB = RingLocation(reference: 10, port: 11)

/// Everything that xenstore may say of a device.
private let observations: [Observation] = XenbusState.allCases.flatMap { guest in
    XenbusState.allCases.flatMap { own in
        [true, false].flatMap { online in
            [nil, ringA, ringB].map { Observation(guest: guest, own: own, online: online, ring: $0) }
        }
    }
}

private let events: [DeviceEvent] =
    observations.map { .observed($0) }
    + [.locationWritten, .stateWritten, .endpointOpened, .endpointFailed, .retry, .ringMapped, .ringFailed, .ringBroken, .vanished]

/// A device together with what its actions have made of the world.
private struct Machine: Hashable {
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
private func check(_ condition: Bool, _ what: @autoclosure () -> String) {
    if !condition { Issue.record("\(what())") }
}

/// Every machine that any sequence of events leads to, with the events that can come next.
private let reachable: [Machine] = {
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

@Suite struct DeviceStateTests {
    /// The checks in `Machine.step` hold for every event in every reachable state; this makes them run.
    @Test func everyStepFits() {
        #expect(reachable.count > 1000)
        for phase in DeviceState.Phase.allCases { #expect(reachable.contains { $0.state.phase == phase }) }
    }

    @Test func phaseTellsWhatIsOpen() {
        for machine in reachable where !machine.owesRing && !machine.owesEndpoint {
            check(machine.isMapped == (machine.state.phase == .connected), "\(machine)")
            let isOpen = machine.state.phase != .new && machine.state.phase != .closed
            check(machine.endpointIsOpen == isOpen, "\(machine)")
        }
    }

    @Test func vanishedAlwaysForgets() {
        for machine in reachable where machine.expects(.vanished) {
            var machine = machine
            check(machine.step(.vanished).last == .forget, "\(machine)")
        }
    }

    /// The same news again changes nothing: what the daemon writes comes back as an event.
    @Test func repeatedNewsIsNoNews() {
        for machine in reachable where machine.expects(.retry) && machine.state.seen != nil {
            var machine = machine
            var news = machine.state.seen!
            news.own = machine.published!
            _ = machine.step(.observed(news))
            guard machine.expects(.retry) else { continue }
            news.own = machine.published!
            check(machine.step(.observed(news)) == [], "\(machine)")
        }
    }

    /// From wherever: the toolstack does not want it and the guest has let go, so all is closed and 6 stands there.
    @Test func unwantedAndLetGoEndsInClosed() {
        for guest in XenbusState.allCases where guest.hasLetGo {
            for own in XenbusState.allCases {
                for machine in reachable where machine.expects(.vanished) {
                    var machine = machine
                    _ = machine.step(.observed(Observation(guest: guest, own: own, online: false, ring: ringA)))
                    check(machine.state.phase == .closed && machine.published == .closed, "\(machine)")
                    check(!machine.endpointIsOpen && !machine.isMapped, "\(machine)")
                }
            }
        }
    }

    /// From wherever: it is wanted and the guest has let go, so the endpoint is open and 2 stands there.
    @Test func wantedAndLetGoEndsInWaiting() {
        for guest in XenbusState.allCases where guest.hasLetGo {
            for machine in reachable where machine.expects(.vanished) {
                var machine = machine
                _ = machine.step(.observed(Observation(guest: guest, own: .initialising, online: true, ring: nil)))
                if !machine.owesEndpoint { _ = machine.step(.retry) }
                if machine.owesEndpoint { _ = machine.step(.endpointOpened) }
                check(machine.state.phase == .waiting && machine.published == .initWait, "\(machine)")
            }
        }
    }

    /// From wherever: a guest that closes, and comes with a new ring, is connected.
    @Test func guestCanAlwaysComeAgain() {
        let new = RingLocation(reference: 100, port: 101)
        for machine in reachable where machine.expects(.vanished) {
            var machine = machine
            func see(_ guest: XenbusState, _ ring: RingLocation?) {
                _ = machine.step(.observed(Observation(guest: guest, own: machine.published ?? .initialising, online: true, ring: ring)))
                if machine.owesEndpoint { _ = machine.step(.endpointOpened) }
                if machine.owesRing { _ = machine.step(.ringMapped) }
            }
            see(.closed, nil)
            if machine.state.waitsForRetry {
                _ = machine.step(.retry)
                _ = machine.step(.endpointOpened)
            }
            see(.initialised, new)
            check(machine.state.phase == .connected && machine.published == .connected, "\(machine)")
            check(machine.state.ring == new, "\(machine)")
            see(.connected, new)
            check(machine.isMapped, "\(machine)")
        }
    }

    /// An endpoint that fails is tried again only when it is time, whatever is observed.
    @Test func failedEndpointWaits() {
        var machine = Machine()
        let news = Observation(guest: .initialising, own: .initialising, online: true, ring: nil)
        #expect(machine.step(.observed(news)) == [.openEndpoint])
        #expect(machine.step(.endpointFailed) == [.retryLater])
        for _ in 0..<3 { #expect(machine.step(.observed(news)) == []) }
        #expect(machine.step(.retry) == [.openEndpoint])
        #expect(machine.step(.endpointOpened) == [.publish(.initWait)])
    }

    @Test func wholeLife() {
        var machine = Machine()
        func see(_ guest: XenbusState, online: Bool = true, ring: RingLocation? = nil) -> [DeviceAction] {
            machine.step(.observed(Observation(
                guest: guest, own: machine.published ?? .initialising, online: online, ring: ring)))
        }
        #expect(see(.initialising) == [.openEndpoint])
        #expect(machine.step(.endpointOpened) == [.publish(.initWait)])
        #expect(see(.initialised, ring: ringA) == [.mapRing(ringA)])
        #expect(machine.step(.ringMapped) == [.publish(.connected)])
        #expect(see(.connected, ring: ringA) == [])
        #expect(see(.closing, ring: ringA) == [.unmapRing(takingRest: true), .publish(.closing)])
        #expect(see(.closed, ring: ringA) == [.publish(.initWait)])
        #expect(see(.initialised, ring: ringA) == [.mapRing(ringA)])
        #expect(machine.step(.ringMapped) == [.publish(.connected)])
        // The driver began anew without closing.
        #expect(see(.initialised, ring: ringB) == [.unmapRing(takingRest: true), .mapRing(ringB)])
        #expect(machine.step(.ringMapped) == [])
        #expect(machine.step(.ringBroken) == [.unmapRing(takingRest: false), .publish(.closing)])
        #expect(see(.connected, ring: ringB) == [])
        #expect(see(.closed, ring: ringB) == [.publish(.initWait)])
        #expect(see(.connected, ring: ringB) == [.mapRing(ringB)])
        #expect(machine.step(.ringFailed) == [.retryLater])
        #expect(see(.connected, online: false, ring: ringB) == [.closeEndpoint, .publish(.closed)])
        #expect(see(.connected, ring: ringA) == [.openEndpoint])
        #expect(machine.step(.vanished) == [.forget])
    }

    /// A machine whose guest has connected with ring A.
    private func connected() -> Machine {
        var machine = Machine()
        _ = machine.step(.observed(Observation(guest: .initialising, own: .initialising, online: true, ring: nil)))
        _ = machine.step(.endpointOpened)
        _ = machine.step(.locationWritten)
        _ = machine.step(.stateWritten)
        #expect(machine.step(.observed(offer(.initialised))) == [.mapRing(ringA)])
        #expect(machine.step(.ringMapped) == [.publish(.connected)])
        return machine
    }

    private func offer(_ guest: XenbusState, own: XenbusState = .initWait) -> Observation {
        Observation(guest: guest, own: own, online: true, ring: ringA)
    }

    /// The numbers are the old ones, and the guest's 6 was not seen: what it has written tells.
    @Test(arguments: [XenbusState.initialised, .connected]) func sameNumbersAgain(_ guest: XenbusState) {
        var machine = connected()
        _ = machine.step(.locationWritten)
        #expect(machine.step(.observed(offer(.connected, own: .connected))) == [])
        _ = machine.step(.stateWritten)
        #expect(machine.step(.observed(offer(guest, own: .connected))) == [.unmapRing(takingRest: false), .mapRing(ringA)])
        #expect(machine.step(.ringMapped) == [])
        #expect(machine.step(.observed(offer(.connected, own: .connected))) == [])
    }

    @Test func connectingMapsOnce() {
        var machine = connected()
        for guest in [XenbusState.initialised, .connected, .connected] {
            _ = machine.step(.stateWritten)
            #expect(machine.step(.observed(offer(guest, own: .connected))) == [])
        }
    }

    @Test func failedRingIsTriedAgain() {
        var machine = connected()
        _ = machine.step(.observed(offer(.closed, own: .connected)))
        #expect(machine.step(.observed(offer(.initialised))) == [.mapRing(ringA)])
        for _ in 0..<3 {
            #expect(machine.step(.ringFailed) == [.retryLater])
            #expect(machine.step(.observed(offer(.initialised))) == [])
            #expect(machine.step(.retry) == [.mapRing(ringA)])
        }
        #expect(machine.step(.ringMapped) == [.publish(.connected)])
        // Also in place of another, whose 4 does not stand any longer.
        let other = Observation(guest: .initialised, own: .connected, online: true, ring: ringB)
        #expect(machine.step(.observed(other)) == [.unmapRing(takingRest: true), .mapRing(ringB)])
        #expect(machine.step(.ringFailed) == [.retryLater, .publish(.initWait)])
        #expect(machine.step(.retry) == [.mapRing(ringB)])
        #expect(machine.step(.ringMapped) == [.publish(.connected)])
    }

    @Test func brokenRingIsNotTriedAgain() {
        var machine = connected()
        #expect(machine.step(.ringBroken) == [.unmapRing(takingRest: false), .publish(.closing)])
        #expect(machine.step(.retry) == [])
        #expect(machine.step(.observed(offer(.initialised, own: .closing))) == [])
        // But one that only has its numbers is.
        _ = machine.step(.locationWritten)
        _ = machine.step(.stateWritten)
        #expect(machine.step(.observed(offer(.initialised, own: .closing))) == [.mapRing(ringA)])
    }

    /// The toolstack's request to close stands until the guest reacts.
    @Test func removeWaitsForTheGuest() {
        var machine = Machine()
        _ = machine.step(.observed(Observation(guest: .connected, own: .connected, online: true, ring: ringA)))
        _ = machine.step(.endpointOpened)
        #expect(machine.step(.ringMapped) == [])
        #expect(machine.step(.observed(Observation(guest: .connected, own: .closing, online: false, ring: ringA))) == [])
        #expect(
            machine.step(.observed(Observation(guest: .closing, own: .closing, online: false, ring: ringA)))
                == [.unmapRing(takingRest: true)])
        #expect(
            machine.step(.observed(Observation(guest: .closed, own: .closing, online: false, ring: ringA)))
                == [.closeEndpoint, .publish(.closed)])
    }
}
