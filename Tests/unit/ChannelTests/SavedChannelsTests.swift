import Channel
import ChannelJSON
import Testing

/// What libxl_domain_config_to_json of Xen 4.17 writes for a PVH guest, with
/// `channels` in its place.
private func config(_ channels: String) -> String {
    #"""
    {
        "c_info": {
            "type": "pvh",
            "name": "g\"é\\1",
            "uuid": "01234567-89ab-cdef-0123-456789abcdef"
        },
        "b_info": {
            "max_vcpus": 2,
            "max_memkb": 262144,
            "target_memkb": 262144,
            "sched_params": {

            },
            "kernel": "/boot/vmlinuz",
            "cmdline": "console=hvc0 x=[{,",
            "type.pvh": {

            },
            "arch_arm": {

            },
            "arch_x86": {

            }
        },
        "disks": [
            {
                "pdev_path": "/dev/vg/root",
                "vdev": "xvda",
                "format": "raw",
                "readwrite": 1
            }
        ],
        "nics": [
            {
                "devid": 0,
                "bridge": "xenbr0"
            }
        ],\#(channels)
        "on_reboot": "restart"
    }

    """#
}

/// The same with the channels of a configuration file, which have no devid.
private let madeByXL = config(
    #"""

        "channels": [
            {
                "name": "org.test.0",
                "connection.pty": {

                }
            },
            {
                "name": "org.test.1",
                "connection.socket": {
                    "path": "/run/a.sock"
                }
            }
        ],
    """#)

private func read(_ document: String) throws(ChannelError) -> SavedChannels {
    try SavedChannels(Bytes(document.utf8))
}

/// An entry, as libxl reads it.
private struct Entry: Equatable {
    var devid: Int32
    var name: Bytes?
    var kind: ConnectionKind?
    var path: Bytes?
    var backendDomid: UInt32 = 0
}

private func entries(_ document: Bytes) throws(ChannelError) -> [Entry] {
    try document.withCString { text in
        Result { () throws(ChannelError) in
            try domainConfigChannels(text, .released).map { record in
                defer { record.freeTexts() }
                return Entry(
                    devid: record.devid, name: record.name.map { Bytes(cString: $0) }, kind: record.kind,
                    path: record.path.map { Bytes(cString: $0) }, backendDomid: record.backendDomid)
            }
        }
    }.get()
}

/// What the entries are to be when those of a console or name went.
private func remaining(_ entries: [Entry], without console: UInt32, _ name: Bytes? = nil) -> [Entry] {
    var rest: [Entry] = []
    for (index, var entry) in entries.enumerated() {
        let number = entry.devid == -1 ? Int32(index) + 1 : entry.devid
        if number == console || (name != nil && entry.name == name) { continue }
        if rest.count < index, entry.name != nil { entry.devid = number }
        rest.append(entry)
    }
    return rest
}

private func failure(_ body: () throws(ChannelError) -> Void) -> ChannelError? {
    do throws(ChannelError) {
        try body()
        return nil
    } catch {
        return error
    }
}

private func kind(of document: [UInt8]) -> ChannelError.Kind? {
    failure { () throws(ChannelError) in _ = try SavedChannels(Bytes(document)) }?.kind
}

/// SplitMix64.
private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
    mutating func pick<Element>(_ choices: [Element]) -> Element { choices.randomElement(using: &self)! }
}

/// Console 3, "a", as an entry.
private let entry = #"""
            {
                "devid": 3,
                "name": "a",
                "connection.pty": {

                }
            }
    """#

extension String {
    fileprivate var trimmed: String {
        String(decoding: utf8.reversed().drop { $0 <= 0x20 }.reversed(), as: UTF8.self)
    }
}

struct SavedChannelsExamples {
    /// A document before and after a PTY channel "a" of console 3 was put there.
    @Test(arguments: [
        ("{}", "{\n    \"channels\": [\n\(entry)\n    ]}"),
        ("{\n\n}\n", "{\n    \"channels\": [\n\(entry)\n    ]\n\n}\n"),
        ("{\"x\":1}\0", "{\"x\":1,\n    \"channels\": [\n\(entry)\n    ]}\0"),
        (
            "\t{ \"x\" : {\"channels\": 5, \"y\\\"]}\": [ [ ] ]} , \"z\" :2e5\r\n} rest \0 and more {",
            "\t{ \"x\" : {\"channels\": 5, \"y\\\"]}\": [ [ ] ]} , \"z\" :2e5,\n    \"channels\": [\n\(entry)\n    ]\r\n} rest \0 and more {"
        ),
        (
            "{\"channels\":[{\"name\":\"b\"} ] ,\"x\":1}",
            "{\"channels\":[{\"name\":\"b\"},\n\(entry) ] ,\"x\":1}"
        ),
    ])
    func putAndRemove(_ before: String, _ after: String) throws {
        var saved = try read(before)
        try saved.put(name: "a", connection: .pty, backendDomid: 0, console: 3)
        #expect(saved.document == Bytes(after.utf8))
        #expect(try saved.remove(console: 3))
        #expect(saved.document == Bytes(before.utf8))
        #expect(try !saved.remove(console: 3))
    }

    @Test func socketAndBackend() throws {
        var saved = try read(config(""))
        try saved.put(name: "org.a", connection: .socket("/run/b"), backendDomid: 7, console: 2)
        let channels = #"""
            ,
                "channels": [
                    {
                        "backend_domid": 7,
                        "devid": 2,
                        "name": "org.a",
                        "connection.socket": {
                            "path": "/run/b"
                        }
                    }
                ]
            }

            """#
        #expect(String(decoding: saved.document.array, as: UTF8.self) == config("").dropLast(3) + channels)
    }

    /// Channels of a configuration file have the numbers of their places; they keep them.
    @Test func entriesWithoutADevid() throws {
        var saved = try read(madeByXL)
        try saved.put(name: "org.a", connection: .pty, backendDomid: 0, console: 3)
        #expect(try saved.remove(console: 1))
        let channels = #"""

                "channels": [
                    {
                        "devid": 2,
                        "name": "org.test.1",
                        "connection.socket": {
                            "path": "/run/a.sock"
                        }
                    },
                    {
                        "devid": 3,
                        "name": "org.a",
                        "connection.pty": {

                        }
                    }
                ],
            """#
        #expect(String(decoding: saved.document.array, as: UTF8.self) == config(channels))
        // What is put on console 1 does not clash with what would be counted as 1 now.
        try saved.put(name: "org.b", connection: .pty, backendDomid: 0, console: 1)
        #expect(try entries(saved.document).map(\.devid) == [2, 3, 1])
        for console: UInt32 in 1...3 { #expect(try saved.remove(console: console)) }
        #expect(String(decoding: saved.document.array, as: UTF8.self) == config(""))
    }

    @Test func putReplacesTheSameConsoleAndTheSameName() throws {
        let before = #"{"channels": [{"devid": 5, "name": "a"}, {"name": "\u0062", "u":1}, "#
            + #"{"devid": 6, "name": "c"}, {"devid": -1, "name": "d"}]}"#
        var saved = try read(before)
        try saved.put(name: "b", connection: .pty, backendDomid: 0, console: 6)
        #expect(
            try entries(saved.document) == [
                Entry(devid: 5, name: "a", kind: .unknown), Entry(devid: 4, name: "d", kind: .unknown),
                Entry(devid: 6, name: "b", kind: .pty),
            ])
        #expect(saved.document.array.starts(with: #"{"channels": [{"devid": 5, "name": "a"}, {"#.utf8))
    }

    @Test(arguments: [
        (#"{"ch\u0061nnels":[{"devid":2,"name":"a"}],"x":1}"#, #"{"x":1}"#),
        (#"{"x":1 , "channels":[{"devid":2}] }"#, #"{"x":1  }"#),
        (#"{"w":1,"channels":[{"devid":2}],"x":1}"#, #"{"w":1,"x":1}"#),
        (#"{"channels":[ {"devid":2} , {"devid":3} ]}"#, #"{"channels":[ {"devid":3} ]}"#),
        (#"{"channels":[ {"devid":3} , {"devid":2} ]}"#, #"{"channels":[ {"devid":3}  ]}"#),
        (#"{"channels":[{"devid":2},{"devid":2}]}"#, #"{}"#),
        (#"{"channels":[{"\u0064evid":2e7},{"devid":4,"devid":2},{"x":[{"devid":2}],"devid":4}]}"#,
         #"{"channels":[{"devid":4,"devid":2},{"x":[{"devid":2}],"devid":4}]}"#),
        // The second one does not come into force.
        (#"{"channels":[{"devid":2}],"channels":[{"devid":2},{"devid":3}]}"#,
         #"{"channels":[],"channels":[{"devid":2},{"devid":3}]}"#),
    ])
    func remove(_ before: String, _ after: String) throws {
        var saved = try read(before)
        #expect(try saved.remove(console: 2))
        #expect(String(decoding: saved.document.array, as: UTF8.self) == after)
    }

    @Test(arguments: [
        "{}", madeByXL, #"{"channels":[]}"#, #"{"x":{"channels":[{"devid":3}]}}"#,
        #"{"channels":[{"devid":"3"},{"devid":3.0}]}"#,
        #"{"channels":[{"devid":33}],"channels":[{"devid":3}]}"#,
    ])
    func removeOfWhatIsNotThere(_ document: String) throws {
        var saved = try read(document)
        // An entry's place counts too.
        #expect(try !saved.remove(console: 3))
        #expect(try !saved.remove(console: 0))
        #expect(saved.document == Bytes(document.utf8))
    }

    @Test(arguments: ["\"", "\\", "\u{1}\n\t/\u{7f}", "é\u{1F600}", "]},", "\\u0041", ""])
    func textsAreEscaped(_ text: String) throws {
        for before in ["{}", madeByXL] {
            var saved = try read(before)
            let name = Bytes(text.utf8), path = Bytes(("/" + text).utf8)
            try saved.put(name: name, connection: .socket(path), backendDomid: 1, console: 9)
            let found = try entries(saved.document)
            #expect(found.last == Entry(devid: 9, name: name, kind: .socket, path: path, backendDomid: 1))
            // It is found by its name.
            try saved.put(name: name, connection: .pty, backendDomid: 0, console: 10)
            #expect(try entries(saved.document).count == found.count)
            #expect(try saved.remove(console: 10))
            #expect(saved.document == Bytes(before.utf8))
        }
    }
}

struct SavedChannelsRefusals {
    @Test(arguments: [
        (Bytes("a"), Connection.none, 1), ("a", .path("/a"), 1), ("a", .unknown, 1), ("a", .pty, 0),
        ("a", .pty, 0x8000_0000), (Bytes([0xff]), .pty, 1), (Bytes([0x61, 0xc3]), .pty, 1),
        ("a", .socket(Bytes([0x2f, 0x80])), 1), (Bytes([0x61, 0]), .pty, 1), ("a", .socket(Bytes([0x2f, 0, 0x2f])), 1),
    ] as [(Bytes, Connection, UInt32)])
    func whatLibXLCannotRead(_ name: Bytes, _ connection: Connection, _ console: UInt32) throws {
        for before in ["{}", madeByXL] {
            var saved = try read(before)
            let error = failure { () throws(ChannelError) in
                try saved.put(name: name, connection: connection, backendDomid: 0, console: console)
            }
            #expect(error?.kind == .invalid)
            #expect(saved.document == Bytes(before.utf8))
        }
    }

    @Test(arguments: [
        "", " ", "\0", "\0{}", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}", "{\"a\":1\0}", "{,}", "{1:2}", "[]", "[{}]",
        "5", "\"{}\"", "null", "nul", "{\"a\":\"\\x\"}", "{\"a\":\"\n\"}", "{\"a\":01}", "/**/{}", "{\"channels\":[{}}",
        "{\"channels\":[{},]}", "{\"channels\":[,{}]}", "\u{feff}{}",
    ])
    func documentsThatAreNoObject(_ document: String) {
        #expect(kind(of: [UInt8](document.utf8)) == .failed)
    }

    @Test(arguments: [
        ("[]", "the document is not an object"),
        (#"{"channels":{}}"#, "\"channels\" is not an array"),
        (#"{"channels":null}"#, "\"channels\" is not an array"),
        (#"{"channels":"[]","channels":[]}"#, "\"channels\" is not an array"),
        (#"{"channels":[{},5]}"#, "channels[1]: not an object"),
        (#"{"channels":[[{}]]}"#, "channels[0]: not an object"),
        (#"{"channels":[{"devid":2147483648}]}"#, "channels[0]: \"devid\": 2147483648 is out of range"),
        (#"{"channels":[{"connection.pty":{},"connection.socket":{}}]}"#, "channels[0]: two connections at once: pty and socket"),
    ])
    func channelsThatAreNone(_ document: String, _ message: String) {
        let error = failure { () throws(ChannelError) in _ = try read(document) }
        #expect(error?.kind == .failed && error?.message.description == message)
    }

    @Test func hostileDocuments() throws {
        let size = 100_000
        func many(_ text: String, _ count: Int = 100_000) -> [UInt8] { [UInt8](String(repeating: text, count: count).utf8) }
        func object(_ value: [UInt8]) -> [UInt8] { [UInt8]("{\"a\":".utf8) + value + [UInt8(ascii: "}")] }
        for text in ["[", "{", "{\"a\":", "{\"channels\":[", "[{", "\"", "\\", "{\"channels\":[{\"a\":"] {
            #expect(kind(of: many(text)) == .failed)
            #expect(kind(of: object(many(text))) == .failed)
        }
        #expect(kind(of: object([0x22, 0xff, 0x22])) == .failed)
        #expect(kind(of: object([0x22, 0xc0, 0x22])) == .failed)
        for value in [
            many("[") + many("]"), many("9"), [0x2d] + many("9") + many("e9", 1), [0x22] + many("\\\"") + [0x22],
            [0x22] + many("\\\\") + [0x22], [0x5b] + many("{},") + many("{}]", 1),
        ] {
            var saved = try SavedChannels(Bytes(object(value)))
            try saved.put(name: "a", connection: .pty, backendDomid: 0, console: 1)
            #expect(try saved.remove(console: 1))
            #expect(saved.document == Bytes(object(value)))
        }
        // Many entries, all of one name.
        let entry = #"{"devid":9,"name":"a"},"#
        let document = [UInt8]("{\"channels\":[".utf8) + many(entry, size) + [UInt8](#"{"name":"b"}]}"#.utf8)
        var saved = try SavedChannels(Bytes(document))
        try saved.put(name: "a", connection: .pty, backendDomid: 0, console: 1)
        #expect(try entries(saved.document).map(\.devid) == [Int32(size) + 1, 1])
        // And many members.
        let members = [UInt8]("{".utf8) + many("\"a\":{},", size) + [UInt8]("\"channels\":[{\"devid\":2}]}".utf8)
        saved = try SavedChannels(Bytes(members))
        #expect(try saved.remove(console: 2))
        #expect(saved.document.count == members.count - "\"channels\":[{\"devid\":2}],".utf8.count)
    }

    @Test func everyBeginningOfADocument() throws {
        let document = [UInt8](madeByXL.utf8)
        let end = document.lastIndex(of: UInt8(ascii: "}"))!
        for count in 0...end { #expect(kind(of: [UInt8](document[..<count])) == .failed) }
        #expect(kind(of: [UInt8](document[...end])) == nil)
    }
}

struct SavedChannelsAtRandom {
    private static let names: [Bytes] = ["a", "b", "\"", "é", "d\\", "{", "channels", ""]

    /// Puts or removes a channel, and checks what became of the entries.
    private func step(_ saved: inout SavedChannels, _ generator: inout Generator, _ note: Comment) throws {
        let before = saved.document
        let found = try entries(before)
        let console = UInt32.random(in: 1...6, using: &generator)
        let expected: [Entry]
        if generator.chance(50) {
            let name = generator.pick(Self.names)
            let connection: Connection = generator.chance(50) ? .pty : .socket("/s")
            let domid = UInt32.random(in: 0...2, using: &generator)
            try saved.put(name: name, connection: connection, backendDomid: domid, console: console)
            expected = remaining(found, without: console, name) + [
                Entry(devid: Int32(console), name: name, kind: connection.kind, path: connection.path, backendDomid: domid)
            ]
            var undone = saved
            #expect(try undone.remove(console: console), note)
            if expected.count == found.count + 1, found.count > 0 || !before.array.contains(Self.channels) {
                #expect(undone.document == before, note)
            }
        } else {
            expected = remaining(found, without: console)
            let wasThere = try saved.remove(console: console)
            #expect(wasThere == (expected.count < found.count), note)
            if !wasThere { #expect(saved.document == before, note) }
        }
        #expect(try entries(saved.document) == expected, note)
        #expect(try SavedChannels(saved.document).document == saved.document, note)
    }

    private static let channels = [UInt8]("channels\"".utf8)

    /// A value, with blanks where they may be.
    private func value(_ generator: inout Generator, _ depth: Int = 3) -> String {
        func blank(_ generator: inout Generator) -> String { generator.pick(["", "", " ", "\n    ", "\t", "\r\n"]) }
        let scalars = [
            "0", "-1.50e+3", "\"\"", "\"\\\"]},[{\"", "\"\\\\\"", "true", "null",
            "\"\\u00e9é\"", "123456789012345678901234567890",
        ]
        var text = blank(&generator)
        switch depth > 0 ? Int.random(in: 0...3, using: &generator) : 0 {
        case 0, 1:
            text += generator.pick(scalars)
        case let kind:
            let items = (0..<Int.random(in: 0...3, using: &generator)).map { _ in
                let key = generator.pick(["\"a\"", "\"devid\"", "\"channel\\\"s\"", "\"}\""])
                return (kind == 2 ? blank(&generator) + key + blank(&generator) + ":" : "") + value(&generator, depth - 1)
            }
            text += (kind == 2 ? "{" : "[") + items.joined(separator: ",") + blank(&generator) + (kind == 2 ? "}" : "]")
        }
        return text + blank(&generator)
    }

    @Test(arguments: (0..<200).map { _ in UInt64.random(in: 0 ... .max) })
    func whatIsAroundStays(_ seed: UInt64) throws {
        var generator = Generator(state: seed)
        func members(_ generator: inout Generator) -> [String] {
            // The blanks behind the last one are not its own.
            (0..<Int.random(in: 0...3, using: &generator)).map { "\"k\($0)\" :" + value(&generator).trimmed }
        }
        let front = members(&generator), back = members(&generator)
        let hasChannels = generator.chance(70)
        var array: [String] = []
        if hasChannels {
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                var parts = ["\"x\":" + value(&generator), "\"name\" : \"n\(array.count)\"", "\"y\":" + value(&generator)]
                if generator.chance(50) { parts.append("\"devid\": \(Int.random(in: -1...5, using: &generator))") }
                parts.shuffle(using: &generator)
                array.append("{" + parts.joined(separator: ",") + generator.pick(["}", " }", "} "]))
            }
        }
        let key = generator.pick(["\"channels\"", "\"ch\\u0061nnels\"", " \"channels\" "])
        let member = hasChannels ? [key + ": [" + array.joined(separator: ",") + "]"] : []
        let start = "{" + front.joined(separator: ","), end = generator.pick(["}", "}\n\0", "} \0x{", "}\n"])
        let comma = front.isEmpty || member + back == [] ? "" : ","
        var saved = try read(start + comma + (member + back).joined(separator: ",") + end)
        for _ in 0..<8 {
            try step(&saved, &generator, "seed \(seed)")
            #expect(saved.document.array.starts(with: start.utf8), "seed \(seed)")
            #expect(saved.document.array.suffix(end.utf8.count).elementsEqual(end.utf8), "seed \(seed)")
            for other in back { #expect(saved.document.array.contains([UInt8](other.utf8)), "seed \(seed)") }
        }
    }

    @Test(arguments: (0..<8).map { _ in UInt64.random(in: 0 ... .max) })
    func mutatedDocuments(_ seed: UInt64) throws {
        var generator = Generator(state: seed)
        let sources = [
            madeByXL, config(""),
            #"{"channels":[{"devid":1,"name":"a"},{"name":"\u0000b"},{"devid":3}],"x":[1,"\\"],"channels":[]}"#,
        ]
        let tokens = [
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\0", "\"channels\":", "\"devid\":", "1", "-1", " ", "null", "{}",
            "e", "\u{e9}",
        ]
        for _ in 0..<500 {
            var bytes = [UInt8](generator.pick(sources).utf8)
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                let end = min(bytes.count, place + Int.random(in: 0...(generator.chance(20) ? 60 : 2), using: &generator))
                switch Int.random(in: 0...3, using: &generator) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.removeSubrange(place..<end)
                case 2: bytes.insert(contentsOf: generator.pick(tokens).utf8, at: place)
                default: bytes.insert(contentsOf: bytes[place..<end], at: Int.random(in: 0...bytes.count, using: &generator))
                }
                if bytes.isEmpty { bytes = [0x7b] }
            }
            guard var saved = try? SavedChannels(Bytes(bytes)) else { continue }
            for _ in 0..<3 { try step(&saved, &generator, "seed \(seed)") }
        }
    }
}
