# A guest is destroyed while its channels carry bytes: nothing of them is left, other guests' go on, and xl needs no
# longer than for a guest without channels.

# destroy NAME: sets $took to the time that xl takes, in hundredths of a second.
destroy() {
    began=$(hundredths)
    expect "$1 is destroyed" xl destroy $1
    took=$(($(hundredths) - began))
    say "that took $took hundredths of a second"
}

shared_guest
other=$id
start_guest pv alpha
start_guest pv beta
id=$(domid alpha)
start_xenchanneld
destroy beta
without=$took

expect 'a socket channel is added' channel add $id org.test.sock socket /tmp/scenario/sock
expect 'a pty channel is added' channel add $id org.test.pty pty
expect "another guest's channel is added" channel add $other org.test.other socket /tmp/scenario/other
guest_says alpha 'agent: hvc2 up org.test.pty'
guest_says $guest 'agent: hvc1 up org.test.other'
tty=$(xenstore-read $(front $id 2)/tty)
in_background socat -u UNIX-CONNECT:sock OPEN:/dev/null
in_background socat -u FILE:$tty,raw,echo=0 OPEN:/dev/null
printf 'traffic cat /usr/share/random >/dev/hvc1 & cat /usr/share/random >/dev/hvc2 &\n' \
    >$(xenstore-read /local/domain/$id/console/tty)
usleep 500000
destroy alpha
# It shares an emulated processor with the traffic. Where libxl waits for a device it is for ten seconds.
expect 'xl does not wait for the channels' [ $took -lt $((without + 400)) ]
wait_for 10 'the socket is gone' [ ! -e sock ]
wait_for 10 'the pty is gone' [ ! -e $tty ]
expect 'its nodes are gone' is_gone /local/domain/$id
expect 'its backends are gone' is_gone /local/domain/0/backend/console/$id
equal "the other guest's channel answers" "$(ask_socket other hello)" 'echo hvc1 org.test.other: hello'
expect "the other guest's channel is removed" channel remove $other org.test.other
