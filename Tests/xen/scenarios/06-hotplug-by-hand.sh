# Hot-plug without any toolstack: channels are added to a running guest with QMP and xenstore-write alone, used and
# removed. The reference for what our library does.

# plug DOMID CONSOLE NAME CONNECTION OUTPUT: writes a channel's three directories in one transaction (xenstore-write
# makes one of all its arguments). Without it the guest finds a frontend that it cannot read or write yet, and gives it
# up for good. Permissions are inherited in xenstore: the parents briefly have those that the new directories need.
plug() {
    front=$(front $1 $2) back=$(back $1 $2) libxl=/libxl/$1/device/console/$2
    xenstore-chmod ${front%/*} n$1 r0
    xenstore-chmod ${back%/*} n0 r$1
    xenstore-write $libxl '' $libxl/frontend $front $libxl/backend $back $libxl/frontend-id $1 $libxl/online 1 \
        $libxl/state 1 $libxl/protocol vt100 $libxl/name $3 $libxl/connection $4 \
        $back '' $back/frontend $front $back/frontend-id $1 $back/online 1 $back/state 1 \
        $back/protocol vt100 $back/name $3 $back/connection $4 \
        $front '' $front/backend $back $front/backend-id 0 $front/state 1 $front/protocol vt100 \
        $front/name $3 $front/limit 1048576 $front/type ioemu $front/output $5
    for key in name limit type output; do xenstore-chmod $front/$key n0 r$1; done
    xenstore-chmod ${front%/*} n0 r$1
    xenstore-chmod ${back%/*} n0
    wait_for 10 "QEMU is connected to $3" has_state $back 4
    wait_for 10 "the guest is connected to $3" has_state $front 4
}

# unplug DOMID CONSOLE
unplug() {
    front=$(front $1 $2) back=$(back $1 $2)
    xenstore-write $back/online 0 $back/state 5
    wait_for 10 "the guest has closed console $2" has_state $front 6
    wait_for 10 "QEMU has closed console $2" has_state $back 6
    xenstore-rm $front $back /libxl/$1/device/console/$2
}

add_chardev() {
    equal "QEMU takes $2" "$(qmp $1 "{\"execute\": \"chardev-add\", \"arguments\": {\"id\": \"$2\", \"backend\": $3}}" | tr -d ' \r')" '{"return":{}}'
}
remove_chardev() {
    equal "QEMU removes $2" "$(qmp $1 "{\"execute\": \"chardev-remove\", \"arguments\": {\"id\": \"$2\"}}" | tr -d ' \r')" '{"return":{}}'
}

# One channel at creation is lost, but it makes xl start a QEMU.
start_guest pv alpha 'channel = [ "name=org.test.lost,connection=pty" ]'
id=$(domid alpha)
xenstore-write /local/domain/$id/device/console ''
xenstore-chmod /local/domain/$id/device/console n0 r$id
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
