import CLibc
import Channel
import Testing

@testable import ChannelJSON

/// libxl's rules, one by one; that libxl has these rules, the conformance tests show.
struct JSONTests {
    private func parse(_ text: String) -> (ChannelError.Kind?, devid: Int32, name: String?, ConnectionKind?, path: String?) {
        var record = ChannelRecord()
        var kind: ChannelError.Kind?
        do throws(ChannelError) {
            try record.parse(.released, text)
        } catch {
            kind = error.kind
        }
        defer { record.freeTexts() }
        return (kind, record.devid, record.name.map { String(cString: $0) }, record.kind, record.path.map { String(cString: $0) })
    }

    @Test func theFirstOfEqualKeysCounts() {
        #expect(parse(#"{"name": "a", "name": "b"}"#).name == "a")
        #expect(parse(#"{"name": 1, "name": "b"}"#).name == nil)
    }

    @Test func membersOfAnotherTypeAreAbsent() {
        let found = parse(#"{"devid": "3", "name": {}, "connection.pty": []}"#)
        #expect(found.0 == nil && found.devid == -1 && found.name == nil && found.3 == .unknown)
    }

    @Test func membersComeInAnyOrder() {
        let found = parse(#"{"connection.path": {"x": 1, "path": "/a"}, "name": "a", "devid": 3, "backend_domname": null}"#)
        #expect(found.devid == 3 && found.name == "a" && found.3 == .path && found.path == "/a")
    }

    @Test func nestedKeysDoNotLeakOut() {
        let found = parse(#"{"x": {"name": "a", "path": "b"}, "connection.socket": {"y": {"path": "c"}, "path": "d"}, "path": "e"}"#)
        #expect(found.name == nil && found.3 == .socket && found.path == "d")
    }

    @Test func integers() {
        #expect(integerValue([UInt8]("12e5".utf8)) == 12)
        #expect(integerValue([UInt8]("-0".utf8)) == 0)
        #expect(integerValue([UInt8]("1.0".utf8)) == nil)
        #expect(integerValue([UInt8]("9223372036854775807".utf8)) == .max)
        #expect(integerValue([UInt8]("-9223372036854775808".utf8)) == .min)
        #expect(integerValue([UInt8]("9223372036854775808".utf8)) == nil)
        #expect(parse(#"{"devid": 2147483648}"#).0 == .failed)
        #expect(parse(#"{"devid": 99999999999999999999}"#).0 == nil)
    }

    @Test func twoConnectionsAreAnError() {
        #expect(parse(#"{"connection.pty": {}, "connection.socket": {}}"#).0 == .failed)
        #expect(parse(#"{"connection.unknown": {}, "connection.path": {"path": "/a"}}"#).3 == .path)
    }

    @Test func textsEndAtNul() {
        #expect(parse(#"{"name\u0000x": "a\u0000b"}"#).name == "a")
    }

    /// The search for a key relies on this.
    @Test func schemasCountFromZeroAndHaveNoKeyTwice() {
        checkSchema(ReleasedKey.self)
        checkSchema(PostedKey.self)
        checkSchema(InfoKey.self)
    }

    private func checkSchema<Key: MemberKey>(_: Key.Type) {
        for (index, key) in Key.allCases.enumerated() {
            #expect(key.rawValue == index)
            if let parent = key.member.parent { #expect(parent.member.type == .map && parent.member.parent == nil) }
            let equal = Key.allCases.filter {
                Bytes($0.member.key) == Bytes(key.member.key) && $0.member.parent?.rawValue == key.member.parent?.rawValue
            }
            #expect(equal.count == 1)
        }
    }

    @Test func brokenTextsAreErrors() {
        for text in ["", "{", "{\"name\": \"a\"", "{\"name\"}", "[1,]", "{'name': 1}", "nul"] {
            #expect(parse(text).0 == .failed)
        }
    }

    @Test func otherValuesThanMapsLeaveTheRecordAsItWas() {
        for text in ["[]", "5", "\"x\"", "null", "true", "{} trailing"] {
            let found = parse(text)
            #expect(found.0 == nil && found.devid == -1)
        }
    }
}
