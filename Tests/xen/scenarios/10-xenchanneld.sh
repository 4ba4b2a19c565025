# A PV guest without QEMU: xenchanneld serves all four types, added and removed while the guest runs.

. /test/channels.sh

start_guest pv alpha
id=$(domid alpha)
expect 'the guest has no QEMU' [ ! -e /run/xen/qmp-libxl-$id ]
start_xenchanneld
snapshot before

expect 'a socket channel is added' channel add $id org.test.sock socket /tmp/scenario/sock
expect 'the socket listens at once' [ -S sock ]
guest_says alpha 'agent: hvc1 up org.test.sock'
equal 'the socket answers' "$(ask_socket sock hello)" 'echo hvc1 org.test.sock: hello'
equal 'the socket answers the next client' "$(ask_socket sock again)" 'echo hvc1 org.test.sock: again'

expect 'a pty channel is added' channel add $id org.test.pty pty
guest_says alpha 'agent: hvc2 up org.test.pty'
tty=$(xenstore-read $(front $id 2)/tty)
equal 'the pty answers' "$(ask_pty $tty hello)" 'echo hvc2 org.test.pty: hello'

expect 'a log file channel is added' channel add $id org.test.log path /tmp/scenario/log
guest_says alpha 'agent: hvc3 up org.test.log'
guest_run alpha 'seq 1 5000 >/dev/hvc3'
seq 1 5000 >expected
wait_for 20 'the log has all lines' cmp log expected

expect 'a null channel is added' channel add $id org.test.null none
guest_says alpha 'agent: hvc4 up org.test.null'
guest_run alpha 'seq 1 5000 >/dev/hvc4'

channel list $id
xl channel-list alpha >listed
cat listed
equal 'xl lists the two that it knows' "$(tail -n +2 listed | wc -l)" 2
LD_PRELOAD=libxlchannel.so.1 xl channel-list alpha >listed
cat listed
equal 'xl lists all four with our library' "$(tail -n +2 listed | wc -l)" 4

for devid in 0 1 2 3; do
    expect "channel $devid is removed" channel remove $id $devid
done
guest_says alpha 'agent: hvc4 down'
expect 'the socket is gone' [ ! -e sock ]
expect 'the pty is gone' [ ! -e $tty ]
same_store before

expect 'a channel is added again' channel add $id org.test.again socket /tmp/scenario/sock
guest_says alpha 'agent: hvc1 up org.test.again'
equal 'the socket answers' "$(ask_socket sock hello)" 'echo hvc1 org.test.again: hello'
expect 'the channel is removed' channel remove $id 0
same_store before
