# Hot-plug without any toolstack: channels are added to a running guest with QMP and xenstore-write alone, used and
# removed. The reference for what our library does; the steps are in dom0/by-hand.sh.

. /test/by-hand.sh

# One channel at creation is lost, but it makes xl start a QEMU.
start_guest pv alpha 'channel = [ "name=org.test.lost,connection=pty" ]'
id=$(domid alpha)
add_parents $id
snapshot before

add_chardev $id sock '{"type": "socket", "data": {"addr": {"type": "unix", "data": {"path": "/tmp/scenario/sock"}}, "server": true, "wait": false}}'
plug $id 1 org.test.sock socket chardev:sock
guest_says alpha 'agent: hvc1 up org.test.sock'
equal 'the socket answers' "$(ask_socket sock hello)" 'echo hvc1 org.test.sock: hello'

add_chardev $id file '{"type": "file", "data": {"out": "/tmp/scenario/log", "append": true}}'
plug $id 2 org.test.file path chardev:file
guest_says alpha 'agent: hvc2 up org.test.file'
guest_run alpha 'seq 1 1000 >/dev/hvc2'
seq 1 1000 >expected
wait_for 10 'the log has all lines' cmp log expected

add_chardev $id null '{"type": "null", "data": {}}'
plug $id 3 org.test.null none chardev:null
guest_says alpha 'agent: hvc3 up org.test.null'
guest_run alpha 'seq 1 1000 >/dev/hvc3'

plug $id 4 org.test.pty pty pty
guest_says alpha 'agent: hvc4 up org.test.pty'
tty=$(xenstore-read $(front $id 4)/tty)
equal 'the pty answers' "$(ask_pty $tty hello)" 'echo hvc4 org.test.pty: hello'
xl channel-list alpha || true

unplug $id 1
guest_says alpha 'agent: hvc1 down'
remove_chardev $id sock
expect 'the socket is gone' [ ! -e sock ]
unplug $id 2
remove_chardev $id file
unplug $id 3
remove_chardev $id null
unplug $id 4
expect 'QEMU keeps the pty that it opened itself' [ -e $tty ]
remove_chardev $id xencons4
expect 'the pty is gone' [ ! -e $tty ]
guest_says alpha 'agent: hvc4 down'
same_store before

# The same console number again.
add_chardev $id sock '{"type": "socket", "data": {"addr": {"type": "unix", "data": {"path": "/tmp/scenario/sock"}}, "server": true, "wait": false}}'
plug $id 1 org.test.again socket chardev:sock
guest_says alpha 'agent: hvc1 up org.test.again'
equal 'the socket answers' "$(ask_socket sock hello)" 'echo hvc1 org.test.again: hello'
