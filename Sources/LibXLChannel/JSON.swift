import CLibc
import CXen
import Channel
import ChannelJSON

/// A malloc'd JSON text, or NULL after logging why not.
func jsonTextOrLog(_ type: StaticString, _ write: (yajl_gen) -> yajl_gen_status) -> CText? {
    do throws(ChannelError) {
        return try jsonText(write)
    } catch {
        log(XTL_ERROR, "\(type) to JSON: \(error.message)")
        return nil
    }
}

/// The result of parsing one value of a type: 0, or after logging libxl's
/// ERROR_FAIL (ERROR_NOMEM without memory).
func parsed(_ type: StaticString, _ parse: () throws(ChannelError) -> Void) -> CInt {
    do throws(ChannelError) {
        try parse()
        return 0
    } catch {
        log(XTL_ERROR, "\(type) from JSON: \(error.message)")
        return error.code
    }
}
