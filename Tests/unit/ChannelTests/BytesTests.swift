import Channel
import Testing

struct BytesTests {
    @Test func decimalNumbers() {
        #expect(Bytes(decimal: 0) == "0")
        #expect(Bytes(decimal: UInt32.max) == "4294967295")
        #expect(Bytes(decimal: Int32.min) == "-2147483648")
    }

    @Test func equalityIsThatOfBytes() {
        // Two spellings of é, equal as strings, are different names.
        #expect(Bytes("e\u{301}".utf8) != Bytes("\u{e9}".utf8))
        #expect(Bytes([0xff, 0x00]) == Bytes([0xff, 0x00]))
        #expect(Bytes() == "")
        #expect(Bytes("ab").isEqual(to: "ab"))
        #expect(!Bytes("ab").isEqual(to: "abc"))
    }

    @Test func descriptionHidesWhatIsNotPrintable() {
        #expect(Bytes([0x61, 0x0a, 0xff, 0x22]).description == #""a\x0a\xff\"""#)
    }

    @Test func cStringsEndAtTheirNul() {
        let length = Bytes([0x61, 0x62, 0x63]).withCString { text in
            var count = 0
            while text[count] != 0 { count += 1 }
            return count
        }
        #expect(length == 3)
    }
}
