# QEMU and xenchanneld serve one channel each of the same guest, and are measured in turn.
# timeout: 900

# A channel at creation makes xl start a QEMU; the channel itself is lost.
start_guest pv alpha 'channel = [ "name=org.example.lost,connection=pty" ]'
id=$(domid alpha)

expect 'QEMU serves a channel' channel add $id org.example.qemu socket /tmp/scenario/peer
guest_says alpha 'agent: hvc[0-9] up org.example.qemu'
start_xenchanneld
expect 'xenchanneld serves a channel' channel add $id org.example.daemon socket /tmp/scenario/ours
guest_says alpha 'agent: hvc[0-9] up org.example.daemon'
equal 'who serves what' "$(xenstore-read $(front $id 1)/type) $(xenstore-read $(front $id 2)/type)" 'ioemu xenchanneld'

qemu=$(xenstore-read /local/domain/0/image/device-model-pid 2>/dev/null || xenstore-read /local/domain/$id/image/device-model-pid)
python3 /usr/share/bench/measure.py ours=$xenchanneld peer=$qemu
