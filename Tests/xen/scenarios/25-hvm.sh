# An HVM guest, which has a QEMU by itself: QEMU and xenchanneld serve channels that are added while it runs.

start_guest hvm alpha
id=$(domid alpha)
snapshot before
expect 'a socket channel is added' channel add $id org.test.qemu socket /tmp/scenario/one
equal 'QEMU serves it' "$(xenstore-read $(front $id 1)/type)" ioemu
guest_says alpha 'agent: hvc1 up org.test.qemu'
equal 'it answers' "$(ask_socket one hello)" 'echo hvc1 org.test.qemu: hello'
start_xenchanneld
expect 'another is added' channel add $id org.test.daemon socket /tmp/scenario/two
equal 'xenchanneld serves it' "$(xenstore-read $(front $id 2)/type)" xenchanneld
guest_says alpha 'agent: hvc2 up org.test.daemon'
equal 'it answers' "$(ask_socket two hello)" 'echo hvc2 org.test.daemon: hello'
expect "QEMU's is removed" channel remove $id org.test.qemu
expect "xenchanneld's is removed" channel remove $id org.test.daemon
stop_xenchanneld
same_store before
