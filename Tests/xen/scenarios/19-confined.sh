# xenchanneld serves a PV guest all four kinds under the limits of its systemd unit: system calls, capabilities, devices.

. /test/kinds.sh

# The devices of the unit, and those that DevicePolicy=closed adds.
unit=/usr/lib/systemd/system/xenchanneld.service
expect 'the unit has a closed device policy' grep -qx DevicePolicy=closed $unit
mkdir -p /tmp/devices
mount -t cgroup -o devices none /tmp/devices
mkdir -p /tmp/devices/confined
echo a >/tmp/devices/confined/devices.deny
for device in $(sed -n 's/^DeviceAllow=\(.*\) rw$/\1/p' $unit) /dev/null /dev/zero /dev/full /dev/random /dev/urandom; do
    case $device in
    char-pts) echo 'c 136:* rw' ;;
    *) stat -c 'c %t %T rw' $device | while read -r kind major minor access; do
        echo "$kind $((0x$major)):$((0x$minor)) $access"
    done ;;
    esac
done >devices
while read -r device; do echo "$device" >/tmp/devices/confined/devices.allow; done <devices
cat /tmp/devices/confined/devices.list
cat >confined <<'END'
#!/bin/sh
echo $$ >/tmp/devices/confined/cgroup.procs
exec python3 -I /usr/share/xlchannel/confined "$@"
END
chmod +x confined
under=/tmp/scenario/confined
refused 'another device is denied there' 1 sh -c 'echo $$ >/tmp/devices/confined/cgroup.procs; head -c 1 /dev/port'
expect 'and not elsewhere' head -c 1 /dev/port

shared_guest
start_xenchanneld
expect 'there is a filter of system calls' grep -q '^Seccomp:.2' /proc/$xenchanneld/status
expect 'one capability is left' grep -q '^CapEff:.0*2$' /proc/$xenchanneld/status
expect 'it is in the control group' grep -q devices:/confined /proc/$xenchanneld/cgroup
snapshot before
all_four_kinds

# A restart with channels, also after a kill.
equal 'a socket channel is added' "$(channel add $id org.test.sock socket /tmp/scenario/sock)" 0
equal 'a log file channel is added' "$(channel add $id org.test.log path /tmp/scenario/kept)" 1
equal 'a pty channel is added' "$(channel add $id org.test.pty pty)" 2
guest_says $guest 'agent: hvc3 up org.test.pty'
kill -HUP $xenchanneld
kill -9 $xenchanneld
start_xenchanneld
guest_run $guest 'seq 1 100 >/dev/hvc2'
seq 1 100 >expected
wait_for 20 'the log has all lines' cmp kept expected
wait_for 20 'the socket answers' eval '[ "$(ask_socket sock hello 2)" = "echo hvc1 org.test.sock: hello" ]'
equal 'the pty answers' "$(ask_pty $(xenstore-read $(front $id 3)/tty) hello)" 'echo hvc3 org.test.pty: hello'
for name in sock log pty; do
    expect "the $name channel is removed" channel remove $id org.test.$name
done
same_store before
stop_xenchanneld
rmdir /tmp/devices/confined
umount /tmp/devices
