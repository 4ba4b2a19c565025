# xenchanneld is killed while the guest writes, again and again: its log is complete, and its channels work on.

. /test/channels.sh

start_guest pv alpha
id=$(domid alpha)
start_xenchanneld
expect 'a log file channel is added' channel add $id org.test.log path /tmp/scenario/log
expect 'a socket channel is added' channel add $id org.test.sock socket /tmp/scenario/sock
guest_says alpha 'agent: hvc2 up org.test.sock'
guest_run alpha 'seq 1 20000 >/dev/hvc1; echo written' 120 >ran &
running=$!
for round in 1 2 3 4 5; do
    usleep 700000
    kill -9 $xenchanneld
    start_xenchanneld
done
wait $running
seq 1 20000 >expected
wait_for 30 'the log has all lines, each once' cmp log expected
wait_for 20 'the socket answers' eval '[ "$(ask_socket sock hello 2)" = "echo hvc2 org.test.sock: hello" ]'
expect 'the channels are removed' channel remove $id 0
expect 'the channels are removed' channel remove $id 1
