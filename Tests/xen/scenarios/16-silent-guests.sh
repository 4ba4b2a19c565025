# Guests that do not answer: one that is paused, one without a driver, one that is shutting down.

. /test/kinds.sh

shared_guest
start_xenchanneld
snapshot before

paused_guest

# No driver takes the console.
guest_run $guest 'echo 0 >/sys/bus/xen/drivers_autoprobe'
forget_log $guest
equal 'a pty channel is added' "$(channel add $id org.test.ignored pty)" 0
equal 'a socket channel is added' "$(channel add $id org.test.sock socket /tmp/scenario/sock)" 1
equal 'its backend waits' "$(state $(back $id 1))" 2
equal 'its frontend does nothing' "$(state $(front $id 1))" 1
began=$(hundredths)
expect 'the channel is removed' channel remove $id org.test.ignored
took=$(($(hundredths) - began))
expect "that took less than two seconds ($took hundredths)" [ $took -lt 200 ]
guest_run $guest 'echo 1 >/sys/bus/xen/drivers_autoprobe; echo console-2 >/sys/bus/xen/drivers_probe'
guest_says $guest 'agent: hvc1 up org.test.sock'
equal 'the socket answers' "$(ask_socket sock hello)" 'echo hvc1 org.test.sock: hello'
expect 'the channel is removed' channel remove $id org.test.sock
same_store before

# Shutting down: every call ends in time, and nothing is left.
channel rounds 1000 $id org.test.late socket /tmp/scenario/sock >rounds.log 2>&1 &
rounds=$!
wait_for 20 'rounds are under way' xenstore-exists $(front $id 1)
expect 'the guest is told to shut down' xl shutdown $guest
wait_for 20 'the domain is gone' eval '! xl domid $guest'
began=$(hundredths) status=0
wait $rounds || status=$?
took=$(($(hundredths) - began))
cat rounds.log
expect "the rounds ended with an error ($status), $took hundredths after the domain" [ $status != 0 -a $took -lt 1200 ]
refused 'there is no such domain any more' 21 channel add $id org.test.dead pty
wait_for 10 'the socket is gone' [ ! -e sock ]
for tree in /libxl/$id /local/domain/$id /local/domain/0/backend/console/$id; do
    expect "nothing is left in $tree" is_gone $tree
done
