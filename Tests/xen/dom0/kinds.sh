# What is done with channels alike whoever serves them.

# all_four_kinds: adds them to $guest, uses and removes them, and adds one again. Nothing must be left.
all_four_kinds() {
    equal 'a socket channel is added' "$(channel add $id org.test.sock socket /tmp/scenario/sock)" 0
    expect 'the socket listens at once' [ -S sock ]
    guest_says $guest 'agent: hvc1 up org.test.sock'
    equal 'the socket answers' "$(ask_socket sock hello)" 'echo hvc1 org.test.sock: hello'
    equal 'the socket answers the next client' "$(ask_socket sock again)" 'echo hvc1 org.test.sock: again'

    equal 'a pty channel is added' "$(channel add $id org.test.pty pty)" 1
    guest_says $guest 'agent: hvc2 up org.test.pty'
    tty=$(xenstore-read $(front $id 2)/tty)
    equal 'the pty answers' "$(ask_pty $tty hello)" 'echo hvc2 org.test.pty: hello'

    equal 'a log file channel is added' "$(channel add $id org.test.log path /tmp/scenario/log)" 2
    guest_says $guest 'agent: hvc3 up org.test.log'
    guest_run $guest 'seq 1 2000 >/dev/hvc3'
    seq 1 2000 >expected
    wait_for 20 'the log has all lines' cmp log expected
    equal 'the log is for its owner alone' "$(stat -c %a log)" 600

    equal 'a null channel is added' "$(channel add $id org.test.null none)" 3
    guest_says $guest 'agent: hvc4 up org.test.null'
    guest_run $guest 'seq 1 2000 >/dev/hvc4'

    channel list $id >listed
    cat listed
    equal 'all four are listed' "$(cut -d' ' -f1-4 listed | tr '\n' ' ')" \
        '0 org.test.sock socket 4 1 org.test.pty pty 4 2 org.test.log path 4 3 org.test.null none 4 '
    xl channel-list $guest >listed
    cat listed
    equal 'xl lists the two that it knows' "$(tail -n +2 listed | wc -l)" 2
    LD_PRELOAD=libxlchannel.so.1 xl channel-list $guest >listed
    cat listed
    equal 'xl lists all four with our library' "$(tail -n +2 listed | wc -l)" 4

    for name in sock pty log null; do
        expect "the $name channel is removed" channel remove $id org.test.$name
    done
    guest_says $guest 'agent: hvc4 down'
    expect 'the socket is gone' [ ! -e sock ]
    expect 'the pty is gone' [ ! -e $tty ]
    same_store before

    ln -s expected link
    refused 'a symbolic link is not followed' 3 channel add $id org.test.link path /tmp/scenario/link
    equal 'what it leads to is as it was' "$(md5sum <expected)" "$(seq 1 2000 | md5sum)"
    same_store before

    equal 'a channel is added again' "$(channel add $id org.test.again socket /tmp/scenario/sock)" 0
    guest_says $guest 'agent: hvc1 up org.test.again'
    equal 'the socket answers' "$(ask_socket sock hello)" 'echo hvc1 org.test.again: hello'
    expect 'the channel is removed' channel remove $id org.test.again
    same_store before
}

# fifty_rounds: adds a channel and removes it, 50 times; then the guest must still see one.
fifty_rounds() {
    expect '13 rounds with a socket' channel rounds 13 $id org.test.sock socket /tmp/scenario/sock
    expect '13 rounds with a pty' channel rounds 13 $id org.test.pty pty
    expect '12 rounds with a log file' channel rounds 12 $id org.test.log path /tmp/scenario/log
    expect '12 rounds with nothing' channel rounds 12 $id org.test.null none
    same_store before

    forget_log $guest
    equal 'a channel is added' "$(channel add $id org.test.last socket /tmp/scenario/sock)" 0
    guest_says $guest 'agent: hvc1 up org.test.last'
    equal 'the socket answers' "$(ask_socket sock hello)" 'echo hvc1 org.test.last: hello'
    expect 'the channel is removed' channel remove $id org.test.last
    same_store before
}

# paused_guest: channels are added to $guest and removed from it while it is paused. Nothing must be left.
paused_guest() {
    # What is added waits for it.
    expect 'the guest is paused' xl pause $guest
    expect 'a socket channel is added' channel add $id org.test.sock socket /tmp/scenario/sock
    equal 'its backend waits' "$(state $(back $id 1))" 2
    expect 'a channel that the guest has not seen is removed' channel rounds 3 $id org.test.unseen pty
    expect 'the guest is unpaused' xl unpause $guest
    guest_says $guest 'agent: hvc1 up org.test.sock'
    equal 'the socket answers' "$(ask_socket sock hello)" 'echo hvc1 org.test.sock: hello'

    # With the channel in use it cannot let go.
    expect 'the guest is paused' xl pause $guest
    began=$(hundredths)
    refused 'a channel in use is not removed' 9 channel remove $id org.test.sock
    took=$(($(hundredths) - began))
    expect "that took ten seconds ($took hundredths)" [ $took -ge 950 -a $took -lt 1200 ]
    expect 'the guest is unpaused' xl unpause $guest
    wait_for 10 'its backend is connected again' has_state $(back $id 1) 4
    guest_says $guest 'agent: hvc1 up org.test.sock'
    wait_for 20 'the socket answers' eval '[ "$(ask_socket sock hello 2)" = "echo hvc1 org.test.sock: hello" ]'
    expect 'the channel is removed' channel remove $id org.test.sock
    same_store before
}
