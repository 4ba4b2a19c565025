import CLibc
import CXen
import Channel

/// The logger of `libxl_channel_set_logger`; nil: errors go to stderr.
/// Set and read as one word; it is the caller's to keep alive.
nonisolated(unsafe) private var logger: UnsafeMutablePointer<xentoollog_logger>?

@_cdecl("libxl_channel_set_logger") @implementation
public func libxl_channel_set_logger(_ lg: UnsafeMutablePointer<xentoollog_logger>!) {
    logger = lg
}

/// Logs one message, with the domain it is about. An error is also kept for
/// libxl_channel_last_error, after it is logged: a logger may call functions
/// of the library that fail.
@inline(never)
func log(_ level: xentoollog_level, domid: UInt32? = nil, _ message: Text) {
    let isError = level.rawValue >= XTL_ERROR.rawValue
    let text = domid.map { "domain \($0): \(message)" } ?? message
    let line = text.bytes.duplicated()
    if let logger {
        if logger.pointee.vmessage != nil { xlchannel_message(logger, level, -1, line ?? outOfMemory) }
    } else if isError {
        writeToStandardError("libxlchannel: error: \(text)\n")
    }
    if isError { keep(line) } else { free(line) }
}

private func writeToStandardError(_ text: Text) {
    // One write, so that lines of several threads do not mix.
    _ = text.bytes.array.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
}
