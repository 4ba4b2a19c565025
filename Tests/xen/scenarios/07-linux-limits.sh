# What Linux can do with consoles, and what it cannot: the ground for the numbers that our library hands out.

. /test/by-hand.sh

# plugged CONSOLE HVC: adds a console, which must become that hvc in the guest. Each has a character device of its own:
# given one that is in use, QEMU aborts.
plugged() {
    add_chardev $id null$1 '{"type": "null", "data": {}}'
    plug $id $1 org.test.$1 path chardev:null$1
    guest_says alpha "agent: hvc$2 up org.test.$1"
}

start_guest pv alpha 'channel = [ "name=org.test.lost,connection=pty" ]'
id=$(domid alpha)
add_parents $id

# A console gets the lowest free hvc, in the order of appearance, whatever its number.
plugged 4 1
plugged 2 2
plugged 8 3
unplug $id 4
guest_says alpha 'agent: hvc1 down'
plugged 5 1

# There are eight /dev/hvcN: seven channels. The eighth is connected, but nothing in the guest can open it.
plugged 1 4
plugged 3 5
plugged 6 6
plugged 7 7
add_chardev $id null9 '{"type": "null", "data": {}}'
plug $id 9 org.test.9 path chardev:null9
guest_says alpha 'agent: there is no hvc8 for org.test.9'

# Linux reads only the last digit of the number: 10 is taken for the primary console and refused.
add_chardev $id null10 '{"type": "null", "data": {}}'
plug_unwatched $id 10 org.test.10 path chardev:null10
wait_for 10 'the guest refuses console 10' xenstore-exists /local/domain/$id/error/device/console/10/error
wait_for 10 'QEMU waits for console 10' has_state $back 2
equal 'the state of console 10' "$(state $front)" 1
