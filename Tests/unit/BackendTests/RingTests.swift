import CXenIO
import Testing

@testable import Backend

/// A page as guest and backend share it, with the guest's side of it.
private final class Page {
    let pointer = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 4096)

    init(in inIndex: UInt32 = 0, out outIndex: UInt32 = 0) {
        pointer.initializeMemory(as: UInt8.self, repeating: 0, count: 4096)
        for field in [Ring.Field.inConsumer, .inProducer] { self[field] = inIndex }
        for field in [Ring.Field.outConsumer, .outProducer] { self[field] = outIndex }
    }

    deinit { pointer.deallocate() }

    subscript(field: Ring.Field) -> UInt32 {
        get { pointer.load(fromByteOffset: field.rawValue, as: UInt32.self) }
        set { pointer.storeBytes(of: newValue, toByteOffset: field.rawValue, as: UInt32.self) }
    }

    func guestWrites(_ bytes: [UInt8]) {
        for byte in bytes {
            let index = Int(self[.outProducer] % 2048)
            pointer.storeBytes(of: byte, toByteOffset: Ring.Field.out.rawValue + index, as: UInt8.self)
            self[.outProducer] &+= 1
        }
    }

    func guestReads() -> [UInt8] {
        var bytes: [UInt8] = []
        while self[.inConsumer] != self[.inProducer] {
            let index = Int(self[.inConsumer] % 1024)
            bytes.append(pointer.load(fromByteOffset: Ring.Field.in.rawValue + index, as: UInt8.self))
            self[.inConsumer] &+= 1
        }
        return bytes
    }
}

extension Ring.Segments {
    fileprivate var bytes: [UInt8] { Array(first) + Array(second) }

    fileprivate func fill(_ bytes: [UInt8]) {
        for (index, byte) in bytes.enumerated() {
            if index < first.count { first[index] = byte } else { second[index - first.count] = byte }
        }
    }
}

@Suite struct RingTests {
    @Test func aPageThatWasLeftIsOnlyRead() throws {
        let page = Page()
        var ring = Ring(page: page.pointer)
        page.guestWrites([1, 2, 3])
        ring.consume(1)
        ring.leave()
        #expect(try ring.readable().bytes == [2, 3])
        ring.consume(2)
        #expect(try ring.readable().count == 0)
        #expect(page[.outConsumer] == 1)
    }

    @Test func fieldsLieWhereTheHeaderSays() {
        typealias Interface = xencons_interface
        #expect(MemoryLayout<Interface>.offset(of: \.in) == Ring.Field.in.rawValue)
        #expect(MemoryLayout<Interface>.offset(of: \.out) == Ring.Field.out.rawValue)
        #expect(MemoryLayout<Interface>.offset(of: \.in_cons) == Ring.Field.inConsumer.rawValue)
        #expect(MemoryLayout<Interface>.offset(of: \.in_prod) == Ring.Field.inProducer.rawValue)
        #expect(MemoryLayout<Interface>.offset(of: \.out_cons) == Ring.Field.outConsumer.rawValue)
        #expect(MemoryLayout<Interface>.offset(of: \.out_prod) == Ring.Field.outProducer.rawValue)
        #expect(MemoryLayout.size(ofValue: Interface().in) == Ring.inSize)
        #expect(MemoryLayout.size(ofValue: Interface().out) == Ring.outSize)
        #expect(Ring.Field.allCases.count == 6)
    }

    @Test func freshPage() throws {
        let page = Page()
        let ring = Ring(page: page.pointer)
        #expect(try ring.readable().count == 0)
        #expect(try ring.writable().count == 1024)
    }

    /// A backend that was killed left its indices there.
    @Test func goesOnWhereThePageIs() throws {
        let page = Page(in: 5000, out: 7000)
        page.guestWrites([1, 2, 3])
        let ring = Ring(page: page.pointer)
        #expect(ring.outConsumed == 7000)
        #expect(try ring.readable().bytes == [1, 2, 3])
        #expect(try ring.writable().count == 1024)
    }

    /// What the guest says of its reading is worth no more than the bytes that it was given.
    @Test func readingIsToldOnce() throws {
        let page = Page(in: .max - 1)
        var ring = Ring(page: page.pointer)
        /// How often it is told, with the guest's index at each of these.
        func times(_ indices: [UInt32]) -> Int {
            indices.filter { page[.inConsumer] = $0; return ring.wasRead() }.count
        }
        _ = ring.wasRead()
        #expect(times([.max - 1]) == 0)
        ring.produce(10)
        #expect(times([.max - 1]) == 0)
        #expect(times((0..<1000).map { .max - 1 &+ $0 % 4 * 3 }) == 3)
        #expect(times([9, .max, 0, 8, 8, 7]) == 1)
        ring.produce(5)
        #expect(page.guestReads().isEmpty == false)
        #expect(times([13, 13]) == 1)
    }

    /// Around the ring's end and around 2^32, both ways, with every length.
    @Test(arguments: [0, 1, 2047, 4089, .max - 3000, .max - 100, .max] as [UInt32])
    func bytesInOrder(start: UInt32) throws {
        let page = Page(in: start, out: start)
        var ring = Ring(page: page.pointer)
        var next: UInt8 = 0
        func some(_ count: Int) -> [UInt8] {
            (0..<count).map { _ in
                next &+= 1
                return next
            }
        }
        for length in stride(from: 0, through: 2048, by: 89) {
            let sent = some(length)
            page.guestWrites(sent)
            let readable = try ring.readable()
            #expect(readable.bytes == sent)
            #expect(readable.second.isEmpty || readable.first.count + Int(ring.outConsumed % 2048) == 2048)
            // In two steps, as a sink takes it.
            ring.consume(length / 3)
            #expect(try ring.readable().bytes == Array(sent.dropFirst(length / 3)))
            ring.consume(length - length / 3)
            #expect(page[.outConsumer] == page[.outProducer])
            #expect(try ring.readable().count == 0)
        }
        for length in stride(from: 0, through: 1024, by: 61) {
            let sent = some(length)
            let writable = try ring.writable()
            #expect(writable.count == 1024)
            writable.fill(sent)
            ring.produce(length)
            #expect(try ring.writable().count == 1024 - length)
            #expect(page.guestReads() == sent)
        }
    }

    /// A guest that found less than half of the ring free is told, also one that
    /// wrote while the backend consumed.
    @Test(arguments: [0, .max - 500] as [UInt32])
    func whoMayWaitForSpace(_ index: UInt32) throws {
        let page = Page(out: index)
        var ring = Ring(page: page.pointer)
        page.guestWrites([UInt8](repeating: 1, count: 1023))
        ring.consume(1023)
        #expect(!ring.mayAwaitSpace(from: index))
        page.guestWrites([1])
        #expect(ring.mayAwaitSpace(from: index))
        #expect(!ring.mayAwaitSpace(from: ring.outConsumed))
        page.guestWrites([UInt8](repeating: 1, count: 2047))
        #expect(ring.mayAwaitSpace(from: ring.outConsumed))
    }

    @Test func fullRings() throws {
        let page = Page(in: UInt32.max - 10, out: UInt32.max - 10)
        var ring = Ring(page: page.pointer)
        page.guestWrites(Array(repeating: 1, count: 2048))
        #expect(try ring.readable().count == 2048)
        ring.produce(1024)
        #expect(try ring.writable().count == 0)
        page[.inConsumer] &+= 1
        #expect(try ring.writable().count == 1)
    }

    @Test(arguments: [2049, 4096, 1 << 31, .max] as [UInt32])
    func impossibleOutput(ahead: UInt32) {
        let page = Page(in: 77, out: 77)
        let ring = Ring(page: page.pointer)
        page[.outProducer] = 77 &+ ahead
        #expect(throws: Ring.Impossible.self) { _ = try ring.readable() }
    }

    @Test(arguments: [1025, 2048, 1 << 31, .max] as [UInt32])
    func impossibleInput(behind: UInt32) {
        let page = Page(in: 77, out: 77)
        let ring = Ring(page: page.pointer)
        page[.inConsumer] = 77 &- behind
        #expect(throws: Ring.Impossible.self) { _ = try ring.writable() }
    }

    /// What the guest makes of the backend's own indices does not move the backend.
    @Test func ownIndicesAreNotReadAgain() throws {
        let page = Page()
        var ring = Ring(page: page.pointer)
        page.guestWrites([1, 2, 3, 4])
        page[.outConsumer] = 12345
        page[.inProducer] = 54321
        #expect(try ring.readable().bytes == [1, 2, 3, 4])
        ring.consume(1)
        #expect(page[.outConsumer] == 1)
        ring.produce(2)
        #expect(page[.inProducer] == 2)
    }

    /// Whatever the four indices are, segments stay inside their ring.
    @Test func segmentsStayInside() {
        let interesting: [UInt32] = [0, 1, 1023, 1024, 2047, 2048, 2049, 1 << 31, .max - 1, .max]
        let page = Page()
        for first in interesting {
            for second in interesting {
                page[.inConsumer] = first
                page[.inProducer] = second
                page[.outConsumer] = second
                page[.outProducer] = first
                let ring = Ring(page: page.pointer)
                for (segments, offset, size) in [(try? ring.readable(), 1024, 2048), (try? ring.writable(), 0, 1024)] {
                    guard let segments else { continue }
                    #expect(segments.count <= size)
                    for part in [segments.first, segments.second] where !part.isEmpty {
                        let start = part.baseAddress! - page.pointer
                        #expect(start >= offset && start + part.count <= offset + size)
                    }
                }
            }
        }
    }
}
