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

/// Logs one message, with the domain it is about.
func log(_ level: xentoollog_level, domid: UInt32? = nil, errno number: Int32 = -1, _ message: Text) {
    var text = Bytes()
    if let domid {
        text.append("Domain ")
        text.append(decimal: domid)
        text.append(": ")
    }
    text.append(message.bytes)
    guard let logger else {
        if level.rawValue >= XTL_ERROR.rawValue { writeToStandardError(text) }
        return
    }
    guard logger.pointee.vmessage != nil else { return }
    text.withCString { xlchannel_message(logger, level, number, $0) }
}

private func writeToStandardError(_ text: Bytes) {
    var line = Bytes("libxlchannel: error: ")
    line.append(text)
    line.append("\n")
    // One write, so that lines of several threads do not mix.
    _ = line.array.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
}
