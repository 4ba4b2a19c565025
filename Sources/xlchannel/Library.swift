// libxlchannel: its calls, with errors as Swift's.
import CXLChannel
import Glibc

/// Something failed: a line for people.
struct Failure: Error {
    var message: String
}

/// What the library said last of an error.
nonisolated(unsafe) private var cause: String?

/// Has the library log here: warnings are printed, and what it says of an
/// error is kept for the Failure.
func captureLog() {
    let logger = UnsafeMutablePointer<xentoollog_logger>.allocate(capacity: 1)  // the library keeps it
    logger.initialize(to: xentoollog_logger())
    logger.pointee.vmessage = { _, level, _, _, format, arguments in
        // Whether a va_list is optional depends on the processor.
        guard level.rawValue >= XTL_WARN.rawValue, let format, let arguments = arguments as CVaListPointer?
        else { return }
        var buffer = [CChar](repeating: 0, count: 4096)
        vsnprintf(&buffer, buffer.count, format, arguments)
        let message = ByteString(buffer)?.line ?? ""
        if level.rawValue < XTL_ERROR.rawValue {
            complain("warning: \(message)")
        } else {
            cause = message
        }
    }
    libxl_channel_set_logger(logger)
}

/// Throws when `code` is an error's, with the library's own words for the cause.
func check(_ code: CInt, domid: UInt32? = nil, _ doing: @autoclosure () -> String) throws(Failure) {
    guard code != 0 else { return }
    throw failure(domid: domid, doing(), code)
}

private func failure(domid: UInt32?, _ doing: String, _ code: CInt) -> Failure {
    var words = cause ?? "error \(code)"
    // The library's words may begin with some of it.
    for prefix in [domid.map { "Domain \($0): " } ?? "", "\(doing): "] where words.hasPrefix(prefix) {
        words.removeFirst(prefix.count)
    }
    return Failure(message: (domid.map { "domain \($0): " } ?? "") + "\(doing): \(words)")
}

/// The number of the domain with a name, or that is given by its number.
func domainNumber(of domain: ByteString) throws(Failure) -> UInt32 {
    var domid: UInt32 = 0
    let code = domain.withCString { libxl_channel_domain_qualifier_to_domid(nil, $0, &domid) }
    guard code != ERROR_INVAL.rawValue else { throw Failure(message: "a domain's name is not empty") }
    try check(code, "looking for domain \(domain.shown)")
    return domid
}

/// Calls `body` with an initialised struct, and disposes of it afterwards.
func withDevice<Result>(
    _ body: (inout libxl_device_channel) throws(Failure) -> Result
) throws(Failure) -> Result {
    var device = libxl_device_channel()
    libxl_device_channel_init(&device)
    defer { libxl_device_channel_dispose(&device) }
    return try body(&device)
}

/// Calls `body` with a domain's channel.
func withChannel<Result>(
    _ choice: Choice, of domid: UInt32, _ body: (inout libxl_device_channel) throws(Failure) -> Result
) throws(Failure) -> Result {
    try withDevice { (device) throws(Failure) in
        let code =
            switch choice {
            case .devid(let devid): libxl_devid_to_device_channel(nil, domid, devid, &device)
            case .name(let name): name.withCString { libxl_name_to_device_channel(nil, domid, $0, &device) }
            }
        try check(code, domid: domid, "looking for \(choice.title)")
        return try body(&device)
    }
}

/// Calls `body` with the state of a channel's device; nil when the channel is
/// gone.
func withInfo<Result>(
    of device: inout libxl_device_channel, _ domid: UInt32, _ body: (libxl_channelinfo) throws(Failure) -> Result
) throws(Failure) -> Result? {
    var info = libxl_channelinfo()
    libxl_channelinfo_init(&info)
    defer { libxl_channelinfo_dispose(&info) }
    let code = libxl_device_channel_getinfo(nil, domid, &device, &info)
    if code == ERROR_NOTFOUND.rawValue || code == ERROR_DOMAIN_NOTFOUND.rawValue { return nil }
    try check(code, domid: domid, "reading the state of devid \(device.devid)")
    return try body(info)
}

/// Calls `body` with the channels of a domain, or of all domains, one by one.
func forEachChannel(
    of domid: UInt32?, _ body: (UInt32, inout libxl_device_channel) throws(Failure) -> Void
) throws(Failure) {
    var count: CInt = 0
    guard let domid else {
        var list: UnsafeMutablePointer<libxl_domain_channel>?
        try check(libxl_domain_channel_list(nil, &list, &count), "listing the channels of all domains")
        defer { libxl_domain_channel_list_free(list, count) }
        for index in 0..<Int(count) { try body(list![index].domid, &list![index].channel) }
        return
    }
    errno = 0
    let list = libxl_device_channel_list(nil, domid, &count)
    defer { libxl_device_channel_list_free(list, count) }
    guard let list else {
        // No channels and a failure look alike but for errno; and a domain that
        // is not there has no channels.
        if errno != 0 { throw failure(domid: domid, "listing the channels", ERROR_FAIL.rawValue) }
        try withDevice { (device) throws(Failure) in
            let code = libxl_devid_to_device_channel(nil, domid, 0, &device)
            if code != ERROR_NOTFOUND.rawValue { try check(code, domid: domid, "listing the channels") }
        }
        return
    }
    for index in 0..<Int(count) { try body(domid, &list[index]) }
}

/// The text that one of the library's functions has made in JSON, which is freed.
func takenJSON(_ text: UnsafeMutablePointer<CChar>?, domid: UInt32) throws(Failure) -> JSON {
    guard let text, let bytes = ByteString(text) else {
        throw failure(domid: domid, "writing JSON", ERROR_FAIL.rawValue)
    }
    free(text)
    return JSON(bytes)
}

extension libxl_device_channel {
    func connectionWord() -> String {
        libxl_channel_connection_to_string(connection).map { String(cString: $0) } ?? String(connection.rawValue)
    }

    /// The socket or file; nil for channels that have none.
    func path() -> ByteString? {
        switch Int(connection.rawValue) {
        case Int(LIBXL_CHANNEL_CONNECTION_SOCKET.rawValue), Int(LIBXL_CHANNEL_CONNECTION_PATH):
            ByteString(u.socket.path)
        default: nil
        }
    }
}

extension libxl_channelinfo {
    /// The terminal; nil when there is none, or not yet.
    func terminal() -> ByteString? {
        guard connection == LIBXL_CHANNEL_CONNECTION_PTY, let path = ByteString(u.pty.path) else { return nil }
        // libxl puts this in where it has none.
        return path == ByteString(Array("/NO-SUCH-PATH".utf8)) ? nil : path
    }

    /// The guest's xenbus state.
    func stateWord() -> String {
        let words = [
            "unknown", "initialising", "initwait", "initialised", "connected", "closing", "closed", "reconfiguring",
            "reconfigured",
        ]
        if state == -1 { return "-" }
        return words.indices.contains(Int(state)) ? words[Int(state)] : String(state)
    }
}
