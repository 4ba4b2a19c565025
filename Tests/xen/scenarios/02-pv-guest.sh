# A PV guest boots, and its primary console works both ways.

start_guest pv alpha
equal 'the guest runs a command' "$(guest_run alpha 'echo $((6 * 7))')" 42
equal 'without channels there is no QEMU' "$(pidof xen-qemu-system-i386 || true)" ''
guest_run alpha 'uname -r; cat /sys/hypervisor/type; ls -l /dev/hvc* /dev/xen; ls /sys/bus/xen/devices'
expect 'the guest is destroyed' xl destroy alpha
