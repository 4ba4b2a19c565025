import CLibc

/// Reads what is there, at most `limit` bytes, and gives it to `use`.
///
/// - Returns: the number of bytes; 0 at the end of the stream.
public func receive(
    from descriptor: Int32, atMost limit: Int, _ use: (UnsafeRawBufferPointer) -> Void
) throws(Errno) -> Int {
    try withUnsafeTemporaryAllocation(byteCount: limit, alignment: 1) { buffer -> Result<Int, Errno> in
        // A buffer of this size comes from malloc.
        guard let start = buffer.baseAddress else { return .failure(Errno(ENOMEM)) }
        do throws(Errno) {
            let count = try valueOrErrno(.receive) { read(descriptor, start, buffer.count) }
            use(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            return .success(count)
        } catch {
            return .failure(error)
        }
    }.get()
}
