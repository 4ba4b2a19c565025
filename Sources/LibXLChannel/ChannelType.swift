// libxl_channel_type, the enumeration of the posted family.
import CXen
import CXenV2
import Channel
import ChannelJSON

extension ConnectionKind {
    /// nil for an unknown number.
    init?(_ type: libxl_channel_type) {
        switch type {
        case LIBXL_CHANNEL_TYPE_NONE: self = .none
        case LIBXL_CHANNEL_TYPE_PTY: self = .pty
        case LIBXL_CHANNEL_TYPE_PATH: self = .path
        case LIBXL_CHANNEL_TYPE_SOCKET: self = .socket
        default: return nil
        }
    }

    /// nil for a connection that the posted family does not have.
    var posted: libxl_channel_type? {
        switch self {
        case .unknown: nil
        case .none: LIBXL_CHANNEL_TYPE_NONE
        case .pty: LIBXL_CHANNEL_TYPE_PTY
        case .path: LIBXL_CHANNEL_TYPE_PATH
        case .socket: LIBXL_CHANNEL_TYPE_SOCKET
        }
    }
}

/// The data symbol `libxl_channel_type_string_table`; see `connectionStringTable`.
#if hasFeature(Embedded)
@_silgen_name("libxl_channel_type_string_table")
#endif
public nonisolated(unsafe) var typeStringTable:
    (
        libxl_enum_string_table, libxl_enum_string_table, libxl_enum_string_table, libxl_enum_string_table,
        libxl_enum_string_table
    ) = (
        libxl_enum_string_table(s: cString("none"), v: 0),
        libxl_enum_string_table(s: cString("pty"), v: 1),
        libxl_enum_string_table(s: cString("path"), v: 2),
        libxl_enum_string_table(s: cString("socket"), v: 3),
        libxl_enum_string_table(s: nil, v: -1)
    )

@_cdecl("libxl_channel_type_to_string") @implementation
public func libxl_channel_type_to_string(_ type: libxl_channel_type) -> UnsafePointer<CChar>! {
    ConnectionKind(type)?.cWord ?? unknown(type.rawValue)
}

@_cdecl("libxl_channel_type_from_string") @implementation
public func libxl_channel_type_from_string(
    _ s: UnsafePointer<CChar>!, _ type: UnsafeMutablePointer<libxl_channel_type>!
) -> CInt {
    guard let s, let type else { return nullArgument() }
    guard let posted = ConnectionKind(word: s)?.posted else { return unknown(s) }
    type.pointee = posted
    return 0
}

@_cdecl("libxl_channel_type_gen_json") @implementation
public func libxl_channel_type_gen_json(
    _ hand: yajl_gen!, _ type: UnsafeMutablePointer<libxl_channel_type>!
) -> yajl_gen_status {
    guard let hand, let type else { return cannotGenerate() }
    return generated(ConnectionKind.generate(ConnectionKind(type.pointee), hand))
}

@_cdecl("libxl_channel_type_to_json") @implementation
public func libxl_channel_type_to_json(
    _ ctx: OpaquePointer!, _ type: libxl_channel_type
) -> UnsafeMutablePointer<CChar>! {
    jsonTextOrLog("libxl_channel_type") { ConnectionKind.generate(ConnectionKind(type), $0) }
}

@_cdecl("libxl_channel_type_from_json") @implementation
public func libxl_channel_type_from_json(
    _ ctx: OpaquePointer!, _ type: UnsafeMutablePointer<libxl_channel_type>!, _ s: UnsafePointer<CChar>!
) -> CInt {
    guard let type, let s else { return nullArgument() }
    return parsed("libxl_channel_type") { () throws(ChannelError) in
        guard let posted = try ConnectionKind(json: s).posted else {
            throw ChannelError(.failed, "no type is called \"unknown\"")
        }
        type.pointee = posted
    }
}
