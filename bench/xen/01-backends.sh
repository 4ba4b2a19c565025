# QEMU and xenchanneld serve one channel each of the same guest, and are measured in turn; then with new channels again.
# timeout: 1200

# A channel at creation makes xl start a QEMU; the channel itself is lost.
start_guest pv alpha 'channel = [ "name=org.example.lost,connection=pty" ]'
id=$(domid alpha)
qemu=$(xenstore-read /local/domain/$id/image/device-model-pid)

# Which processors the event channels and the threads happen to be on makes a difference that lasts as long as the
# channels do, so it is not left to one draw.
for round in 1 2 3; do
    forget_log alpha
    expect 'QEMU serves a channel' channel add $id org.example.qemu socket /tmp/scenario/peer
    guest_says alpha 'agent: hvc[0-9] up org.example.qemu'
    start_xenchanneld
    expect 'xenchanneld serves a channel' channel add $id org.example.daemon socket /tmp/scenario/ours
    guest_says alpha 'agent: hvc[0-9] up org.example.daemon'
    equal 'who serves what' "$(xenstore-read $(front $id 1)/type) $(xenstore-read $(front $id 2)/type)" 'ioemu xenchanneld'
    python3 /usr/share/bench/measure.py results ours=$xenchanneld peer=$qemu
    expect "QEMU's channel is removed" channel remove $id org.example.qemu
    expect "xenchanneld's channel is removed" channel remove $id org.example.daemon
    stop_xenchanneld
done
