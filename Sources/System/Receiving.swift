import CLibc

/// Reads what is there, at most `limit` bytes, and gives it to `use`.
///
/// - Returns: the number of bytes; 0 at the end of the stream.
public func receive(
    from descriptor: Int32, atMost limit: Int, _ use: (UnsafeRawBufferPointer) -> Void
) throws(Errno) -> Int {
    try withUnsafeTemporaryAllocation(byteCount: limit, alignment: 1) { buffer -> Result<Int, Errno> in
        do throws(Errno) {
            let count = try valueOrErrno(.receive) { read(descriptor, buffer.baseAddress, buffer.count) }
            use(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            return .success(count)
        } catch {
            // A buffer of this size comes from malloc. Swift does not look whether it got one; the kernel does.
            return .failure(error.number == EFAULT ? Errno(ENOMEM) : error)
        }
    }.get()
}
