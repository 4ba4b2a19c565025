import CLibc
import System
import Testing

struct SystemCallTests {
    @Test func aResultIsGivenBack() throws {
        #expect(try valueOrErrno(.read) { 7 } == 7)
        #expect(try valueOrErrno(.read) { Int32(0) } == 0)
    }

    @Test func anErrorIsItsNumber() {
        #expect(throws: Errno(EBADF)) { try valueOrErrno(.read) { read(-1, nil, 0) } }
    }

    @Test func anInterruptedCallIsMadeAgain() throws {
        var calls = 0
        let value = try valueOrErrno(.read) { () -> Int in
            calls += 1
            errno = EINTR
            return calls < 4 ? -1 : 9
        }
        #expect(value == 9 && calls == 4)
    }

    @Test func aFaultHitsItsCallAlone() throws {
        SystemFault.fail(.write, with: ENOSPC) {
            #expect((try? valueOrErrno(.read) { 1 }) == 1)
            var wasMade = false
            #expect(throws: Errno(ENOSPC)) {
                try valueOrErrno(.write) { () -> Int in
                    wasMade = true
                    return 1
                }
            }
            #expect(!wasMade)
        }
        #expect(try valueOrErrno(.write) { 1 } == 1)
    }

    @Test func faultsHaveAFirstAndACount() {
        SystemFault.fail(.open, with: EMFILE, first: 1, count: 2) {
            let results = (0..<5).map { _ in (try? valueOrErrno(.open) { 3 }) != nil }
            #expect(results == [true, false, false, true, true])
        }
    }

    @Test func theInnerFaultCounts() {
        SystemFault.fail(.open, with: EMFILE) {
            SystemFault.fail(.read, with: EIO) {
                #expect((try? valueOrErrno(.open) { 3 }) == 3)
                #expect(throws: Errno(EIO)) { try valueOrErrno(.read) { 3 } }
            }
            #expect(throws: Errno(EMFILE)) { try valueOrErrno(.open) { 3 } }
        }
    }

    @Test func errnosAreOfKinds() {
        #expect(Errno(EAGAIN).isBlocked && !Errno(EINTR).isBlocked)
        #expect(Errno(EMFILE).isShortOfDescriptors && Errno(ENFILE).isShortOfDescriptors)
        #expect(!Errno(ENOMEM).isShortOfDescriptors)
    }
}

/// Both ends of a pipe.
private final class Pipe {
    let reading: Int32
    let writing: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        _ = pipe(&ends)
        (reading, writing) = (ends[0], ends[1])
    }

    deinit {
        close(reading)
        close(writing)
    }
}

struct WaitingTests {
    @Test func bytesEndTheWait() throws {
        let pipe = Pipe()
        #expect(try !wait(for: POLLIN, on: pipe.reading, until: .now))
        _ = write(pipe.writing, "x", 1)
        #expect(try wait(for: POLLIN, on: pipe.reading, until: .now + .seconds(60)))
        // And when the time has passed already.
        #expect(try wait(for: POLLIN, on: pipe.reading, until: .start))
        #expect(try wait(for: POLLOUT, on: pipe.writing, until: .now))
    }

    @Test func theWaitLastsUntilItsDeadline() throws {
        let pipe = Pipe()
        let deadline = Instant.now + .milliseconds(20)
        #expect(try !wait(for: POLLIN, on: pipe.reading, until: deadline))
        #expect(Instant.now >= deadline)
    }

    @Test func whatBrokeEndsTheWait() throws {
        #expect(try wait(for: POLLIN, on: 1_000_000, until: .now + .seconds(60)))
    }

    @Test func pollMayFail() {
        #expect(throws: Errno(ENOMEM)) {
            try SystemFault.fail(.poll, with: ENOMEM) { try wait(for: POLLIN, on: 0, until: .now) }
        }
    }

    @Test func aPauseLasts() {
        let end = Instant.now + .milliseconds(5)
        pause(.milliseconds(5))
        #expect(Instant.now >= end)
    }

    @Test func whatIsThereIsReceived() throws {
        let pipe = Pipe()
        _ = write(pipe.writing, "abcde", 5)
        var got: [UInt8] = []
        #expect(try receive(from: pipe.reading, atMost: 3) { got += $0 } == 3)
        #expect(try receive(from: pipe.reading, atMost: 3) { got += $0 } == 2)
        #expect(got == [UInt8]("abcde".utf8))
        #expect(throws: Errno(EIO)) {
            try SystemFault.fail(.receive, with: EIO) { try receive(from: pipe.reading, atMost: 3) { got += $0 } }
        }
        #expect(got.count == 5)
    }

    @Test func theEndOfAStreamIsZero() throws {
        var pipe: [Int32] = [-1, -1]
        _ = CLibc.pipe(&pipe)
        close(pipe[1])
        #expect(try receive(from: pipe[0], atMost: 3) { _ in } == 0)
        close(pipe[0])
    }
}
