import CLibc
import CXenIO
import Channel
import XenStore

/// What a descriptor in the event loop belongs to.
struct Token: Equatable {
    enum Source: UInt32 {
        case xenstore, eventChannels, signals, terminals, monitor, monitorClient
        case sinkData, sinkListener
    }

    var source: Source
    /// The slot of a device, or of a monitor's client.
    var slot: UInt32 = 0

    var bits: UInt64 { UInt64(source.rawValue) << 32 | UInt64(slot) }

    init(_ source: Source, slot: Int = 0) {
        self.source = source
        self.slot = UInt32(slot)
    }

    init?(bits: UInt64) {
        guard let source = Source(rawValue: UInt32(bits >> 32)) else { return nil }
        self.source = source
        slot = UInt32(truncatingIfNeeded: bits)
    }
}

/// epoll, level-triggered.
final class Poller {
    private let descriptor: Int32
    /// Linux before 5.11 has no epoll_pwait2, and waits for whole milliseconds.
    private var isPrecise = true

    init() throws(ChannelError) {
        descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard descriptor >= 0 else { throw ChannelError(.failed, "epoll: \(errorText(errno))") }
    }

    /// Polls a descriptor for `events`, from now on; nil: not at all.
    func set(_ target: Int32, _ token: Token, _ events: UInt32?) {
        var event = epoll_event()
        event.events = events ?? 0
        event.data.u64 = token.bits
        guard events != nil else {
            epoll_ctl(descriptor, EPOLL_CTL_DEL, target, &event)
            return
        }
        if epoll_ctl(descriptor, EPOLL_CTL_MOD, target, &event) != 0, errno == ENOENT {
            epoll_ctl(descriptor, EPOLL_CTL_ADD, target, &event)
        }
    }

    /// Waits up to `microseconds` (nil: without limit) and hands out the events.
    func wait(_ microseconds: Int64?, _ handle: (Token, UInt32) -> Void) {
        withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: 64) { buffer in
            let count = wait(microseconds, buffer)
            for index in 0..<max(0, Int(count)) {
                guard let token = Token(bits: buffer[index].data.u64) else { continue }
                handle(token, buffer[index].events)
            }
        }
    }

    private func wait(_ microseconds: Int64?, _ buffer: UnsafeMutableBufferPointer<epoll_event>) -> Int32 {
        if let microseconds, microseconds % 1000 != 0, isPrecise {
            var time = timespec(tv_sec: Int(microseconds / 1_000_000), tv_nsec: Int(microseconds % 1_000_000) * 1000)
            let count = epoll_pwait2(descriptor, buffer.baseAddress, Int32(buffer.count), &time, nil)
            guard count < 0, errno == ENOSYS else { return count }
            isPrecise = false
        }
        let milliseconds = microseconds.map { Int32(clamping: ($0 + 999) / 1000) } ?? -1
        return epoll_wait(descriptor, buffer.baseAddress, Int32(buffer.count), milliseconds)
    }
}
