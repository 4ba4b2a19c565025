# A PVH guest without QEMU: xenchanneld serves all four kinds, added and removed while the guest runs.

. /test/kinds.sh
start_guest pvh alpha
guest=alpha id=$(domid alpha)
start_xenchanneld
snapshot before
all_four_kinds
stop_xenchanneld
