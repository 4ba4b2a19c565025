import Channel
import XenStore

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

    /// The channel of a console; nil without a summary.
    init?(_ console: Console, summary: Bytes?) {
        guard let summary else { return nil }
        self.init(devid: console.devid, summary: summary)
    }

    /// nil for a text that is no summary.
    init?(devid: Int32, summary: Bytes) {
        let text = summary.array[...]
        guard let first = text.firstIndex(of: 0x0a), let second = text[(first + 1)...].firstIndex(of: 0x0a),
            let domid = unsigned(text[(first + 1)..<second]), domid <= UInt64(UInt32.max)
        else { return nil }
        let rest = text[(second + 1)...]
        let third = rest.firstIndex(of: 0x0a)
        guard let connection = Connection(word: Bytes(text[..<first]), path: third.map { Bytes(rest[($0 + 1)...]) })
        else { return nil }
        self.init(
            devid: devid, name: Bytes(rest[..<(third ?? rest.endIndex)]), backendDomid: UInt32(domid),
            connection: connection)
    }
}

extension Connection {
    /// The connection that a word in xenstore stands for; nil when its path is
    /// not there, `.unknown` for a word of somebody else's.
    init?(word: Bytes, path: Bytes?) {
        switch word {
        case "none": self = .none
        case "pty": self = .pty
        case "path", "socket":
            guard let path else { return nil }
            self = word.isEqual(to: "path") ? .path(path) : .socket(path)
        default: self = .unknown
        }
    }
}
