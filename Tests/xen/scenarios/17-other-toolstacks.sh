# Other toolstacks change the same guest at the same time: everybody succeeds.

shared_guest
start_xenchanneld

# The guest opens none of what comes and goes: here it is about xenstore.
guest_run $guest 'touch /quiet'

# Two that add and remove channels, one that adds network interfaces.
channel rounds 15 $id org.test.one pty >one.log 2>&1 &
one=$!
channel rounds 15 $id org.test.two socket /tmp/scenario/sock >two.log 2>&1 &
two=$!
for nic in 1 2 3; do
    expect "network interface $nic is added" xl network-attach $guest script=/bin/true mac=00:16:3e:00:00:0$nic
done
expect 'all of one were added and removed' wait $one
expect 'all of two were added and removed' wait $two
equal 'there are three interfaces' "$(xl network-list $guest | tail -n +2 | wc -l)" 3
equal 'and no channel' "$(channel list $id)" ''

guest_run $guest 'rm /quiet'

# Many at once: each gets a number of its own.
for number in 1 2 3 4 5 6 7; do
    channel add $id org.test.$number pty >devid-$number 2>&1 &
    adding="${adding:-} $!"
done
expect 'seven at once are added' wait $adding
equal 'seven numbers' "$(cat devid-* | sort | tr '\n' ' ')" '0 1 2 3 4 5 6 '
guest_says $guest 'agent: hvc7 up'
equal 'seven connected channels' "$(channel list $id | grep -c ' 4 /dev/pts/')" 7
for number in 1 2 3 4 5 6 7; do
    channel remove $id org.test.$number >removed-$number 2>&1 &
    removing="${removing:-} $!"
done
expect 'seven at once are removed' wait $removing
equal 'all are gone' "$(channel list $id)" ''
expect 'the guest, with its interfaces, is destroyed' xl destroy $guest
