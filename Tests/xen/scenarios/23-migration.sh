# A PVH guest is saved and restored, then migrated to the same host: sockets and terminals that were added are there.
# timeout: 300

# restored: what must be so in the new domain.
restored() {
    id=$(domid alpha)
    wait_for 30 'the pty channel is connected' has_state $(front $id 2) 4
    channel list $id >listed
    cat listed
    equal 'both are listed' "$(cut -d' ' -f1-4 listed | tr '\n' ' ')" '0 org.test.sock socket 4 1 org.test.pty pty 4 '
    equal 'both are saved' "$(saved_channels $id | tail -n 2 | tr '\n' ' ')" '1 org.test.sock 2 org.test.pty '
    tty=$(xenstore-read $(front $id 2)/tty)
    wait_for 20 'the pty answers' eval '[ "$(ask_pty $tty hello 2)" = "echo hvc2 org.test.pty: hello" ]'
}

start_guest pvh alpha 'channel = [ "name=org.test.lost,connection=pty" ]'
id=$(domid alpha)
equal 'a socket channel is added' "$(channel add $id org.test.sock socket /tmp/scenario/sock)" 0
equal 'a pty channel is added' "$(channel add $id org.test.pty pty)" 1
equal 'a log file channel is added' "$(channel add $id org.test.log path /tmp/scenario/log)" 2
guest_says alpha 'agent: hvc3 up org.test.log'
equal 'the socket answers' "$(ask_socket sock hello)" 'echo hvc1 org.test.sock: hello'
equal 'the pty answers' "$(ask_pty $(xenstore-read $(front $id 2)/tty) hello)" 'echo hvc2 org.test.pty: hello'

expect 'the guest is saved' xl -T save alpha saved
expect 'the socket is gone' [ ! -e sock ]
expect 'the guest is restored' xl -T restore saved
restored
wait_for 20 'the socket answers' eval '[ "$(ask_socket sock hello 2)" = "echo hvc1 org.test.sock: hello" ]'

# QEMU removes its socket when it ends, so the old domain's takes away the new one's when both are on one host. The
# channel is connected, but can be reached only when it was added anew.
xl -T migrate -s '' alpha 'xl -T migrate-receive' </dev/null || fail 'the guest is migrated'
restored
expect 'the socket is gone' [ ! -e sock ]
forget_log alpha
expect 'the channel is removed' channel remove $id org.test.sock
equal 'and added' "$(channel add $id org.test.sock socket /tmp/scenario/sock)" 0
guest_says alpha 'agent: hvc1 up org.test.sock'
equal 'the socket answers' "$(ask_socket sock hello)" 'echo hvc1 org.test.sock: hello'
