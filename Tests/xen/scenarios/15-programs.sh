# The examples in C, compiled on another machine, the command and the Python module run in dom0 as `make install` put them there.

shared_guest
start_xenchanneld
snapshot before

mkdir dir
expect 'the C program adds four channels' add $id /tmp/scenario/dir
guest_says $guest 'agent: hvc4 up org.example.spare'
equal 'the socket answers' "$(ask_socket dir/agent hello)" 'echo hvc2 org.example.agent: hello'
expect 'Python lists them' python3 /usr/share/xlchannel/list.py $id
expect 'Python removes them' python3 /usr/share/xlchannel/remove.py $id \
    org.example.console org.example.agent org.example.log org.example.spare
same_store before

equal 'the command adds a socket' "$(xlchannel add $id org.test.command socket /tmp/scenario/command)" '0 /tmp/scenario/command'
guest_says $guest 'agent: hvc1 up org.test.command'
equal 'the socket answers' "$(ask_socket command hello)" 'echo hvc1 org.test.command: hello'
equal 'the command lists it' "$(xlchannel list $id | tail -n +2 | xargs)" \
    '0 org.test.command socket connected /tmp/scenario/command'
equal "and by the guest's name" "$(xlchannel list $guest)" "$(xlchannel list $id)"
expect 'the command removes it' xlchannel remove $guest org.test.command
refused 'the command tells of a channel that is not there' 1 xlchannel remove $id org.test.command
same_store before

expect 'the whole life of four channels in C' channels $id /tmp/scenario/dir
expect 'the whole life of four channels in Python' python3 /usr/share/xlchannel/channels.py $id /tmp/scenario/dir
same_store before
