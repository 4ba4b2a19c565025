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
    func makeDirectory(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: path + "/" + name, withIntermediateDirectories: false)
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
        let log = try LogFile(scratch("log"))
        #expect(scratch.mode("log") == 0o600)
        close(log.descriptor)
        try scratch.link("link", to: "log")
        try #require(scratch("fifo").withCString { mkfifo($0, 0o600) } == 0)
        for name in ["link", "fifo", "", "no/log"] {
            #expect(throws: ChannelError.self) { try LogFile(scratch(name)) }
        }
    }

    /// In a short directory that others can write, a name can fill the path.
    @Test func aSocketMayHaveTheLongestName() throws {
        for count in [1, 60, 85, 90, 100, 102] {
            let path = Bytes(("/tmp/" + String(repeating: "x", count: count - 1) + "s").utf8)
            let first = try ListeningSocket(path)
            #expect(throws: ChannelError.self) { try ListeningSocket(path) }
            close(first.descriptor)
            let second = try ListeningSocket(path)
            let client = try connectToSocket(path, until: .now)
            close(client)
            second.unlink()
            close(second.descriptor)
            #expect((try? status(of: path)) == nil)
        }
    }
}

struct WayTests {
    /// A scratch directory in which everybody can write.
    private func openScratch() throws -> Scratch {
        let scratch = try Scratch()
        try #require(scratch("").withCString { chmod($0, 0o777) } == 0)
        return scratch
    }

    private func refusal(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "no error"
        } catch {
            return (error as? ChannelError)?.message.description ?? "\(error)"
        }
    }

    private func refusals(_ path: Bytes) -> [String] {
        [refusal { close(try LogFile(path).descriptor) }, refusal { close(try ListeningSocket(path).descriptor) }]
    }

    @Test func linksThatOthersCanChangeAreNotFollowed() throws {
        let scratch = try openScratch(), victim = try Scratch()
        try scratch.makeDirectory("real")
        try scratch.link("link", to: "real")
        try scratch.link("real/deep", to: "../../" + (victim.path as NSString).lastPathComponent)
        try FileManager.default.createSymbolicLink(atPath: scratch.path + "/away", withDestinationPath: victim.path)
        try scratch.link("loop", to: "loop")
        for way in ["link", "real/deep", "away", "loop", "real/../away", "real/.."] {
            for message in refusals(scratch(way + "/file")) {
                #expect(message.contains("users other than root can change where"), "\(way): \(message)")
            }
        }
        for message in refusals(scratch("missing/file")) { #expect(message.contains("No such file or directory")) }
        for message in refusals(scratch("away/no/file")) { #expect(message.contains("users other than root")) }
        try scratch.write("file", "")
        for message in refusals(scratch("file/below")) { #expect(message.contains("Not a directory")) }
        #expect(scratch.names == ["away", "file", "link", "loop", "real"])
        #expect(victim.names == [])
        // Directories, whoever's they are, lead on; and so do odd ways to write them.
        close(try LogFile(scratch("real//./log")).descriptor)
        #expect(scratch.exists("real/log"))
    }

    /// /var/run is one, on every system; only root can make others.
    @Test(.enabled(if: geteuid() == 0)) func linksThatOnlyRootCanChangeAreFollowed() throws {
        try #require(try status(of: "/var/run").isSymbolicLink)
        let name = "xlchannel-" + UUID().uuidString
        let path = { (name: String) in Bytes(("/var/run/" + name).utf8) }
        try FileManager.default.createDirectory(atPath: "/run/" + name, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: "/run/" + name) }
        close(try LogFile(path(name + "/log")).descriptor)
        let socket = try ListeningSocket(path(name + "/socket"))
        #expect(FileManager.default.fileExists(atPath: "/run/" + name + "/socket"))
        socket.unlink()
        close(socket.descriptor)
        #expect(!FileManager.default.fileExists(atPath: "/run/" + name + "/socket"))
        // One link after another, absolute and relative, with and without end.
        let links = [("first", "./second"), ("second", "/var/run/" + name), ("loop", "loop")]
        for (link, target) in links {
            try FileManager.default.createSymbolicLink(atPath: "/run/\(name)/\(link)", withDestinationPath: target)
        }
        close(try LogFile(path(name + "/first/../\(name)/first/other")).descriptor)
        #expect(FileManager.default.fileExists(atPath: "/run/" + name + "/other"))
        for message in refusals(path(name + "/loop/file")) { #expect(message.contains("Too many levels of symbolic links")) }
        // Not if the link is somebody else's, or others can write beside it.
        try #require(lchown("/run/\(name)/first", 12345, 0) == 0)
        for message in refusals(path(name + "/first/file")) { #expect(message.contains("users other than root")) }
        for mode in [0o775, 0o757] as [mode_t] {
            try #require(chmod("/run/" + name, mode) == 0)
            for message in refusals(path(name + "/second/file")) { #expect(message.contains("users other than root")) }
        }
        try #require(chmod("/run/" + name, 0o755) == 0)
        try #require(chown("/run/" + name, 12345, 0) == 0)
        for message in refusals(path(name + "/second/file")) { #expect(message.contains("users other than root")) }
    }

    @Test func theDirectoryMustStayTheSame() throws {
        let scratch = try openScratch()
        try scratch.makeDirectory("place")
        let log = try LogFile(scratch("place/log")), socket = try ListeningSocket(scratch("place/socket"))
        // It is locked while it is open.
        close(log.descriptor)
        close(try LogFile(scratch("place/log"), in: log.directory).descriptor)
        try FileManager.default.moveItem(atPath: scratch.path + "/place", toPath: scratch.path + "/old")
        try scratch.makeDirectory("place")
        try FileManager.default.moveItem(atPath: scratch.path + "/old/socket", toPath: scratch.path + "/place/socket")
        let again = [
            refusal { close(try LogFile(scratch("place/log"), in: log.directory).descriptor) },
            refusal { close(try ListeningSocket(scratch("place/other"), in: socket.directory).descriptor) },
        ]
        for message in again { #expect(message.contains("its directory is another one than before")) }
        socket.unlink()
        #expect(scratch.exists("place/socket"))
        #expect(!scratch.exists("place/log"))
        close(socket.descriptor)
        // A first time has nothing to compare with.
        close(try LogFile(scratch("place/log")).descriptor)
    }
}
