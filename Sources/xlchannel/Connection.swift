import ArgumentParser
import CXLChannel

/// What a channel can be connected to.
enum Connection: String, ExpressibleByArgument, CaseIterable {
    case pty, socket, path, none

    /// Whether it has a file or a socket at a path.
    var hasPath: Bool {
        switch self {
        case .socket, .path: true
        case .pty, .none: false
        }
    }

    /// libxl's number for it.
    var number: libxl_channel_connection {
        switch self {
        case .pty: LIBXL_CHANNEL_CONNECTION_PTY
        case .socket: LIBXL_CHANNEL_CONNECTION_SOCKET
        case .path: libxl_channel_connection(rawValue: UInt32(LIBXL_CHANNEL_CONNECTION_PATH))
        case .none: libxl_channel_connection(rawValue: UInt32(LIBXL_CHANNEL_CONNECTION_NONE))
        }
    }
}

extension libxl_device_channel {
    func connectionWord() -> String {
        libxl_channel_connection_to_string(connection).map { String(cString: $0) } ?? String(connection.rawValue)
    }

    /// The socket or file; nil for kinds that have none.
    func path() -> ByteString? {
        guard let known = Connection.allCases.first(where: { $0.number == connection }), known.hasPath else { return nil }
        return ByteString(u.socket.path)
    }
}
