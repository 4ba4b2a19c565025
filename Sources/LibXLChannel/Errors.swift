import CLibc
import CXen
import Channel

extension ChannelError {
    /// libxl's error code.
    var code: CInt {
        let error: libxl_error =
            switch kind {
            case .invalid: ERROR_INVAL
            case .domainNotFound: ERROR_DOMAIN_NOTFOUND
            case .notFound: ERROR_NOTFOUND
            case .exists: ERROR_DEVICE_EXISTS
            case .notReady: ERROR_NOT_READY
            case .timedOut: ERROR_TIMEDOUT
            case .noMemory: ERROR_NOMEM
            case .qmpGeneric: ERROR_QMP_GENERIC_ERROR
            case .qmpCommandNotFound: ERROR_QMP_COMMAND_NOT_FOUND
            case .qmpDeviceNotActive: ERROR_QMP_DEVICE_NOT_ACTIVE
            case .qmpDeviceNotFound: ERROR_QMP_DEVICE_NOT_FOUND
            case .qmpUnknown: ERROR_UNKNOWN_QMP_ERROR
            case .qmpProtocol: ERROR_PROTOCOL_ERROR_QMP
            case .failed: ERROR_FAIL
            }
        return error.rawValue
    }

    /// The errno of functions that return no code.
    var number: CInt {
        switch kind {
        case .invalid: EINVAL
        case .domainNotFound, .notFound: ENOENT
        case .exists: EEXIST
        case .notReady: EAGAIN
        case .timedOut: ETIMEDOUT
        case .noMemory: ENOMEM
        case .qmpGeneric, .qmpCommandNotFound, .qmpDeviceNotActive, .qmpDeviceNotFound, .qmpUnknown, .qmpProtocol,
            .failed: EIO
        }
    }
}

/// Runs an operation on a domain: 0, or the error's code, with the cause logged and kept.
@inline(__always)
func result(domid: UInt32? = nil, _ operation: () throws(ChannelError) -> Void) -> CInt {
    do throws(ChannelError) {
        try operation()
        return 0
    } catch {
        return failed(domid, error)
    }
}

/// Logs and keeps an error's message; its code.
@inline(never)
private func failed(_ domid: UInt32?, _ error: ChannelError) -> CInt {
    log(XTL_ERROR, domid: domid, error.message)
    return error.code
}

/// Runs an operation that libxl lets the caller have asynchronously.
///
/// Without `how` it is synchronous. With a callback, it calls the callback
/// before it returns 0, which libxl.h allows. It refuses the event form, since
/// events belong to libxenlight.
func asynchronously(
    _ how: UnsafePointer<libxl_asyncop_how>?, domid: UInt32, _ ctx: OpaquePointer?,
    _ operation: () throws(ChannelError) -> Void
) -> CInt {
    guard let how else { return result(domid: domid, operation) }
    guard let callback = how.pointee.callback else {
        log(XTL_ERROR, domid: domid, "ao_how without a callback: libxlchannel generates no events")
        return ERROR_INVAL.rawValue
    }
    callback(ctx, result(domid: domid, operation), how.pointee.u.for_callback)
    return 0
}
