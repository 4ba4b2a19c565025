import CLibc
import Channel

/// A Unix socket's address.
public struct UnixAddress {
    private var address = sockaddr_un()
    private var length = socklen_t(MemoryLayout<sockaddr_un>.size)

    /// nil when the path is too long.
    public init?(_ path: Bytes) {
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.array) }
    }

    /// The address in NOTIFY_SOCKET: an abstract one begins with "@".
    public init?(notifySocket path: Bytes) {
        self.init(path)
        guard path.array.first == UInt8(ascii: "@") else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { $0[0] = 0 }
        // An abstract name is as long as the address says.
        length = socklen_t(MemoryLayout<sa_family_t>.size + path.count)
    }

    /// Calls `body` with the address as the socket functions want it.
    public mutating func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: &address) { [length] pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, length)
            }
        }
    }
}
