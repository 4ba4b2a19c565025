#!/bin/sh
# Nothing of a header is missing in what is compiled with it: each function that the library exports is called by
# headers/released.h or headers/posted.h, and each LIBXL_HAVE_... looked for.
# Usage: headers.sh LIBRARY PROGRAM-RELEASED PROGRAM-POSTED, from the root of the tree.
set -eu
library=$1 released=$2 posted=$3
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
failed=0

check() { # FAMILY PROGRAM HEADER, the family's functions on stdin
    nm -D "$2" | sed -n 's/.* \(libxl_[a-z0-9_]*\).*/\1/p' | sort >"$out/called"
    sort >"$out/exported"
    missing=$(comm -23 "$out/exported" "$out/called" | tr '\n' ' ')
    [ -s "$out/exported" ] && [ -z "$missing" ] || { failed=1; echo "FAILED headers: headers/$1.h calls no $missing"; }
    for macro in $(sed -n 's/^#define \(LIBXL_HAVE_[A-Z0-9_]*\).*/\1/p' "$3"); do
        grep -qw "!$macro" "Tests/conformance/headers/$1.h" \
            || { failed=1; echo "FAILED headers: headers/$1.h does not look for $macro"; }
    done
}

nm -D --defined-only "$library" | sed -n 's/.* [TD] \(libxl_.*\)@@\(.*\)/\1 \2/p' >"$out/names"
grep -v ' XLCHANNEL_V2_' "$out/names" | cut -d' ' -f1 >"$out/released"
grep ' XLCHANNEL_V2_' "$out/names" | cut -d' ' -f1 >"$out/posted"
check released "$released" include/libxl_channel.h <"$out/released"
check posted "$posted" include/libxl_channel_v2.h <"$out/posted"
exit $failed
