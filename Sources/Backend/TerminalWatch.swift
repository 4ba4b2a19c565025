import CXenIO
import Channel
import System

/// Tells, by inotify, which terminals were opened or closed.
///
/// How often cannot be told: equal events that follow one another are one.
final class TerminalWatch {
    private let descriptor: Int32
    private var dispatch: Dispatch?
    /// Who wants to know of each watch.
    private var listeners: [(watch: Int32, notify: () -> Void)] = []

    init(_ poller: Poller) throws(ChannelError) {
        descriptor = try failing(as: "inotify") { () throws(Errno) in
            try valueOrErrno(.inotify) { inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC)) }
        }
        let dispatch = Dispatch(poller, descriptor) { [unowned(unsafe) self] _ in takeEvents() }
        self.dispatch = dispatch
        try failing(as: "epoll") { () throws(Errno) in try dispatch.poll(for: .readable) }
    }

    /// Calls `notify` whenever the terminal was opened or closed.
    ///
    /// - Returns: the watch, to be removed.
    func add(_ path: Bytes, _ notify: @escaping () -> Void) throws(Errno) -> Int32 {
        let mask = UInt32(IN_OPEN | IN_CLOSE_WRITE | IN_CLOSE_NOWRITE)
        let watch = try path.withCString { (path) throws(Errno) in
            try valueOrErrno(.inotify) { inotify_add_watch(descriptor, path, mask) }
        }
        listeners.append((watch, notify))
        return watch
    }

    func remove(_ watch: Int32) {
        inotify_rm_watch(descriptor, watch)
        listeners.removeAll { $0.watch == watch }
    }

    /// Takes the events that have come; what comes meanwhile is reported next time.
    private func takeEvents() {
        var watches: [Int32] = []
        var isAll = false
        _ = try? receive(from: descriptor, atMost: 4096) { buffer in
            var offset = 0
            while offset + MemoryLayout<inotify_event>.size <= buffer.count {
                let event = buffer.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                if event.mask & UInt32(IN_Q_OVERFLOW) != 0 {
                    // Events were lost.
                    isAll = true
                } else if !watches.contains(event.wd) {
                    watches.append(event.wd)
                }
                offset += MemoryLayout<inotify_event>.size + Int(event.len)
            }
        }
        for listener in listeners where isAll || watches.contains(listener.watch) { listener.notify() }
    }
}
