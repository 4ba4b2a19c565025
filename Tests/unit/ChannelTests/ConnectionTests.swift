import Channel
import Testing

struct ConnectionTests {
    @Test(arguments: ConnectionKind.allCases) func aWordStandsForOneKind(_ kind: ConnectionKind) {
        #expect(ConnectionKind(word: Bytes(kind.word)) == kind)
    }

    @Test(arguments: ["", "PTY", "pty ", "sockets"] as [Bytes]) func otherWordsStandForNone(_ word: Bytes) {
        #expect(ConnectionKind(word: word) == nil)
    }

    @Test(arguments: [.unknown, .none, .pty, .path("/a"), .socket("/a")] as [Connection])
    func aKindHasAPathWhenItsConnectionsHave(_ connection: Connection) {
        #expect(connection.kind.hasPath == (connection.path != nil))
    }
}
