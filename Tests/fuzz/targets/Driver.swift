// What libFuzzer calls. The program's name chooses the target: .build/fuzz/wire is a link to the one program.
import CLibc
import Channel
import ChannelJSON

/// A function over bytes. It returns for every input, or the input is a defect.
struct Target: Sendable {
    let name: StaticString
    let run: @Sendable (inout Input) -> Void
}

private let targets = [
    Target(name: "released") { roundTrip(.released, &$0) },
    Target(name: "posted") { roundTrip(.posted, &$0) },
    Target(name: "info", run: roundTripOfInfo),
    Target(name: "config", run: domainConfig),
    Target(name: "saved", run: savedChannels),
    Target(name: "wire", run: wire),
    Target(name: "exchange", run: exchange),
    Target(name: "qmp", run: qmp),
    Target(name: "status", run: status),
    Target(name: "device", run: device),
    Target(name: "ring", run: ring),
    Target(name: "pace", run: pace),
    Target(name: "summary", run: summary),
    Target(name: "change", run: change),
    Target(name: "address", run: address),
    Target(name: "text", run: text),
]

nonisolated(unsafe) private var target: Target?

@_cdecl("LLVMFuzzerInitialize")
func initialize(_: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>>>) -> CInt {
    let path = Bytes(cString: arguments.pointee[0]).array
    let name = Bytes(path.split(separator: UInt8(ascii: "/")).last ?? [])
    target = targets.first { name.isEqual(to: $0.name) }
    guard target == nil else { return 0 }
    for target in targets { print(target.name) }
    exit(name == "list" ? 0 : 2)
}

@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var input = Input([UInt8](UnsafeBufferPointer(start: start, count: count)))
    target!.run(&input)
    return 0
}

/// An assertion, in optimised code too.
func require(_ condition: Bool, _ what: @autoclosure () -> String, line: UInt = #line, file: StaticString = #fileID) {
    if !condition { fatalError(what(), file: file, line: line) }
}

/// The bytes of an input, taken from the front; zeros behind their end.
struct Input {
    private var bytes: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) {
        self.bytes = bytes[...]
    }

    var isEmpty: Bool { bytes.isEmpty }
    var count: Int { bytes.count }

    mutating func byte() -> UInt8 { bytes.popFirst() ?? 0 }
    mutating func flag() -> Bool { byte() & 1 == 1 }
    mutating func word16() -> UInt16 { UInt16(byte()) | UInt16(byte()) << 8 }
    mutating func word() -> UInt32 { UInt32(word16()) | UInt32(word16()) << 16 }

    mutating func pick<Element>(_ choices: [Element]) -> Element { choices[Int(byte()) % choices.count] }

    mutating func take(_ count: Int) -> [UInt8] {
        let taken = [UInt8](bytes.prefix(count))
        bytes = bytes.dropFirst(count)
        return taken
    }

    /// Up to 255 bytes, of which the first one says how many.
    mutating func some() -> [UInt8] { take(Int(byte())) }
    /// Up to 65535 bytes.
    mutating func many() -> [UInt8] { take(Int(word16())) }
    mutating func rest() -> [UInt8] { take(count) }
}

extension Bytes {
    /// Whether it is UTF-8, by Swift's own strict rules.
    var isUTF8: Bool { String(validating: array, as: UTF8.self) != nil }
}
