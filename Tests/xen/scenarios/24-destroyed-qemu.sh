# A guest with QEMU is destroyed while its channels carry bytes: nothing of them is left.

shared_guest qemu
expect 'a socket channel is added' channel add $id org.test.sock socket /tmp/scenario/sock
expect 'a pty channel is added' channel add $id org.test.pty pty
expect 'a log file channel is added' channel add $id org.test.log path /tmp/scenario/log
guest_says $guest 'agent: hvc3 up org.test.log'
tty=$(xenstore-read $(front $id 2)/tty)
in_background socat -u UNIX-CONNECT:sock OPEN:/dev/null
in_background socat -u FILE:$tty,raw,echo=0 OPEN:/dev/null
printf 'traffic for n in 1 2 3; do cat /usr/share/random >/dev/hvc$n & done\n' >$(xenstore-read /local/domain/$id/console/tty)
usleep 500000
began=$(hundredths)
expect 'the guest is destroyed' xl destroy $guest
took=$(($(hundredths) - began))
expect "that took less than five seconds ($took hundredths)" [ $took -lt 500 ]
wait_for 10 'the socket is gone' [ ! -e sock ]
wait_for 10 'the pty is gone' [ ! -e $tty ]
for tree in /libxl/$id /local/domain/$id /local/domain/0/backend/console/$id; do
    expect "nothing is left in $tree" is_gone $tree
done
equal 'nothing is saved' "$(ls /var/lib/xen | grep "userdata-.\.$id\.")" ''
