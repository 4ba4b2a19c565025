# xenchanneld is killed while the guest writes, again and again: its log is complete, and its channels work on.

shared_guest
start_xenchanneld
snapshot before
equal 'a log file channel is added' "$(channel add $id org.test.log path /tmp/scenario/log)" 0
equal 'a socket channel is added' "$(channel add $id org.test.sock socket /tmp/scenario/sock)" 1
guest_says $guest 'agent: hvc2 up org.test.sock'
guest_run $guest '(i=0; until [ -e /stop ]; do seq $((i + 1)) $((i + 1000)); i=$((i + 1000)); done >/dev/hvc1; echo $i >/last) &'
for round in 1 2 3 4 5; do
    usleep 500000
    kill -9 $xenchanneld
    start_xenchanneld
done
last=$(guest_run $guest 'touch /stop; until [ -s /last ]; do usleep 100000; done; cat /last; rm /stop /last' 60)
expect "the guest has written $last lines" [ $last -ge 1000 ]
seq 1 $last >expected
wait_for 30 'the log has all lines, each once' cmp log expected
wait_for 20 'the socket answers' eval '[ "$(ask_socket sock hello 2)" = "echo hvc2 org.test.sock: hello" ]'
expect 'the log channel is removed' channel remove $id 0
expect 'the socket channel is removed' channel remove $id 1
same_store before
