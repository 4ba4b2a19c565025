# Guests that do not answer, served by QEMU: one that is paused, and one without a driver.

. /test/kinds.sh

shared_guest qemu
expect 'a channel is added and removed' channel rounds 1 $id org.test.first none
snapshot before

paused_guest

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
