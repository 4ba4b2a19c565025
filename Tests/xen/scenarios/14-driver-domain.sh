# xenchanneld in a driver domain serves another guest's channels.

shared_guest
start_driver_domain delta
driver=$(domid delta)
snapshot before
refused 'without a backend there nothing is added' 11 channel add $id org.test.early pty '' $driver
guest_run delta 'mkdir -p /run/xen; xenchanneld --log-file /run/xenchanneld.log --run-dir /run/xen && echo started'
wait_for 20 'it announces itself' xenstore-exists /local/domain/$driver/data/xenchanneld

expect 'a channel is added by the name of its backend domain' channel add $id org.test.log path /run/guest.log delta
expect 'a channel is added by the number of its backend domain' channel add $id org.test.pty pty '' $driver
guest_says $guest 'agent: hvc2 up org.test.pty'
guest_run $guest 'seq 1 100 >/dev/hvc1'
wait_for 10 'the log in the driver domain has all lines' eval \
    '[ "$(guest_run delta "md5sum </run/guest.log")" = "$(seq 1 100 | md5sum)" ]'
tty=$(xenstore-read $(front $id 2)/tty)
guest_run delta "stty -F $tty raw -echo; (sleep 1; echo hello) >$tty & timeout 5 head -n 1 $tty" >answer
equal 'the pty in the driver domain answers' "$(cat answer)" 'echo hvc2 org.test.pty: hello'
expect 'the log channel is removed' channel remove $id org.test.log
expect 'the pty channel is removed' channel remove $id org.test.pty
expect 'no backend is left' is_gone /local/domain/$driver/backend/console/$id

# Its way to xenstore is a ring and Linux's xenbus device, not a socket.
expect '3 rounds with a log file' channel rounds 3 $id org.test.log path /run/guest.log delta
expect '3 rounds with a pty' channel rounds 3 $id org.test.pty pty '' $driver
guest_run delta 'kill $(pidof xenchanneld)'
wait_for 10 'it takes its announcement away' is_gone /local/domain/$driver/data/xenchanneld
same_store before
