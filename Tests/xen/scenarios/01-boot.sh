# dom0 is a Xen host: hypervisor, xenstored and xl answer.

expect 'xl info tells the version' sh -c 'xl info | tee /dev/stderr | grep "^xen_version *: 4\."'
equal 'the running domains' "$(xl list | awk 'NR > 1 { print $1, $2 }')" 'Domain-0 0'
equal 'our own domid in xenstore' "$(xenstore-read domid)" 0
