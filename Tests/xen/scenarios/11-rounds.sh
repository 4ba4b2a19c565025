# 50 rounds of add and remove leave xenstore as it was.

. /test/channels.sh

start_guest pv alpha
id=$(domid alpha)
start_xenchanneld
snapshot before
expect '50 rounds' python3 - $id <<'EOF'
import sys, xlchannel
domid = int(sys.argv[1])
kinds = [(xlchannel.Connection.SOCKET, "/tmp/scenario/sock"), (xlchannel.Connection.PTY, None),
         (xlchannel.Connection.PATH, "/tmp/scenario/log"), (xlchannel.Connection.NONE, None)]
for n in range(50):
    connection, path = kinds[n % 4]
    added = xlchannel.add(domid, xlchannel.Channel(name=f"org.test.{n}", connection=connection, path=path))
    xlchannel.remove(domid, added)
EOF
same_store before
expect 'the guest still works' guest_run alpha true
