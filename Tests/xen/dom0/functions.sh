# What the scenarios have in common. A scenario runs under `set -eu` in an empty directory of its own; whatever ends it
# early fails it, and these functions then say why.

mkdir -p /tmp/scenario
cd /tmp/scenario

say() { echo "$(cut -d' ' -f1 /proc/uptime) $*"; }

# fail REASON: ends the scenario.
fail() {
    echo "$*" >/tmp/reason
    say "FAIL: $*"
    exit 1
}

# expect WHAT COMMAND…: the command must succeed.
expect() {
    what=$1
    shift
    if "$@"; then say "ok: $what"; else fail "$what"; fi
}

# equal WHAT ACTUAL EXPECTED
equal() {
    if [ "$2" = "$3" ]; then say "ok: $1"; else fail "$1: '$2' rather than '$3'"; fi
}

# refused WHAT STATUS COMMAND…: the command must fail with this status.
refused() {
    what=$1 expected=$2 status=0
    shift 2
    "$@" || status=$?
    equal "$what" $status $expected
}

# wait_for SECONDS WHAT COMMAND…: the command, tried again and again, must succeed in time. Tells how long it took.
wait_for() {
    limit=$(($(hundredths) + $1 * 100)) what=$2 began=$(hundredths)
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ $(hundredths) -lt $limit ] || fail "not in time: $what"
        usleep 100000
    done
    say "ok: $what (after $((($(hundredths) - began) * 10)) ms)"
}
hundredths() { cut -d' ' -f1 /proc/uptime | tr -d .; }

# in_background COMMAND…: a helper that is ended with the scenario; its process is $!.
in_background() {
    "$@" &
    echo $! >>/tmp/helpers
}

# Guests

# start_guest pv|pvh|hvm NAME [LINE…]: creates a guest (the lines are added to its xl configuration) and waits until
# its agent is ready.
start_guest() {
    write_config "$@" >$2.cfg
    name=$2
    say "creating $1 guest $name"
    forget_log $name
    xl create -q $name.cfg || fail "xl create $name"
    guest_says $name 'agent: ready' 150
}

# shared_guest [qemu]: names a PV guest without channels, with or without a QEMU, in $guest, and its number in $id. It is
# booted by the first scenario of a boot that asks for it; one that passes leaves it to the next.
shared_guest() {
    guest=shared${1:+-$1}
    if xl domid $guest >/dev/null 2>&1; then
        forget_log $guest
    elif [ $guest = shared ]; then
        start_guest pv $guest
    else
        # One channel at creation is lost, but it makes xl start a QEMU.
        start_guest pv $guest 'channel = [ "name=org.test.lost,connection=pty" ]'
    fi
    id=$(domid $guest)
}

# start_driver_domain NAME: a PV guest that has the project's files too, and may be the backend of other guests.
start_driver_domain() {
    ramdisk=$PWD/$1.img
    cat /boot/guest.img /boot/project.img >$ramdisk
    start_guest pv $1 'driver_domain = 1'
    ramdisk=/boot/guest.img
}
ramdisk=/boot/guest.img

# write_config pv|pvh|hvm NAME [LINE…]: prints a configuration for xl.
write_config() {
    cat <<-EOF
	name = "$2"
	type = "$1"
	memory = 192
	vcpus = 1
	on_crash = "preserve"
	EOF
    if [ $1 = hvm ]; then
        [ -e /tmp/hvm-disk ] || cat /boot/hvm-disk /boot/guest-kernel /boot/guest.img >/tmp/hvm-disk
        cat <<-EOF
	vga = "none"
	usb = 0
	boot = "c"
	device_model_args_hvm = [ "-device", "ahci,id=ahci", "-device", "ide-hd,drive=boot,bus=ahci.0",
	    "-drive", "id=boot,if=none,format=raw,snapshot=on,file=/tmp/hvm-disk" ]
	EOF
    else
        printf '%s\n' 'kernel = "/boot/guest-kernel"' "ramdisk = \"$ramdisk\"" "cmdline = \"$(cat /boot/guest-options)\""
    fi
    shift 2
    [ $# = 0 ] || printf '%s\n' "$@"
}

# domid NAME
domid() { xl domid $1; }

# guest_log NAME: the file with all that the guest printed on its primary console. Its name is the one that the guest
# had when it was created, so after a migration it is another file.
guest_log() {
    ls -t /var/log/xen/console/guest-$1.log /var/log/xen/console/guest-$1--incoming.log 2>/dev/null | head -n 1 | grep . ||
        echo /var/log/xen/console/guest-$1.log
}

# forget_log NAME: empties it, so that the next `guest_says` waits for something new.
forget_log() { : >$(guest_log $1); }

# guest_says NAME PATTERN [SECONDS]: waits for a line on the guest's primary console.
guest_says() {
    wait_for ${3:-20} "$1 says '$2'" grep -q -e "$2" $(guest_log $1)
}

# guest_run NAME COMMAND [SECONDS]: runs a shell command in the guest, prints its output, returns its status.
guest_run() {
    request=$(cat /proc/sys/kernel/random/uuid)
    printf '%s %s\n' $request "$2" >$(xenstore-read /local/domain/$(domid $1)/console/tty)
    wait_for ${3:-20} "$1 ran: $2" grep -q "^END $request " $(guest_log $1) >&2
    tr -d '\r' <$(guest_log $1) | sed -n "/^BEGIN $request\$/,/^END $request /p" | sed '1d;$d;/^agent: /d'
    return $(sed -n "s/^END $request \([0-9]*\).*/\1/p" $(guest_log $1))
}

# The project: `channel` (Tests/xen/channel.c) stands for a toolstack that uses the library.

# start_xenchanneld [OPTION…]: starts the daemon, with the command $under if there is one, and waits until it serves. Its
# process is $xenchanneld.
under=
start_xenchanneld() {
    in_background $under xenchanneld --foreground --log-file /tmp/scenario/xenchanneld.log "$@"
    xenchanneld=$!
    wait_for $([ "$under" ] && echo 60 || echo 10) 'xenchanneld serves' xenstore-exists /local/domain/0/data/xenchanneld
}

# stop_xenchanneld: ends it in order.
stop_xenchanneld() {
    kill $xenchanneld
    wait_for 10 'xenchanneld has ended' is_gone /local/domain/0/data/xenchanneld
}

# Channels

# ask_socket PATH LINE [SECONDS], ask_pty PATH LINE [SECONDS]: sends a line and prints the line that comes back.
ask_socket() {
    rm -f reply
    ASK_LINE=$2 ASK_SECONDS=${3:-10} socat UNIX-CONNECT:$1 EXEC:'sh /test/ask' || return 1
    cat reply
}
ask_pty() {
    rm -f reply
    ASK_LINE=$2 ASK_SECONDS=${3:-10} socat FILE:$1,raw,echo=0 EXEC:'sh /test/ask' || return 1
    cat reply
}

# random_bytes COUNT: what the guest sends on "!bytes COUNT".
random_bytes() {
    (while :; do cat /usr/share/random; done) 2>/dev/null | head -c $1
}

# Xenstore

front() { echo /local/domain/$1/device/console/$2; }
back() { echo /local/domain/${3:-0}/backend/console/$1/$2; }

# state PATH: a device's state.
state() { xenstore-read $1/state; }
has_state() { [ "$(xenstore-read $1/state)" = $2 ]; }
is_gone() { ! xenstore-exists $1; }

# snapshot FILE: all of xenstore with its permissions, in order, but for what guests say of themselves in their own time,
# and the directory in which xenchanneld announces itself.
snapshot() { xenstore-ls -fp | grep -vE '^/local/domain/([0-9]+/(error|control/feature-)|0/data )' | sort >$1; }

# same_store FILE: xenstore must be what it was at the snapshot.
same_store() {
    snapshot now
    if diff $1 now; then say "ok: xenstore as before"; else fail "xenstore differs"; fi
}

# saved_configuration DOMID: the file from which libxl makes the domain anew.
saved_configuration() { ls /var/lib/xen/userdata-d.$1.*.libxl-json; }

# saved_channels DOMID: its channels, as CONSOLE NAME.
saved_channels() {
    sed -n '/"channels"/,/^    \]/p' $(saved_configuration $1) | tr -d '\000' |
        sed -n 's/.*"devid": \([0-9]*\),/\1/p; s/.*"name": "\(.*\)",/\1/p' | paste -d' ' - - | sort
}

# QEMU

# chardevs DOMID: the ids of its character devices.
chardevs() {
    qmp $1 '{"execute": "query-chardev"}' | tr ',{}' '\n' | sed -n 's/.*"label": "\(.*\)".*/\1/p' | sort
}

# qmp DOMID COMMAND…: executes commands, each a JSON object, in the domain's QEMU and prints one answer a line.
qmp() {
    ASK_SOCKET=/run/xen/qmp-libxl-$1
    shift
    printf '%s\n' "$@" >commands
    rm -f answers
    socat UNIX-CONNECT:$ASK_SOCKET EXEC:'sh /test/ask-qmp' && cat answers
}
