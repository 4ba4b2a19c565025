import Channel
import XenConsole

/// All that a list tells of a channel, in one node: lines with the connection's
/// word, the backend's domid, the name and, where there is one, the path. Names
/// and paths that `ChannelRequest` let pass have no line feeds.
///
/// xenstored's time goes by requests, so a list reads one node a channel.
extension Channel {
    var summary: Bytes {
        var text = Bytes(connection.kind.word) + "\n"
        text.append(decimal: backendDomid)
        text.append("\n")
        text.append(name)
        if let path = connection.path {
            text.append("\n")
            text.append(path)
        }
        return text
    }

    /// nil without a summary, and for a text that is none.
    init?(devid: Int32, summary: Bytes?) {
        guard let text = summary?.array[...],
            let first = text.firstIndex(of: 0x0a), let second = text[(first + 1)...].firstIndex(of: 0x0a),
            let domid = domidNumber(text[(first + 1)..<second])
        else { return nil }
        let rest = text[(second + 1)...]
        let third = rest.firstIndex(of: 0x0a)
        guard let connection = Connection(word: Bytes(text[..<first]), path: third.map { Bytes(rest[($0 + 1)...]) })
        else { return nil }
        self.init(
            devid: devid, name: Bytes(rest[..<(third ?? rest.endIndex)]), backendDomid: domid, connection: connection)
    }
}
