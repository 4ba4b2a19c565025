# What upstream does with channels given at creation: the first is lost, the others work.

start_guest pv alpha 'channel = [
    "name=org.test.lost,connection=pty",
    "name=org.test.pty,connection=pty",
    "name=org.test.sock,connection=socket,path=/tmp/scenario/sock" ]'
id=$(domid alpha)
guest_says alpha 'agent: hvc1 up org.test.pty'
guest_says alpha 'agent: hvc2 up org.test.sock'
guest_run alpha 'ls /sys/bus/xen/devices; cd /sys/bus/xen/devices/console-1; ls; cat nodename modalias state; xenstore-ls -p device/console'
xl channel-list alpha
xenstore-ls -fp | grep /console

expect 'the first channel is lost' is_gone $(front $id 0)
equal 'the consoles' "$(xenstore-list /local/domain/$id/device/console | sort | tr '\n' ' ')" '1 2 '
qmp $id '{"execute": "query-chardev"}' >chardevs
cat chardevs
expect 'its character device stays in QEMU' grep -q libxl-channel0 chardevs

tty=$(xenstore-read $(front $id 1)/tty)
equal 'the pty answers' "$(ask_pty $tty hello)" 'echo hvc1 org.test.pty: hello'
equal 'the socket answers' "$(ask_socket sock hello)" 'echo hvc2 org.test.sock: hello'
equal 'the socket answers the next client' "$(ask_socket sock again)" 'echo hvc2 org.test.sock: again'
expect 'the guest is destroyed' xl destroy alpha
expect 'its consoles are gone' is_gone /libxl/$id
