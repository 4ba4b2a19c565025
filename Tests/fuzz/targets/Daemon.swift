// The daemon's pure values: devices, rings, the pace, the status document, watch events.
import CLibc
import CXenIO
import Channel
import ChannelJSON
import System
import XenConsole
import XenStore

@testable import Backend

// MARK: the status document

private final class Terminal: Endpoint {
    let path: Bytes?

    init(_ path: Bytes?) {
        self.path = path
    }

    override var terminal: Bytes? { path }
    override var hasClient: Bool { true }
}

private enum StatusKey: Int, MemberKey {
    case domid, devid, name, path

    var member: Member<Self> {
        switch self {
        case .domid: Member("domid", .integer)
        case .devid: Member("devid", .integer)
        case .name: Member("name", .text)
        case .path: Member("path", .text)
        }
    }
}

/// The document tells what there is; it is JSON if the texts are UTF-8.
func status(_ input: inout Input) {
    var devices: [Device] = []
    while !input.isEmpty, devices.count < 20 {
        let domid = input.word()
        let address = ConsoleAddress(domid: domid, devid: Int32(input.word() & 0x7fff_fffe))
        let kind = input.byte()
        let name = Bytes(input.some()), path = Bytes(input.some())
        let connection = Connection(ConnectionKind.allCases[Int(kind) % ConnectionKind.allCases.count], path: path)
        let device = Device(
            address, backendDomid: 0,
            DeviceDescription(name: name, connection: kind & 0x40 == 0 ? connection : nil, word: "word"),
            Terminal(kind & 0x80 == 0 ? nil : path))
        device.fromGuest = UInt64(input.word()) << 32 | UInt64(input.word())
        device.dropped = UInt64.max - device.fromGuest
        devices.append(device)
    }
    guard let document = statusDocument(devices).map({ Bytes($0) }) else { fatalError("no document") }
    guard devices.allSatisfy({ $0.description.name.isUTF8 && $0.told?.isUTF8 != false }) else { return }
    var count = 0
    document.withCString { text in
        do throws(ChannelError) {
            try parse(text, elementsOf: "channels", StatusKey.self) { (index, object) throws(ChannelError) in
                count += 1
                let device = devices[index]
                require(try object.integer(.domid, as: UInt32.self) == device.address.domid, "another domid")
                require(try object.integer(.devid, as: Int32.self) == device.address.devid, "another devid")
                require(try object.takeBytes(.name) == device.description.name.upToNUL, "another name")
                require(try object.takeBytes(.path) == device.told?.upToNUL, "another path")
            }
        } catch {
            fatalError("the document is no JSON: \(error.message)")
        }
    }
    require(count == devices.count, "\(count) of \(devices.count) devices")
}

extension Device {
    /// The path that the document tells.
    fileprivate var told: Bytes? { endpoint.terminal ?? description.connection?.path }
}

extension Bytes {
    fileprivate var upToNUL: Bytes { Bytes(array.prefix { $0 != 0 }) }
}

// MARK: rings

/// A page between two that cannot be touched.
nonisolated(unsafe) private let page: UnsafeMutableRawPointer = {
    let pages = mmap(nil, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
    guard mprotect(pages, 4096, PROT_NONE) == 0, mprotect(pages + 8192, 4096, PROT_NONE) == 0 else { fatalError("mprotect") }
    return pages + 4096
}()

/// The guest writes what it likes, also while the backend works; the backend
/// stays in the right part of the page, and moves by what it has moved itself.
func ring(_ input: inout Input) {
    memset(page, 0, 4096)
    func guest(_ input: inout Input) {
        let field = input.pick(Ring.Field.allCases.dropFirst(2).map(\.rawValue))
        let step = input.byte()
        let old = page.load(fromByteOffset: field, as: UInt32.self)
        page.storeBytes(
            of: step < 0xf0 ? old &+ UInt32(step) * 16 : input.word(), toByteOffset: field, as: UInt32.self)
    }
    func touch(_ segments: Ring.Segments, _ offset: Int, _ size: Int, writing: Bool) {
        require(segments.count <= size, "\(segments.count) bytes of \(size)")
        for part in [segments.first, segments.second] where !part.isEmpty {
            let start = part.baseAddress! - page
            require(start >= offset && start + part.count <= offset + size, "\(start) + \(part.count)")
            if writing { memset(part.baseAddress!, 0x41, part.count) } else { require(part.allSatisfy { $0 < 0xff }, "") }
        }
    }
    for _ in 0..<Int(input.byte() % 8) { guest(&input) }
    var ring = Ring(page: page)
    var consumed = ring.outConsumed
    var isLeft = false
    while !input.isEmpty {
        switch input.byte() % 6 {
        case 0, 1: guest(&input)
        case 2:
            guard let segments = try? ring.readable() else { continue }
            touch(segments, Ring.Field.out.rawValue, Ring.outSize, writing: false)
            let count = min(segments.count, Int(input.word16()))
            let shown = page.load(fromByteOffset: Ring.Field.outConsumer.rawValue, as: UInt32.self)
            ring.consume(count)
            consumed &+= UInt32(count)
            require(ring.outConsumed == consumed, "consumed \(ring.outConsumed) instead of \(consumed)")
            let now = page.load(fromByteOffset: Ring.Field.outConsumer.rawValue, as: UInt32.self)
            require(now == (isLeft ? shown : consumed), "the page says \(now)")
            _ = ring.mayAwaitSpace(from: consumed)
        case 3:
            guard !isLeft, let segments = try? ring.writable() else { continue }
            touch(segments, Ring.Field.in.rawValue, Ring.inSize, writing: true)
            let count = min(segments.count, Int(input.word16()))
            ring.produce(count)
        case 4:
            // What the guest says that it read is no more than what it was given, and a ring's length at first.
            var times: UInt32 = 0
            while ring.wasRead() { times += 1 }
            require(times <= 1, "read \(times) times")
        default:
            guard input.byte() > 0xf0 else { continue }
            ring.leave()
            isLeft = true
        }
    }
}

/// A guest is never left alone for longer than the limits, whenever it does what.
func pace(_ input: inout Input) {
    var pace = Pace()
    var now = Instant.start + .seconds(1)
    while !input.isEmpty {
        let kind = input.byte()
        let elapsed = Int64(kind & 0x80 == 0 ? UInt32(input.word16()) : input.word())
        now = now + .microseconds(elapsed)
        switch kind % 4 {
        case 0, 1:
            if let pause = pace.took(Int(input.word16()), at: now) {
                require(pause > .zero && pause <= Pace.longest, "gathers for \(pause.microseconds)")
            }
        case 2:
            for _ in 0..<(kind & 0x40 == 0 ? 1 : 40) {
                if let pause = pace.foundNothing(at: now) {
                    require(pause > .zero && pause <= .milliseconds(200), "deaf for \(pause.microseconds)")
                }
            }
        default: pace.sent()
        }
    }
}

// MARK: watch events

/// What events say is in order, and no console that changed is forgotten.
func change(_ input: inout Input) {
    let table = DeviceTable()
    for devid in 0..<3 as Range<Int32> {
        let address = ConsoleAddress(domid: 7, devid: devid)
        table.insert(Device(address, backendDomid: 0, DeviceDescription(name: "", connection: .pty, word: "pty"), NoneEndpoint()))
    }
    var changed = ChangedConsoles()
    var expected: Set<UInt64> = []
    let backends = ConsoleAddress.backends(in: 0)
    while !input.isEmpty {
        let kind = input.byte()
        let some = Bytes(input.some())
        let event: WatchEvent
        switch kind % 4 {
        case 0: event = WatchEvent(path: some, token: Change.backendToken)
        case 1: event = WatchEvent(path: backends / some, token: Change.backendToken)
        case 2: event = WatchEvent(path: some, token: Bytes(input.some()))
        default:
            let domid = input.flag() ? 7 : input.word()
            event = WatchEvent(path: ConsoleAddress.frontends(of: domid) / some, token: Bytes(decimal: domid))
        }
        switch Change(event, backends: backends) {
        case nil: break
        case .backends?: require(event.path.array.starts(with: backends.array), "\(event.path)")
        case .guest(let domid)?, .frontends(let domid)?:
            let found = table.devices(of: domid)
            require(found.count == (domid == 7 ? 3 : 0), "\(found.count) devices")
        case .backend(let address)?, .frontend(let address, _)?:
            require(address.number > 0 && address.number <= UInt32(Int32.max), "console \(address.number)")
            require((table[address] != nil) == (address.domid == 7 && address.number <= 3), "a device")
            changed.insert(address)
            expected.insert(address.key)
        }
        if kind & 0x80 != 0 { take(Int(input.byte() % 4)) }
    }
    while !changed.isEmpty { take(3) }
    require(expected.isEmpty, "\(expected.count) consoles are forgotten")

    func take(_ limit: Int) {
        let taken = changed.take(atMost: limit)
        require(taken.count == min(limit, expected.count), "\(taken.count) of \(expected.count)")
        for address in taken { require(expected.remove(address.key) != nil, "taken twice") }
    }
}
