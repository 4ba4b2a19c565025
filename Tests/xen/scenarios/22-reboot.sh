# `xl create` loses the first channel of its list. Added to the running domain it is there again, and also after a
# reboot, like all sockets and terminals that were added.

start_guest pv alpha 'channel = [
    "name=org.test.lost,connection=socket,path=/tmp/scenario/lost",
    "name=org.test.kept,connection=pty" ]'
id=$(domid alpha)
guest_says alpha 'agent: hvc1 up org.test.kept'
expect 'the first is lost' is_gone $(front $id 0)
equal 'and saved under number 0' "$(saved_channels $id | tr '\n' ' ')" '0 org.test.lost 1 org.test.kept '

equal 'it is put back' "$(channel add $id org.test.lost socket /tmp/scenario/lost)" 1
guest_says alpha 'agent: hvc2 up org.test.lost'
equal 'it answers' "$(ask_socket lost hello)" 'echo hvc2 org.test.lost: hello'
expect 'a channel with nothing is added' channel add $id org.test.null none
expect 'a log file channel is added' channel add $id org.test.log path /tmp/scenario/log
equal 'a pty channel is added' "$(channel add $id org.test.pty pty)" 4
guest_says alpha 'agent: hvc5 up org.test.pty'
equal 'what is saved' "$(saved_channels $id | tr '\n' ' ')" '1 org.test.kept 2 org.test.lost 5 org.test.pty '

forget_log alpha
expect 'the guest is rebooted' xl reboot alpha
guest_says alpha 'agent: ready' 120
for channel in 'hvc1 up org.test.kept' 'hvc2 up org.test.lost' 'hvc3 up org.test.pty'; do
    guest_says alpha "agent: $channel"
done
id=$(domid alpha)
channel list $id >listed
cat listed
equal 'those that are saved are there' "$(cut -d' ' -f1-3 listed | tr '\n' ' ')" \
    '0 org.test.kept pty 1 org.test.lost socket 4 org.test.pty pty '
equal 'the lost one answers' "$(ask_socket lost hello)" 'echo hvc2 org.test.lost: hello'
equal 'the pty answers' "$(ask_pty $(xenstore-read $(front $id 5)/tty) hello)" 'echo hvc3 org.test.pty: hello'

# Channels that libxl has made are removed like any other.
expect 'a log file channel is added again' channel add $id org.test.log path /tmp/scenario/log
for name in lost pty kept log; do
    expect "the $name channel is removed" channel remove $id org.test.$name
done
equal 'nothing is saved' "$(saved_channels $id)" ''
equal 'no character device is left' "$(chardevs $id | grep -v cmd)" ''
expect 'the socket is gone' [ ! -e lost ]
