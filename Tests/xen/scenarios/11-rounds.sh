# 50 rounds of add and remove leave xenstore, and the guest, as they were.

. /test/kinds.sh

shared_guest
start_xenchanneld
snapshot before
fifty_rounds
