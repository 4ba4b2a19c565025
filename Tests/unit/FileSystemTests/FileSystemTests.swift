import CLibc
import Channel
import Foundation
import System
import Testing

@testable import FileSystem

/// A directory of the test's own.
final class Scratch: Sendable {
    let path = NSTemporaryDirectory() + "xlchannel-" + UUID().uuidString

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false) }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func callAsFunction(_ name: String) -> Bytes { Bytes((path + "/" + name).utf8) }
    func exists(_ name: String) -> Bool { (try? FileManager.default.attributesOfItem(atPath: path + "/" + name)) != nil }
    func write(_ name: String, _ text: String) throws { try text.write(toFile: path + "/" + name, atomically: false, encoding: .utf8) }
    func read(_ name: String) throws -> String { try String(contentsOfFile: path + "/" + name, encoding: .utf8) }
    func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: path + "/" + name, withDestinationPath: path + "/" + target)
    }
    func mode(_ name: String) -> mode_t {
        var status = stat()
        return lstat(path + "/" + name, &status) == 0 ? status.st_mode & 0o7777 : 0
    }
    var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }
}

struct LockTests {
    @Test func aHeldLockIsWaitedForAndGoesWithItsFile() throws {
        let scratch = try Scratch()
        let first = try #require(try LockFile.take(scratch("lock"), until: .now))
        #expect(throws: ChannelError.self) { try LockFile.take(scratch("lock"), until: .now + .milliseconds(20)) }
        first.release()
        #expect(scratch.names == [])
        let second = try #require(try LockFile.take(scratch("lock"), until: .now))
        #expect(scratch.names == ["lock"])
        second.release()
    }

    @Test func withoutADirectoryThereIsNothingToLock() throws {
        let scratch = try Scratch()
        #expect(try LockFile.take(scratch("no/lock"), until: .now) == nil)
    }

    @Test func aLinkIsNotFollowed() throws {
        let scratch = try Scratch()
        try scratch.link("lock", to: "elsewhere")
        #expect(throws: ChannelError.self) { try LockFile.take(scratch("lock"), until: .now) }
        #expect(scratch.names == ["lock"])
    }

    /// Many threads count with a lock whose file comes and goes.
    @Test func oneAtATimeHoldsIt() async throws {
        let scratch = try Scratch()
        try scratch.write("count", "0")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<50 {
                        let lock = try #require(try LockFile.take(scratch("lock"), until: .now + .seconds(60)))
                        let count = try #require(Int(try scratch.read("count")))
                        try scratch.write("count", String(count + 1))
                        lock.release()
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try scratch.read("count") == "400")
        #expect(scratch.names == ["count"])
    }
}

struct WholeFileTests {
    @Test func aFileIsReplacedAtOnce() throws {
        let scratch = try Scratch()
        #expect(try readFile(scratch("data")) == nil)
        try scratch.write("data", "old")
        try scratch.write("new", "left by a program that died")
        let replacement = try Replacement(of: scratch("data"), with: "new\0", at: scratch("new"))
        #expect(try readFile(scratch("data")) == "old")
        try replacement.commit()
        #expect(try readFile(scratch("data")) == "new\0")
        #expect(scratch.mode("data") == 0o600)
        try Replacement(of: scratch("data"), with: "other", at: scratch("new")).discard()
        #expect(scratch.names == ["data"])
        #expect(try readFile(scratch("data")) == "new\0")
    }

    @Test func linksAndDirectoriesAreRefused() throws {
        let scratch = try Scratch()
        try scratch.write("victim", "safe")
        try scratch.link("data", to: "victim")
        try scratch.link("new", to: "victim")
        #expect(throws: ChannelError.self) { try readFile(scratch("data")) }
        #expect(throws: ChannelError.self) { try readFile(scratch("")) }
        try Replacement(of: scratch("data"), with: "x", at: scratch("new")).commit()
        #expect(try scratch.read("victim") == "safe")
        #expect(throws: ChannelError.self) { try Replacement(of: scratch("data"), with: "x", at: scratch("no/new")) }
        #expect(throws: ChannelError.self) { try Replacement(of: scratch("no/data"), with: "x", at: scratch("new")).commit() }
        #expect(scratch.names == ["data", "victim"])
    }
}

struct PlaceTests {
    @Test func aSocketReplacesOnlyAStaleOne() throws {
        let scratch = try Scratch()
        let first = try ListeningSocket(scratch("socket"))
        #expect(scratch.mode("socket") == 0o700)
        #expect(throws: ChannelError.self) { try ListeningSocket(scratch("socket")) }
        close(first.descriptor)
        let second = try ListeningSocket(scratch("socket"))
        try FileManager.default.removeItem(atPath: scratch.path + "/socket")
        let third = try ListeningSocket(scratch("socket"))
        second.unlink()
        #expect(scratch.names == ["socket"])
        third.unlink()
        #expect(scratch.names == [])
        close(second.descriptor)
        close(third.descriptor)

        try scratch.write("socket", "precious")
        #expect(throws: ChannelError.self) { try ListeningSocket(scratch("socket")) }
        #expect(try scratch.read("socket") == "precious")
        #expect(throws: ChannelError.self) { try ListeningSocket(scratch(String(repeating: "x", count: 108))) }
    }

    @Test func aLogIsARegularFile() throws {
        let scratch = try Scratch()
        let log = try openLogFile(scratch("log"))
        #expect(scratch.mode("log") == 0o600)
        close(log)
        try scratch.link("link", to: "log")
        try #require(scratch("fifo").withCString { mkfifo($0, 0o600) } == 0)
        for name in ["link", "fifo", "", "no/log"] {
            #expect(throws: ChannelError.self) { try openLogFile(scratch(name)) }
        }
    }
}
