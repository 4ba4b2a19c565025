import Testing
import XenConsole

@testable import Backend

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
