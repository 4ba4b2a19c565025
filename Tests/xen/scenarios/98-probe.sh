# probe
# timeout: 300
sed -n '/^plug()/,/^}/p;/^unplug()/,/^}/p;/^add_chardev()/,/^}/p;/^remove_chardev()/,/^}/p' /test/scenarios/06*.sh >f.sh
. ./f.sh
start_guest pv alpha 'channel = [ "name=org.test.lost,connection=pty" ]'
id=$(domid alpha)
xenstore-write /local/domain/$id/device/console ''
xenstore-chmod /local/domain/$id/device/console n0 r$id
(plug $id 1 one pty pty; unplug $id 1; plug $id 1 one pty pty ; xenstore-ls $(front $id 1); ask_pty $(xenstore-read $(front $id 1)/tty) hello ) || true
tail -3 /var/log/xen/qemu*
add_chardev $id null '{"type": "null", "data": {}}'
for n in 2 3 4 5 6 7 8 9 10 11 12; do
 add_chardev $id n$n '{"type": "file", "data": {"out": "/tmp/scenario/n'$n'", "append": true}}'
 (plug $id $n name$n path chardev:n$n) || { echo front $(state $(front $id $n)) back $(state $(back $id $n)); echo - >/tmp/reason; }
done
sleep 2
guest_run alpha 'for n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "== $n"; ls -l /dev/hvc$n; echo "this is hvc$n" >/dev/hvc$n; done; ls /sys/bus/xen/devices; cat /sys/bus/xen/devices/*/state; dmesg | tail -30; ls -l /dev/hvc*' || true
tail n*
tail -30 $(guest_log alpha)
unplug $id 3; unplug $id 5
(plug $id 5 again5 path chardev:n5)
sleep 1
guest_run alpha 'for n in 3 5; do echo "again hvc$n" >/dev/hvc$n; done' || true
tail n3 n5
