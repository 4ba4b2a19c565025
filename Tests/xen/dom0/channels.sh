# The library and the daemon in dom0.

# channel add DOMID NAME CONNECTION [PATH] | list DOMID | remove DOMID DEVID | destroy DOMID DEVID
channel() { python3 /test/channel.py "$@"; }

# start_xenchanneld [OPTION…]: starts the daemon and waits until it serves. Its process is $xenchanneld.
start_xenchanneld() {
    in_background xenchanneld --foreground --log-file /tmp/scenario/xenchanneld.log "$@"
    xenchanneld=$!
    wait_for 10 'xenchanneld serves' xenstore-exists /local/domain/0/data/xenchanneld
}
