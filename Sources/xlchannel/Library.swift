// The calls of libxlchannel; errors are thrown.
import CXLChannel
import Glibc

/// Why the command fails, in one line.
struct Failure: Error {
    var message: String
}

/// Has the library log here: warnings are printed. Errors are told by `Failure`s.
func printWarnings() {
    let logger = UnsafeMutablePointer<xentoollog_logger>.allocate(capacity: 1)  // the library keeps it
    logger.initialize(to: xentoollog_logger())
    logger.pointee.vmessage = { _, level, _, _, format, arguments in
        // Whether a va_list is optional depends on the processor.
        guard level == XTL_WARN, let format, let arguments = arguments as CVaListPointer? else { return }
        var buffer = [CChar](repeating: 0, count: 4096)
        vsnprintf(&buffer, buffer.count, format, arguments)
        complain("warning: \(ByteString(buffer)?.line ?? "")")
    }
    libxl_channel_set_logger(logger)
}

/// Throws the library's last error when `code` is an error's.
func check(_ code: CInt) throws(Failure) {
    if code != 0 { throw lastFailure() }
}

/// The failure of the call before, in the library's words.
func lastFailure() -> Failure {
    Failure(message: ByteString(libxl_channel_last_error())?.line ?? "unknown error")
}

/// The number of the domain with a name, or that is given by its number.
func domainNumber(of domain: ByteString) throws(Failure) -> UInt32 {
    var domid: UInt32 = 0
    try check(domain.withCString { libxl_channel_domain_qualifier_to_domid(nil, $0, &domid) })
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
        switch choice {
        case .devid(let devid): try check(libxl_devid_to_device_channel(nil, domid, devid, &device))
        case .name(let name):
            try check(name.withCString { libxl_name_to_device_channel(nil, domid, $0, &device) })
        }
        return try body(&device)
    }
}

/// Calls `body` with the state of a channel's device; nil if the channel is gone.
func withInfo<Result>(
    of device: inout libxl_device_channel, _ domid: UInt32, _ body: (libxl_channelinfo) throws(Failure) -> Result
) throws(Failure) -> Result? {
    var info = libxl_channelinfo()
    libxl_channelinfo_init(&info)
    defer { libxl_channelinfo_dispose(&info) }
    let code = libxl_device_channel_getinfo(nil, domid, &device, &info)
    if code == ERROR_NOTFOUND.rawValue || code == ERROR_DOMAIN_NOTFOUND.rawValue { return nil }
    try check(code)
    return try body(info)
}

/// Calls `body` with the channels of a domain, or of all domains, one by one.
func forEachChannel(
    of domid: UInt32?, _ body: (UInt32, inout libxl_device_channel) throws(Failure) -> Void
) throws(Failure) {
    var count: CInt = 0
    guard let domid else {
        var list: UnsafeMutablePointer<libxl_domain_channel>?
        try check(libxl_domain_channel_list(nil, &list, &count))
        defer { libxl_domain_channel_list_free(list, count) }
        for index in 0..<Int(count) { try body(list![index].domid, &list![index].channel) }
        return
    }
    errno = 0
    let list = libxl_device_channel_list(nil, domid, &count)
    defer { libxl_device_channel_list_free(list, count) }
    guard let list else {
        // Only errno tells a failure from an empty list, which a domain that
        // does not exist has too.
        if errno != 0 { throw lastFailure() }
        try withDevice { (device) throws(Failure) in
            let code = libxl_devid_to_device_channel(nil, domid, 0, &device)
            if code != ERROR_NOTFOUND.rawValue { try check(code) }
        }
        return
    }
    for index in 0..<Int(count) { try body(domid, &list[index]) }
}

/// The JSON text that a function of the library returned; frees it.
func takenJSON(_ text: UnsafeMutablePointer<CChar>?) throws(Failure) -> JSON {
    guard let text, let bytes = ByteString(text) else { throw lastFailure() }
    free(text)
    return JSON(bytes)
}

extension libxl_channelinfo {
    /// The terminal; nil if there is none, or not yet.
    func terminal() -> ByteString? {
        guard connection == LIBXL_CHANNEL_CONNECTION_PTY, let path = ByteString(u.pty.path) else { return nil }
        // libxl's path for a PTY without a terminal.
        return path == ByteString(Array("/NO-SUCH-PATH".utf8)) ? nil : path
    }

    /// The frontend's xenbus state.
    func stateWord() -> String {
        let words = [
            "unknown", "initialising", "initwait", "initialised", "connected", "closing", "closed", "reconfiguring",
            "reconfigured",
        ]
        if state == -1 { return "-" }
        return words.indices.contains(Int(state)) ? words[Int(state)] : String(state)
    }
}
