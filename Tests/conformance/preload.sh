#!/bin/sh
# A program linked with libxenlight alone has to print the same with libxlchannel preloaded, and then use it.
# Run it in Tests/host/run: preload.sh PROGRAM LIBRARY
set -eu
program=$1 library=$(realpath "$2")
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
failed=0

# Two channels of libxl's beside the primary console.
back=/local/domain/0/backend/console/1 front=/local/domain/1/device/console libxl=/libxl/1/device/console
for n in 1 2; do
    case $n in
    1) connection=pty path= ;;
    2) connection=socket path=/tmp/chan.sock ;;
    esac
    for dir in $libxl/$n $back/$n; do
        xenstore-write $dir/frontend $front/$n $dir/frontend-id 1 $dir/online 1 $dir/state 4 $dir/protocol vt100 \
            $dir/name "org.test.$connection" $dir/connection $connection ${path:+$dir/path $path}
    done
    xenstore-write $libxl/$n/backend $back/$n $front/$n/backend $back/$n $front/$n/backend-id 0 $front/$n/state 4 \
        $front/$n/name "org.test.$connection" $front/$n/tty "/dev/pts/$n" $front/$n/ring-ref $((8 + n)) $front/$n/port $((16 + n))
done

"$program" 1 >"$out/plain" 2>"$out/plain.where" || { echo "preload: the program fails by itself"; cat "$out"/plain*; failed=1; }
LD_PRELOAD="${LD_PRELOAD:+$LD_PRELOAD:}$library" "$program" 1 >"$out/ours" 2>"$out/ours.where" \
    || { echo "preload: the program fails with $library"; cat "$out"/ours*; failed=1; }

grep -q '^2 channels' "$out/plain" || { echo "preload: libxl does not list 2 channels"; cat "$out/plain"; failed=1; }
cmp -s "$out/plain" "$out/ours" || { echo "preload: the output differs"; diff "$out/plain" "$out/ours" || :; failed=1; }
if [ "$(grep -c 'is in libxenlight' "$out/plain.where")" != 4 ] || [ "$(grep -c 'is in libxlchannel' "$out/ours.where")" != 4 ]; then
    echo "preload: the functions are not where they should be"; cat "$out"/*.where; failed=1
fi
[ $failed = 0 ] && echo "preload: 4 passed, 0 failed" || { echo "preload: failed"; exit 1; }
