import Synchronization

/// The two rings of a PV console in its shared page (struct xencons_interface
/// in xen/io/console.h), seen from the backend.
///
/// The guest may write anything into the page at any time. So the backend's
/// own indices are kept here and only published there, each of the guest's is
/// read once per use and checked, and the bytes are never interpreted.
///
/// Ordering, as the contract asks: the guest's index is loaded with acquire
/// before the bytes are touched, and the own one stored with release after.
public struct Ring {
    /// Bytes from the guest that fit (`out`), and to it (`in`).
    public static var outSize: Int { 2048 }
    public static var inSize: Int { 1024 }

    /// The guest's index is further from ours than the ring is long.
    public struct Impossible: Error {}

    /// One or two pieces of a ring; the second is empty unless the first
    /// reaches the ring's end.
    public struct Segments {
        public var first: UnsafeMutableRawBufferPointer
        public var second: UnsafeMutableRawBufferPointer

        public var count: Int { first.count + second.count }
    }

    private let page: UnsafeMutableRawPointer
    /// How much of `out` was consumed; what the page says of it is only for the guest.
    public private(set) var outConsumed: UInt32
    private var inProduced: UInt32
    private var isLeft = false
    /// How much of `in` the guest is known to have read.
    private var inConsumed: UInt32

    /// Goes on where the page's indices are: a backend that was killed left them there.
    public init(page: UnsafeMutableRawPointer) {
        self.page = page
        outConsumed = Ring.load(page, .outConsumer)
        inProduced = Ring.load(page, .inProducer)
        inConsumed = inProduced &- UInt32(Ring.inSize)
    }

    /// What the guest has written and nobody consumed.
    public func readable() throws(Impossible) -> Segments {
        let used = Ring.load(page, .outProducer) &- outConsumed
        guard used <= UInt32(Ring.outSize) else { throw Impossible() }
        return segments(at: Field.out.rawValue, Ring.outSize, outConsumed, Int(used))
    }

    /// Gives the guest back the space of `count` bytes that it wrote.
    public mutating func consume(_ count: Int) {
        outConsumed &+= UInt32(count)
        if !isLeft { Ring.store(page, .outConsumer, outConsumed) }
    }

    /// From now on the page is only read: a guest that has let go of it may use
    /// it for something else, though it is still mapped here.
    public mutating func leave() {
        isLeft = true
    }

    /// Whether the guest may wait for the space that was consumed from the
    /// index `start` on: only one that found half of the ring filled, or more.
    ///
    /// A guest that fills the ring notifies, and then looks whether there is
    /// space; here it is the other way about. So one of the two sees the other.
    public func mayAwaitSpace(from start: UInt32) -> Bool {
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        return Ring.load(page, .outProducer) &- start >= UInt32(Ring.outSize / 2)
    }

    /// Where bytes for the guest can be put.
    public func writable() throws(Impossible) -> Segments {
        let used = inProduced &- Ring.load(page, .inConsumer)
        guard used <= UInt32(Ring.inSize) else { throw Impossible() }
        return segments(
            at: Field.in.rawValue, Ring.inSize, inProduced, Ring.inSize - Int(used))
    }

    /// Tells the guest of `count` bytes that were put there.
    public mutating func produce(_ count: Int) {
        inProduced &+= UInt32(count)
        Ring.store(page, .inProducer, inProduced)
    }

    /// Whether the guest has read anything since it was last asked. One that
    /// only says so runs out of bytes that it was given.
    public mutating func wasRead() -> Bool {
        let consumed = Ring.load(page, .inConsumer)
        let count = consumed &- inConsumed
        guard count > 0, count <= inProduced &- inConsumed else { return false }
        inConsumed = consumed
        return true
    }

    private func segments(at offset: Int, _ size: Int, _ index: UInt32, _ count: Int) -> Segments {
        let start = Int(index) & (size - 1)
        let first = min(count, size - start)
        let base = page + offset
        return Segments(
            first: UnsafeMutableRawBufferPointer(start: base + start, count: first),
            second: UnsafeMutableRawBufferPointer(start: base, count: count - first))
    }

    /// The fields' offsets in struct xencons_interface. Embedded Swift has no
    /// key paths to ask for them; a unit test does.
    enum Field: Int, CaseIterable {
        case `in` = 0
        case out = 1024
        case inConsumer = 3072
        case inProducer = 3076
        case outConsumer = 3080
        case outProducer = 3084
    }

    private static func atomic(
        _ page: UnsafeMutableRawPointer, _ field: Field
    ) -> UnsafeMutablePointer<Atomic<UInt32>> {
        (page + field.rawValue).assumingMemoryBound(to: Atomic<UInt32>.self)
    }

    private static func load(_ page: UnsafeMutableRawPointer, _ field: Field) -> UInt32 {
        atomic(page, field).pointee.load(ordering: .acquiring)
    }

    private static func store(_ page: UnsafeMutableRawPointer, _ field: Field, _ value: UInt32) {
        atomic(page, field).pointee.store(value, ordering: .releasing)
    }
}
