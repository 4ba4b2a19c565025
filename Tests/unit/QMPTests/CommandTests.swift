import Channel
import Testing

@testable import QMP

struct CommandTests {
    @Test(arguments: [
        (.negotiate, #"{"execute":"qmp_capabilities","arguments":{},"id":7}"#),
        (.takeDescriptor(name: "xlchannel-1"), #"{"execute":"getfd","arguments":{"fdname":"xlchannel-1"},"id":7}"#),
        (.closeDescriptor(name: "xlchannel-1"), #"{"execute":"closefd","arguments":{"fdname":"xlchannel-1"},"id":7}"#),
        (.addDescriptor, #"{"execute":"add-fd","arguments":{},"id":7}"#),
        (.removeDescriptors(set: 3), #"{"execute":"remove-fd","arguments":{"fdset-id":3},"id":7}"#),
        (.queryChardevs, #"{"execute":"query-chardev","arguments":{},"id":7}"#),
        (.removeChardev(id: "a"), #"{"execute":"chardev-remove","arguments":{"id":"a"},"id":7}"#),
        (.addChardev(id: "a", .null), #"{"execute":"chardev-add","arguments":{"id":"a","backend":{"type":"null","data":{}}},"id":7}"#),
        (.addChardev(id: "a", .pty), #"{"execute":"chardev-add","arguments":{"id":"a","backend":{"type":"pty","data":{}}},"id":7}"#),
        (
            .addChardev(id: "a", .file(inSet: 12)),
            #"{"execute":"chardev-add","arguments":{"id":"a","backend":{"type":"file","data":{"out":"/dev/fdset/12","append":true}}},"id":7}"#
        ),
        (
            .addChardev(id: "a", .listeningSocket(named: "s")),
            #"{"execute":"chardev-add","arguments":{"id":"a","backend":{"type":"socket","data":{"addr":{"type":"fd","data":{"str":"s"}},"server":true,"wait":false}}},"id":7}"#
        ),
    ] as [(QMPCommand, String)])
    func aCommandIsOneLine(_ command: QMPCommand, _ line: String) throws {
        #expect(try command.encoded(id: 7) == Bytes((line + "\n").utf8))
    }

    @Test func textIsEscaped() throws {
        let line = try QMPCommand.removeChardev(id: Bytes("a\"\\\n".utf8)).encoded(id: -1)
        #expect(line == Bytes((#"{"execute":"chardev-remove","arguments":{"id":"a\"\\\n"},"id":-1}"# + "\n").utf8))
    }
}
