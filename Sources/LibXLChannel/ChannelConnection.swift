// libxl_channel_connection, with the two values that this library adds.
import CXen
import Channel
import ChannelJSON

extension ConnectionKind {
    /// nil for an unknown number.
    init?(_ connection: libxl_channel_connection) {
        switch Int(connection.rawValue) {
        case Int(LIBXL_CHANNEL_CONNECTION_UNKNOWN.rawValue): self = .unknown
        case Int(LIBXL_CHANNEL_CONNECTION_PTY.rawValue): self = .pty
        case Int(LIBXL_CHANNEL_CONNECTION_SOCKET.rawValue): self = .socket
        case Int(LIBXL_CHANNEL_CONNECTION_NONE): self = .none
        case Int(LIBXL_CHANNEL_CONNECTION_PATH): self = .path
        default: return nil
        }
    }

    var released: libxl_channel_connection {
        switch self {
        case .unknown: LIBXL_CHANNEL_CONNECTION_UNKNOWN
        case .pty: LIBXL_CHANNEL_CONNECTION_PTY
        case .socket: LIBXL_CHANNEL_CONNECTION_SOCKET
        case .none: libxl_channel_connection(rawValue: UInt32(LIBXL_CHANNEL_CONNECTION_NONE))
        case .path: libxl_channel_connection(rawValue: UInt32(LIBXL_CHANNEL_CONNECTION_PATH))
        }
    }

    /// The kind's word as a C string that lives as long as the program.
    var cWord: UnsafePointer<CChar> { cString(word) }
}

@inline(__always)
func cString(_ literal: StaticString) -> UnsafePointer<CChar> {
    UnsafeRawPointer(literal.utf8Start).assumingMemoryBound(to: CChar.self)
}

/// The data symbol `libxl_channel_connection_string_table`, with the same entries
/// as libxl's: programs linked with libxenlight have its size built in.
///
/// Only optimised code makes it a constant, which an exported name requires.
#if hasFeature(Embedded)
@_silgen_name("libxl_channel_connection_string_table")
#endif
public nonisolated(unsafe) var connectionStringTable:
    (libxl_enum_string_table, libxl_enum_string_table, libxl_enum_string_table, libxl_enum_string_table) = (
        libxl_enum_string_table(s: cString("unknown"), v: 0),
        libxl_enum_string_table(s: cString("pty"), v: 1),
        libxl_enum_string_table(s: cString("socket"), v: 2),
        libxl_enum_string_table(s: nil, v: -1)
    )

/// For a number that stands for no connection: NULL.
@inline(never)
func unknown(_ number: UInt32) -> UnsafePointer<CChar>? {
    keep("no connection has the number \(number)")
    return nil
}

/// For a word that names no connection: ERROR_FAIL.
@inline(never)
func unknown(_ word: UnsafePointer<CChar>) -> CInt {
    keep("no connection is called \(Bytes(cString: word))")
    return ERROR_FAIL.rawValue
}

@_cdecl("libxl_channel_connection_to_string") @implementation
public func libxl_channel_connection_to_string(_ p: libxl_channel_connection) -> UnsafePointer<CChar>! {
    ConnectionKind(p)?.cWord ?? unknown(p.rawValue)
}

@_cdecl("libxl_channel_connection_from_string") @implementation
public func libxl_channel_connection_from_string(
    _ s: UnsafePointer<CChar>!, _ e: UnsafeMutablePointer<libxl_channel_connection>!
) -> CInt {
    guard let s, let e else { return nullArgument() }
    guard let kind = ConnectionKind(word: s) else { return unknown(s) }
    e.pointee = kind.released
    return 0
}

@_cdecl("libxl_channel_connection_gen_json") @implementation
public func libxl_channel_connection_gen_json(
    _ hand: yajl_gen!, _ p: UnsafeMutablePointer<libxl_channel_connection>!
) -> yajl_gen_status {
    guard let hand, let p else { return cannotGenerate() }
    return generated(ConnectionKind.generate(ConnectionKind(p.pointee), hand))
}

@_cdecl("libxl_channel_connection_to_json") @implementation
public func libxl_channel_connection_to_json(
    _ ctx: OpaquePointer!, _ p: libxl_channel_connection
) -> UnsafeMutablePointer<CChar>! {
    jsonTextOrLog("libxl_channel_connection") { ConnectionKind.generate(ConnectionKind(p), $0) }
}

@_cdecl("libxl_channel_connection_from_json") @implementation
public func libxl_channel_connection_from_json(
    _ ctx: OpaquePointer!, _ p: UnsafeMutablePointer<libxl_channel_connection>!, _ s: UnsafePointer<CChar>!
) -> CInt {
    guard let p, let s else { return nullArgument() }
    return parsed("libxl_channel_connection") { () throws(ChannelError) in
        p.pointee = try ConnectionKind(json: s).released
    }
}

@_cdecl("libxl_channel_connection_parse_json") @implementation
public func libxl_channel_connection_parse_json(
    _ ctx: OpaquePointer!, _ value: yajl_val!, _ connection: UnsafeMutablePointer<libxl_channel_connection>!
) -> CInt {
    guard let value, let connection else { return nullArgument() }
    return parsed("libxl_channel_connection") { () throws(ChannelError) in
        connection.pointee = try ConnectionKind(json: value).released
    }
}
