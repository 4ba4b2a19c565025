"""The figures: what is measured, against what, what must be reached and what is aimed for.

A ratio is ours divided by another's, pair by pair; "at least" marks those where more is better.
"""
import collections

Target = collections.namedtuple("Target", "subject title against must aim at_least", defaults=[False])

PEER, BARE, ONE = "peer", "bare", "one"

TARGETS = [
    Target("load", "dlopen, first call, dlclose in a fresh process", PEER, 0.5, 0.25),
    Target("size", "size of the stripped library", PEER, 0.3, 0.15),
    Target("memory", "private dirty memory after the first call", PEER, 0.3, 0.15),
    Target("to_json", "to_json of a SOCKET channel", PEER, 1.0, 0.7),
    Target("from_json", "from_json of it", PEER, 0.6, 0.4),
    Target("config", "the channels out of a domain config of 50 KB", PEER, 0.5, 0.2),
    Target("list-1", "list of 1 channel", PEER, 0.5, None),
    Target("list-9", "list of 9 channels", PEER, 0.17, None),
    Target("list-90", "list of 90 channels", PEER, 0.15, None),
    Target("list-1", "list of 1 channel, to the bare reads", BARE, None, 1.3),
    Target("list-9", "list of 9 channels, to the bare reads", BARE, None, 1.3),
    Target("list-90", "list of 90 channels, to the bare reads", BARE, None, 1.3),
    Target("list-of-libxl-1", "list of 1 channel that libxl made", PEER, None, None),
    Target("list-of-libxl-9", "list of 9 channels that libxl made", PEER, 0.15, None),
    Target("list-of-libxl-90", "list of 90 channels that libxl made", PEER, 0.15, None),
    Target("add-remove", "add and remove, xenstore part", PEER, 0.25, 0.15),
    Target("add-remove-cpu", "add and remove, CPU with xenstored's", PEER, None, None),
    Target("add-remove-xenstored", "add and remove, xenstored's CPU", PEER, None, None),
    Target("add-remove", "add and remove, to the same requests one by one", ONE, None, None),
    Target("host-10", "all channels of 10 domains, 2 each", PEER, None, None),
    Target("host-100", "all channels of 100 domains", PEER, None, None),
    Target("host-1000", "all channels of 1,000 domains", PEER, 0.15, None),
    Target("host-1000", "all channels of 1,000 domains, to the bare reads", BARE, None, 1.3),
    Target("ring-1024", "ring to file, throughput", PEER, 0.8, 0.95, True),
    Target("ring-1024-cpu", "ring to file, CPU per MB", PEER, None, 1.05),
    Target("ring-64", "ring to file in lines of 64 bytes, throughput", PEER, 0.8, 0.95, True),
    Target("ring-64-cpu", "ring to file in lines of 64 bytes, CPU per MB", PEER, None, 1.05),
    Target("xen-throughput", "nested Xen: guest to host, throughput", PEER, 1.0, None, True),
    Target("xen-cpu", "nested Xen: guest to host, CPU per MB", PEER, None, 0.5),
    Target("xen-latency", "nested Xen: echo latency", PEER, 1.0, None),
    Target("xen-memory", "nested Xen: memory of the backend, one guest", PEER, 0.2, None),
    Target("memory-of-100", "memory for a guest, of 100", PEER, None, 0.05),
]

# The other directions of a stream in nested Xen; see bench/xen/measure.py.
for _name, _title in (("duplex", "256 KB in both directions at once"), ("swallow", "256 KB to the guest"),
                      ("requests", "1,000 lines of 100 bytes, each answered")):
    for _condition, _where in (("idle", "dom0 idle"), ("busy", "dom0 busy")):
        TARGETS += [
            Target(f"xen-{_name}-{_condition}-throughput", f"nested Xen: {_title}, {_where}, throughput", PEER, 1.0, 1.5, True),
            Target(f"xen-{_name}-{_condition}-cpu", f"nested Xen: {_title}, {_where}, CPU per MB", PEER, 0.5, None),
        ]

# bench/growth: what grows with the channels, by how the subjects begin.
GROWTH = [
    ("growth-start-daemon", "daemon starts, all are there"),
    ("growth-add-daemon", "daemon, all are added"),
    ("growth-destroy-daemon", "daemon, a half is destroyed"),
    ("growth-remove-daemon", "daemon, a half is removed"),
    ("growth-add-library", "library adds all"),
    ("growth-destroy-library", "library destroys a half"),
    ("growth-remove-library", "library removes a half"),
    ("growth-list-library", "library lists all"),
]
