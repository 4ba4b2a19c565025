import CLibc
import CXen
import Channel

/// The key of each thread's message; nil before the first failure and after unloading.
nonisolated(unsafe) private var key: pthread_key_t?
nonisolated(unsafe) private var once = pthread_once_t()
/// What stands for a message that there is no memory for; the only one that is not malloc'd.
nonisolated(unsafe) let outOfMemory = UnsafeMutablePointer(mutating: cString("out of memory"))

@_cdecl("libxl_channel_last_error") @implementation
public func libxl_channel_last_error() -> UnsafePointer<CChar>! {
    guard let key, let message = pthread_getspecific(key) else { return nil }
    return UnsafePointer(message.assumingMemoryBound(to: CChar.self))
}

/// Makes `message` the calling thread's last error. Takes over the malloc'd
/// text; nil stands for one that there was no memory for.
@inline(never)
func keep(_ message: UnsafeMutablePointer<CChar>?) {
    pthread_once(&once) {
        var new = pthread_key_t()
        if pthread_key_create(&new, { discard($0) }) == 0 { key = new }
    }
    let message = message ?? outOfMemory
    guard let key else { return discard(message) }
    let old = pthread_getspecific(key)
    discard(pthread_setspecific(key, message) == 0 ? old : UnsafeMutableRawPointer(message))
}

private func discard(_ message: UnsafeMutableRawPointer?) {
    if message != UnsafeMutableRawPointer(outOfMemory) { free(message) }
}

/// Deletes the key before its destructor is unloaded. Messages of other threads
/// stay allocated.
func forgetLastErrors() {
    guard let deleted = key else { return }
    key = nil
    discard(pthread_getspecific(deleted))
    pthread_key_delete(deleted)
}

/// The same for a message that is not logged.
@inline(never)
func keep(_ message: Text) {
    keep(message.bytes.duplicated())
}

/// For a NULL argument: ERROR_INVAL.
@inline(never)
func nullArgument() -> CInt {
    invalid("an argument is NULL")
}

/// For an argument that needs no look at anything else: ERROR_INVAL.
@inline(never)
func invalid(_ reason: StaticString) -> CInt {
    keep(strdup(cString(reason)))
    return ERROR_INVAL.rawValue
}

/// The status of a generator, whose failure is kept.
@inline(__always)
func generated(_ status: yajl_gen_status) -> yajl_gen_status {
    status == yajl_gen_status_ok ? status : notGenerated(status)
}

@inline(never)
private func notGenerated(_ status: yajl_gen_status) -> yajl_gen_status {
    keep("yajl cannot generate JSON: status \(status.rawValue)")
    return status
}

/// For a NULL argument of a `_gen_json`.
@inline(never)
func cannotGenerate() -> yajl_gen_status {
    _ = nullArgument()
    return yajl_gen_in_error_state
}
