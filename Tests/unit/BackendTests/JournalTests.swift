import CLibc
import Channel
import FileSystem
import System
import Testing
import XenConsole

@testable import Backend

struct JournalTests {
    private let directory = TemporaryDirectory()
    private var path: Bytes { directory.file("journal") }
    private let owner = ConsoleAddress(domid: 5, devid: 0)
    private let ring = RingLocation(reference: 8, port: 9)

    @Test func anOwnerHasOneEntry() throws {
        let journal = try Journal(path)
        let first = try #require(journal.entry(of: owner))
        #expect(journal.entry(of: owner) == first)
        let second = try #require(journal.entry(of: ConsoleAddress(domid: 5, devid: 1)))
        #expect(second != first)
        journal.release(first)
        #expect(journal.entry(of: ConsoleAddress(domid: 6, devid: 0)) == first, "its place is free")
        #expect(journal.entry(of: owner) != second)
    }

    @Test func whatArrivedIsToldByTheFilesGrowth() throws {
        let journal = try Journal(path)
        let entry = try #require(journal.entry(of: owner))
        journal.start(entry, ring)
        journal.begin(entry, position: 100, count: 20, size: 1000, inode: 77)
        func delivered(_ ring: RingLocation? = nil, position: UInt32 = 100, size: Int64, inode: UInt64 = 77) -> Int {
            journal.delivered(entry, ring ?? self.ring, position: position, size: size, inode: inode)
        }
        #expect(delivered(size: 1000) == 0)
        #expect(delivered(size: 1007) == 7)
        #expect(delivered(size: 1020) == 20)
        #expect(delivered(size: 5000) == 20, "others write too")
        #expect(delivered(size: 999) == 0, "it was truncated")
        #expect(delivered(size: 1007, inode: 78) == 0, "another file")
        #expect(delivered(position: 101, size: 1007) == 0, "it was consumed")
        #expect(delivered(RingLocation(reference: 8, port: 10), size: 1007) == 0, "another ring")
        #expect(delivered(RingLocation(reference: 9, port: 9), size: 1007) == 0)
        journal.end(entry)
        #expect(delivered(size: 1007) == 0)
    }

    @Test func anotherRingHasNothingUnderWay() throws {
        let journal = try Journal(path)
        let entry = try #require(journal.entry(of: owner))
        journal.start(entry, ring)
        journal.begin(entry, position: 0, count: 20, size: 0, inode: 1)
        journal.start(entry, ring)
        #expect(journal.delivered(entry, ring, position: 0, size: 10, inode: 1) == 0)
    }

    @Test func itSurvivesTheDaemon() throws {
        var index: Int?
        do {
            let journal = try Journal(path)
            _ = journal.entry(of: ConsoleAddress(domid: 1, devid: 0))
            let entry = try #require(journal.entry(of: owner))
            journal.start(entry, ring)
            journal.begin(entry, position: 4_294_967_290, count: 2048, size: 1 << 40, inode: .max)
            index = entry
        }
        let journal = try Journal(path)
        let entry = try #require(journal.entry(of: owner))
        #expect(entry == index)
        #expect(journal.delivered(entry, ring, position: 4_294_967_290, size: (1 << 40) + 9, inode: .max) == 9)
        journal.releaseAll { $0 == owner }
        #expect(journal.entry(of: ConsoleAddress(domid: 2, devid: 0)) == 0)
    }

    @Test func releasingKeepsThoseThatAreThere() throws {
        let journal = try Journal(path)
        let owners = (0..<10).map { ConsoleAddress(domid: UInt32($0), devid: 3) }
        let entries = owners.map { journal.entry(of: $0) }
        journal.releaseAll { $0.domid % 2 == 0 }
        for index in stride(from: 0, to: 10, by: 2) { #expect(journal.entry(of: owners[index]) == entries[index]) }
        #expect(journal.entry(of: ConsoleAddress(domid: 99, devid: 0)) == 1)
    }

    @Test func aFullJournalHasNoPlaceUntilOneIsFree() throws {
        // Written as a file: to fill it an owner at a time takes long.
        let length = try sizeOfAJournal()
        let size = length / 16384
        var bytes = [UInt8](repeating: 0, count: length)
        for index in 0..<16384 {
            withUnsafeBytes(of: (UInt32(7), UInt32(index + 1))) { for (at, byte) in $0.enumerated() { bytes[index * size + 4 + at] = byte } }
        }
        try put(bytes)
        let journal = try Journal(path)
        #expect(journal.entry(of: owner) == nil)
        #expect(journal.entry(of: ConsoleAddress(domid: 6, devid: 9)) == 9)
        journal.release(16383)
        #expect(journal.entry(of: owner) == 16383)
        #expect(journal.entry(of: ConsoleAddress(domid: 5, devid: 1)) == nil)
    }

    @Test func oneOfAnotherLengthBeginsEmpty() throws {
        for count in [1, 100, 4096, 1 << 20] {
            try put([UInt8](repeating: 0xff, count: count))
            let journal = try Journal(path)
            #expect(try Int(status(of: path).st_size) != count)
            #expect(journal.entry(of: owner) == 0)
        }
    }

    @Test func whateverIsInItIsHarmless() throws {
        let length = try sizeOfAJournal()
        for filling in [[0xff], [0x7f], [0x80], [1], Array(0...255), [1, 0, 0, 0, 6, 0, 0, 0]] as [[UInt8]] {
            try put((0..<length).map { filling[$0 % filling.count] })
            let journal = try Journal(path)
            let entry = journal.entry(of: owner) ?? 3
            #expect(journal.delivered(entry, ring, position: 0, size: .max, inode: 0) >= 0)
            // Exactly what stands there: only the size can make it wrong.
            let word = (0..<8).map { filling[(32 + $0) % filling.count] }
            let reference = word.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
            _ = journal.delivered(
                entry, RingLocation(reference: reference, port: reference), position: reference, size: .max,
                inode: word.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
            journal.releaseAll { _ in false }
            #expect(journal.entry(of: owner) == 0)
        }
    }

    @Test func aNegativeSizeTellsNothing() throws {
        let journal = try Journal(path)
        let entry = try #require(journal.entry(of: owner))
        journal.start(entry, ring)
        journal.begin(entry, position: 0, count: 5, size: .min, inode: 1)
        #expect(journal.delivered(entry, ring, position: 0, size: .max, inode: 1) == 0)
    }

    @Test func theLastDomidOwnsNothing() throws {
        let journal = try Journal(path)
        #expect(journal.entry(of: ConsoleAddress(domid: .max, devid: 0)) == nil)
    }

    @Test func onlyOneDaemonHoldsIt() throws {
        let journal = try Journal(path)
        let error = #expect(throws: ChannelError.self) { try Journal(path) }
        #expect(error.map { String(decoding: $0.message.bytes.array, as: UTF8.self) }?.contains("another xenchanneld") == true)
        _ = journal.entry(of: owner)
    }

    @Test func aSymbolicLinkIsNotFollowed() throws {
        let link = directory.file("link")
        _ = link.withCString { link in path.withCString { symlink($0, link) } }
        #expect(throws: ChannelError.self) { try Journal(link) }
    }

    @Test(arguments: [(.open, EACCES), (.lock, ENOLCK), (.stat, EIO), (.truncate, EIO)] as [(SystemCall, Int32)])
    func whatFailsLeavesNothingOpen(_ call: SystemCall, _ number: Int32) throws {
        try put([1, 2, 3])
        let error = #expect(throws: ChannelError.self) { try SystemFault.fail(call, with: number) { try Journal(path) } }
        let text = String(decoding: error?.message.bytes.array ?? [], as: UTF8.self)
        #expect(text.contains(String(cString: strerror(number))), "\(text)")
        // A descriptor that was left would hold the lock.
        #expect(try Journal(path).entry(of: owner) == 0)
    }

    private func sizeOfAJournal() throws -> Int {
        _ = try Journal(path)
        return try Int(status(of: path).st_size)
    }

    private func put(_ bytes: [UInt8]) throws {
        removeFile(path)
        let file = try openFile(path, O_WRONLY | O_CREAT, mode: 0o600)
        defer { close(file) }
        try writeAll(bytes, to: file)
    }
}
