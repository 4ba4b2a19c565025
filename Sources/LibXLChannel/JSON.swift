import CXen
import Channel
import ChannelJSON

/// A malloc'd JSON text; NULL on error, with the cause logged.
@inline(__always)
func jsonTextOrLog(_ type: StaticString, _ write: (yajl_gen) -> yajl_gen_status) -> CText? {
    do throws(ChannelError) {
        return try jsonText(write)
    } catch {
        _ = refused(type, " to JSON: ", error)
        return nil
    }
}

/// Parses one value of a type: 0, or libxl's ERROR_FAIL (ERROR_NOMEM if out of
/// memory), with the cause logged.
@inline(__always)
func parsed(_ type: StaticString, _ parse: () throws(ChannelError) -> Void) -> CInt {
    do throws(ChannelError) {
        try parse()
        return 0
    } catch {
        return refused(type, " from JSON: ", error)
    }
}

/// Logs why a conversion failed; its error code.
@inline(never)
private func refused(_ type: StaticString, _ conversion: StaticString, _ error: ChannelError) -> CInt {
    log(XTL_ERROR, "\(type)\(conversion)\(error.message)")
    return error.code
}
