# A PV guest with QEMU, and no xenchanneld: QEMU serves all four kinds, added and removed while the guest runs. Neither
# that nor 50 rounds leave anything in xenstore, in QEMU, or in the saved configuration.
# timeout: 300
# boot: fresh

. /test/kinds.sh

shared_guest qemu
expect 'the guest has a QEMU' [ -S /run/xen/qmp-libxl-$id ]

# The first addition clears up what xl has left of its lost channel.
expect 'a channel is added and removed' channel rounds 1 $id org.test.first none
snapshot before
chardevs $id >chardevs-before
cat chardevs-before
saved=$(saved_configuration $id)
cp $saved saved-before

all_four_kinds
equal 'the character devices are as before' "$(chardevs $id)" "$(cat chardevs-before)"
expect 'the saved configuration is as before' cmp $saved saved-before

fifty_rounds
equal 'the character devices are as before' "$(chardevs $id)" "$(cat chardevs-before)"
expect 'the saved configuration is as before' cmp $saved saved-before
