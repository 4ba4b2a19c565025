import CLibc
import Channel
import FileSystem
import System

extension StoreConnection {
    /// Connects to xenstored, as libxenstore does: to its Unix socket
    /// (`XENSTORED_PATH`, or `socket` below `XENSTORED_RUNDIR`), else to the
    /// xenbus device, unless `bySocket`.
    ///
    /// In xenstored's own domain the device opens too while xenstored does not
    /// run, and takes requests that nobody answers. So where there is a socket,
    /// though nobody listens on it, the device is not tried.
    ///
    /// A function rather than an initialiser: in Embedded Swift an initialiser
    /// of a class that throws leaves the object behind.
    ///
    /// - Parameter patience: how long to wait for a place in xenstored's queue of new connections.
    /// - Throws: `.disconnected`; `.timedOut` without such a place.
    public static func open(
        bySocket: Bool = false, patience: Interval = StoreConnection.timeLimit
    ) throws(StoreError) -> StoreConnection {
        let named = getenv("XENSTORED_PATH").map { Bytes(cString: $0) }
        let directory = getenv("XENSTORED_RUNDIR").map { Bytes(cString: $0) } ?? "/var/run/xenstored"
        do throws(StoreError) {
            return StoreConnection(
                descriptor: try connect(named ?? directory + "/socket", patience), isSocket: true)
        } catch {
            let usual: Bytes = access("/dev/xen/xenbus", F_OK) == 0 ? "/dev/xen/xenbus" : "/proc/xen/xenbus"
            guard !bySocket, named != nil || error == .disconnected(ENOENT),
                let device = openDevice(named ?? usual)
            else { throw error }
            return StoreConnection(descriptor: device, isSocket: false)
        }
    }

    private static func openDevice(_ path: Bytes) -> Int32? {
        guard let descriptor = try? openFile(path, O_RDWR | O_NONBLOCK) else { return nil }
        if let status = try? status(of: descriptor), status.isCharacterDevice { return descriptor }
        _ = CLibc.close(descriptor)
        return nil
    }

    private static func connect(_ path: Bytes, _ patience: Interval) throws(StoreError) -> Int32 {
        do throws(Errno) {
            return try connectToSocket(path, until: .now + patience)
        } catch {
            throw error.isBlocked ? .timedOut : .disconnected(error.number)
        }
    }
}
