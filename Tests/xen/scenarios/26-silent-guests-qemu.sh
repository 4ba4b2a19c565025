# Guests that do not answer, served by QEMU: one that is paused, and one without a driver.

shared_guest qemu
expect 'a channel is added and removed' channel rounds 1 $id org.test.first none
snapshot before

# Paused: what is added waits for it.
expect 'the guest is paused' xl pause $guest
expect 'a socket channel is added' channel add $id org.test.sock socket /tmp/scenario/sock
equal 'its backend waits' "$(state $(back $id 1))" 2
expect 'a channel that the guest has not seen is removed' channel rounds 3 $id org.test.unseen pty
expect 'the guest is unpaused' xl unpause $guest
guest_says $guest 'agent: hvc1 up org.test.sock'
equal 'the socket answers' "$(ask_socket sock hello)" 'echo hvc1 org.test.sock: hello'

# Paused with the channel in use: it cannot let go.
expect 'the guest is paused' xl pause $guest
began=$(hundredths)
refused 'a channel in use is not removed' 9 channel remove $id org.test.sock
took=$(($(hundredths) - began))
expect "that took ten seconds ($took hundredths)" [ $took -ge 950 -a $took -lt 1200 ]
expect 'the guest is unpaused' xl unpause $guest
wait_for 20 'the socket answers' eval '[ "$(ask_socket sock hello 2)" = "echo hvc1 org.test.sock: hello" ]'
expect 'the channel is removed' channel remove $id org.test.sock
same_store before

# No driver takes the console.
guest_run $guest 'echo 0 >/sys/bus/xen/drivers_autoprobe'
forget_log $guest
equal 'a pty channel is added' "$(channel add $id org.test.ignored pty)" 0
equal 'its backend waits' "$(state $(back $id 1))" 2
equal 'its frontend does nothing' "$(state $(front $id 1))" 1
began=$(hundredths)
expect 'the channel is removed' channel remove $id org.test.ignored
took=$(($(hundredths) - began))
expect "that took less than two seconds ($took hundredths)" [ $took -lt 200 ]
guest_run $guest 'echo 1 >/sys/bus/xen/drivers_autoprobe'
same_store before
equal 'no character device is left' "$(chardevs $id | grep -v cmd)" ''
