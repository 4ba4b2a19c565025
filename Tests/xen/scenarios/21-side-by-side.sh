# Channels of QEMU and of xenchanneld in one guest: a channel stays with the program that it was added to.

shared_guest qemu
expect 'a channel is added and removed' channel rounds 1 $id org.test.first none
snapshot before

expect 'a socket channel is added' channel add $id org.test.qemu socket /tmp/scenario/one
equal 'QEMU serves it' "$(xenstore-read $(front $id 1)/type)" ioemu
start_xenchanneld
expect 'another is added' channel add $id org.test.daemon socket /tmp/scenario/two
equal 'xenchanneld serves it' "$(xenstore-read $(front $id 2)/type)" xenchanneld
guest_says $guest 'agent: hvc1 up org.test.qemu'
guest_says $guest 'agent: hvc2 up org.test.daemon'
equal "QEMU's answers" "$(ask_socket one hello)" 'echo hvc1 org.test.qemu: hello'
equal "xenchanneld's answers" "$(ask_socket two hello)" 'echo hvc2 org.test.daemon: hello'
channel list $id >listed
cat listed
equal 'both are listed' "$(cut -d' ' -f2-4 listed | tr '\n' ' ')" 'org.test.qemu socket 4 org.test.daemon socket 4 '
xl channel-list $guest >listed
cat listed
equal 'xl lists both' "$(tail -n +2 listed | grep -c ' 4 .* socket')" 2

# QEMU's goes while xenchanneld is there, and comes back after it has gone.
expect "QEMU's is removed" channel remove $id org.test.qemu
guest_says $guest 'agent: hvc1 down'
stop_xenchanneld
expect 'a channel is added without xenchanneld' channel add $id org.test.again pty
equal 'QEMU serves it' "$(xenstore-read $(front $id 1)/type)" ioemu
guest_says $guest 'agent: hvc1 up org.test.again'
equal "QEMU's answers" "$(ask_pty $(xenstore-read $(front $id 1)/tty) hello)" 'echo hvc1 org.test.again: hello'

# With a new xenchanneld its channel goes on.
start_xenchanneld
wait_for 20 "xenchanneld's answers" eval '[ "$(ask_socket two hello 2)" = "echo hvc2 org.test.daemon: hello" ]'
expect "QEMU's is removed" channel remove $id org.test.again
expect "xenchanneld's is removed" channel remove $id org.test.daemon
stop_xenchanneld
same_store before
