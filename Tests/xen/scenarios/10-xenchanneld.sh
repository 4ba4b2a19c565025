# A PV guest without QEMU: xenchanneld serves all four kinds, added and removed while the guest runs.

. /test/kinds.sh

shared_guest
expect 'the guest has no QEMU' [ ! -e /run/xen/qmp-libxl-$id ]
refused 'without a backend nothing is added' 11 channel add $id org.test.early pty
start_xenchanneld
snapshot before
all_four_kinds
