# Hot-plug of channels that QEMU serves, by hand: for the scenarios that show what Xen, QEMU and Linux do by themselves.

# add_parents DOMID: the directory that a guest without channels lacks.
add_parents() {
    xenstore-write /local/domain/$1/device/console ''
    xenstore-chmod /local/domain/$1/device/console n0 r$1
}

# plug DOMID CONSOLE NAME CONNECTION OUTPUT: writes a channel's three directories in one transaction (xenstore-write
# makes one of all its arguments). Without it the guest finds a frontend that it cannot read or write yet, and gives it
# up for good. Permissions are inherited in xenstore: the parents briefly have those that the new directories need.
plug() {
    plug_unwatched "$@"
    wait_for 10 "QEMU is connected to $3" has_state $back 4
    wait_for 10 "the guest is connected to $3" has_state $front 4
}
plug_unwatched() {
    front=$(front $1 $2) back=$(back $1 $2) libxl=/libxl/$1/device/console/$2
    xenstore-chmod ${front%/*} n$1 r0
    xenstore-chmod ${back%/*} n0 r$1
    xenstore-write $libxl '' $libxl/frontend $front $libxl/backend $back $libxl/frontend-id $1 $libxl/online 1 \
        $libxl/state 1 $libxl/protocol vt100 $libxl/name $3 $libxl/connection $4 \
        $back '' $back/frontend $front $back/frontend-id $1 $back/online 1 $back/state 1 \
        $back/protocol vt100 $back/name $3 $back/connection $4 \
        $front '' $front/backend $back $front/backend-id 0 $front/state 1 $front/protocol vt100 \
        $front/name $3 $front/limit 1048576 $front/type ioemu $front/output $5
    for key in name limit type output; do xenstore-chmod $front/$key n0 r$1; done
    xenstore-chmod ${front%/*} n0 r$1
    xenstore-chmod ${back%/*} n0
}

# unplug DOMID CONSOLE
unplug() {
    front=$(front $1 $2) back=$(back $1 $2)
    xenstore-write $back/online 0 $back/state 5
    wait_for 10 "the guest has closed console $2" has_state $front 6
    wait_for 10 "QEMU has closed console $2" has_state $back 6
    xenstore-rm $front $back /libxl/$1/device/console/$2
}

add_chardev() {
    equal "QEMU takes $2" "$(qmp $1 "{\"execute\": \"chardev-add\", \"arguments\": {\"id\": \"$2\", \"backend\": $3}}" | tr -d ' \r')" '{"return":{}}'
}
remove_chardev() {
    equal "QEMU removes $2" "$(qmp $1 "{\"execute\": \"chardev-remove\", \"arguments\": {\"id\": \"$2\"}}" | tr -d ' \r')" '{"return":{}}'
}
