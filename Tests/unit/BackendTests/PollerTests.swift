import CLibc
import System
import Testing

@testable import Backend

/// Both ends of a pipe, of which no test reads more than is there.
private final class Pipe {
    let reading: Int32
    let writing: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        _ = pipe(&ends)
        (reading, writing) = (ends[0], ends[1])
    }

    func fill() { _ = write(writing, "x", 1) }

    func drain() {
        var byte: UInt8 = 0
        _ = read(reading, &byte, 1)
    }

    deinit {
        close(reading)
        close(writing)
    }
}

struct PollerTests {
    @Test func eventsAreReportedToTheirOwners() throws {
        let poller = try Poller()
        let (first, second) = (Pipe(), Pipe())
        var events: [(Int, Events)] = []
        let a = Dispatch(poller, first.reading) { events.append((1, $0)) }
        let b = Dispatch(poller, second.writing) { events.append((2, $0)) }
        try a.poll(for: .readable)
        poller.wait(.zero)
        #expect(events.isEmpty)
        first.fill()
        poller.wait(.seconds(10))
        poller.wait(.zero)
        #expect(events.map(\.0) == [1, 1], "until they are taken")
        first.drain()
        try b.poll(for: .writable)
        poller.wait(.zero)
        #expect(events.last?.0 == 2 && events.last?.1 == .writable)
        try b.poll(for: nil)
        poller.wait(.zero)
        #expect(events.count == 3)
        a.end()
        b.end()
    }

    @Test func whatIsPolledForMayChange() throws {
        let poller = try Poller()
        let pipe = Pipe()
        var events: [Events] = []
        let dispatch = Dispatch(poller, pipe.reading) { events.append($0) }
        try dispatch.poll(for: [])
        pipe.fill()
        poller.wait(.zero)
        #expect(events.isEmpty)
        try dispatch.poll(for: .readable)
        try dispatch.poll(for: .readable)
        poller.wait(.zero)
        #expect(events == [.readable])
        dispatch.end()
    }

    @Test func hangUpsComeUnasked() throws {
        let poller = try Poller()
        var ends: [Int32] = [-1, -1]
        _ = pipe(&ends)
        var events: [Events] = []
        let dispatch = Dispatch(poller, ends[0]) { events.append($0) }
        try dispatch.poll(for: [])
        close(ends[1])
        poller.wait(.seconds(10))
        #expect(events == [.hungUp])
        // But not where nothing is polled for.
        try dispatch.poll(for: nil)
        poller.wait(.zero)
        #expect(events.count == 1)
        dispatch.end()
        close(ends[0])
    }

    @Test func anEventOfOneThatHasEndedIsDropped() throws {
        let poller = try Poller()
        let pipes = [Pipe(), Pipe()]
        var dispatches: [Dispatch] = []
        var calls: [Int] = []
        for (index, pipe) in pipes.enumerated() {
            dispatches.append(Dispatch(poller, pipe.reading) { _ in
                calls.append(index)
                // Whoever comes first ends the other, whose event is in the same batch.
                dispatches[1 - index].end()
            })
            pipe.fill()
        }
        for dispatch in dispatches { try dispatch.poll(for: .readable) }
        poller.wait(.zero)
        #expect(calls.count == 1)
        poller.wait(.zero)
        #expect(calls.count == 2 && calls[0] == calls[1])
        for dispatch in dispatches { dispatch.end() }
        dispatches = []
    }

    @Test func aSuccessorGetsNoEventOfItsPredecessor() throws {
        let poller = try Poller()
        let pipes = [Pipe(), Pipe(), Pipe()]
        var dispatches: [Dispatch] = []
        var successor: Dispatch?
        var isCalled = false
        for (index, pipe) in pipes.prefix(2).enumerated() {
            dispatches.append(Dispatch(poller, pipe.reading) { _ in
                guard successor == nil else { return }
                dispatches[1 - index].end()
                // It takes the same slot.
                successor = Dispatch(poller, pipes[2].reading) { _ in isCalled = true }
                try? successor?.poll(for: .readable)
            })
            pipe.fill()
        }
        for dispatch in dispatches { try dispatch.poll(for: .readable) }
        poller.wait(.zero)
        #expect(successor != nil && !isCalled)
        pipes[2].fill()
        poller.wait(.zero)
        #expect(isCalled)
        for dispatch in dispatches + [successor!] { dispatch.end() }
        dispatches = []
    }

    @Test func oneMayEndItselfAndBeLetGo() throws {
        let poller = try Poller()
        let pipe = Pipe()
        var dispatch: Dispatch?
        var count = 0
        dispatch = Dispatch(poller, pipe.reading) { _ in
            dispatch?.end()
            dispatch = nil
            count += 1
        }
        try dispatch?.poll(for: .readable)
        pipe.fill()
        poller.wait(.zero)
        poller.wait(.zero)
        #expect(count == 1)
    }

    @Test func endingTwiceFreesOneSlot() throws {
        let poller = try Poller()
        let pipes = [Pipe(), Pipe(), Pipe()]
        let first = Dispatch(poller, pipes[0].reading) { _ in }
        first.end()
        first.end()
        var calls: [Int] = []
        let others = (1...2).map { index in Dispatch(poller, pipes[index].reading) { _ in calls.append(index) } }
        first.end()
        for (index, other) in others.enumerated() {
            try other.poll(for: .readable)
            pipes[index + 1].fill()
        }
        poller.wait(.zero)
        #expect(calls.sorted() == [1, 2])
        for other in others { other.end() }
    }

    @Test func whatFailsLeavesAllAsItWas() throws {
        let poller = try Poller()
        let pipe = Pipe()
        var count = 0
        let dispatch = Dispatch(poller, pipe.reading) { _ in count += 1 }
        pipe.fill()
        #expect(throws: Errno(ENOMEM)) {
            try SystemFault.fail(.epollControl, with: ENOMEM) { try dispatch.poll(for: .readable) }
        }
        poller.wait(.zero)
        #expect(count == 0)
        try dispatch.poll(for: .readable)
        for events: Events? in [nil, [], .writable] {
            #expect(throws: Errno(ENOSPC)) {
                try SystemFault.fail(.epollControl, with: ENOSPC) { try dispatch.poll(for: events) }
            }
        }
        poller.wait(.zero)
        #expect(count == 1)
        // One whose end fails is not called any more.
        SystemFault.fail(.epollControl, with: ENOMEM) { dispatch.end() }
        poller.wait(.zero)
        #expect(count == 1)
    }

    @Test func withoutEpollThereIsNoPoller() {
        #expect(throws: (any Error).self) { try SystemFault.fail(.open, with: EMFILE) { try Poller() } }
    }

    @Test func moreEventsThanABatchHasComeInTurn() throws {
        let poller = try Poller()
        let pipes = (0..<150).map { _ in Pipe() }
        var seen: Set<Int> = []
        let dispatches = pipes.enumerated().map { index, pipe in
            Dispatch(poller, pipe.reading) { _ in
                seen.insert(index)
                pipe.drain()
            }
        }
        for (dispatch, pipe) in zip(dispatches, pipes) {
            try dispatch.poll(for: .readable)
            pipe.fill()
        }
        for _ in 0..<3 { poller.wait(.zero) }
        #expect(seen.count == 150)
        for dispatch in dispatches { dispatch.end() }
    }

    @Test(arguments: [1_500, 20_000])
    func aWaitLastsItsTime(_ microseconds: Int64) throws {
        let start = Instant.now
        try Poller().wait(.microseconds(microseconds))
        #expect(Instant.now - start >= .microseconds(microseconds))
    }
}
