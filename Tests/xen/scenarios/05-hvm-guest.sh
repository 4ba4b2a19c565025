# An HVM guest boots, and a channel given at creation works.

start_guest hvm alpha 'channel = [ "name=org.test.lost,connection=pty",
    "name=org.test.sock,connection=socket,path=/tmp/scenario/sock" ]'
equal 'the guest runs a command' "$(guest_run alpha 'echo $((6 * 7))')" 42
guest_says alpha 'agent: hvc1 up org.test.sock'
equal 'the socket answers' "$(ask_socket sock hello)" 'echo hvc1 org.test.sock: hello'
expect 'the guest is destroyed' xl destroy alpha
