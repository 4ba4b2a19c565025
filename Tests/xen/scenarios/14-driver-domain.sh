# xenchanneld in a driver domain serves another guest's channel.

. /test/channels.sh

start_driver_domain delta
start_guest pv alpha
id=$(domid alpha)
driver=$(domid delta)
guest_run delta 'mkdir -p /run/xen; xenchanneld --log-file /run/xenchanneld.log --run-dir /run/xen && echo started'
wait_for 20 'it announces itself' xenstore-exists /local/domain/$driver/data/xenchanneld
expect 'a channel is added by the name of its backend domain' python3 - $id <<'EOF'
import sys, xlchannel
print(xlchannel.add(int(sys.argv[1]), xlchannel.Channel(
    name="org.test.driver", connection=xlchannel.Connection.PATH, path="/run/guest.log", backend_domname="delta")))
EOF
guest_says alpha 'agent: hvc1 up org.test.driver'
guest_run alpha 'seq 1 100 >/dev/hvc1'
usleep 1000000
equal 'the log in the driver domain' "$(guest_run delta 'md5sum </run/guest.log')" "$(seq 1 100 | md5sum)"
expect 'the channel is removed' channel remove $id 0
expect 'its backend is gone' is_gone /local/domain/$driver/backend/console/$id
