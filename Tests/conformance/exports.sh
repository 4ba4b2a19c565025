#!/bin/sh
# What the library shows to a linker: the contract of include/*.h, with its versions, and nothing else; what it needs;
# its size. Usage: exports.sh LIBRARY, from the root of the tree.
set -eu
library=$1
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
passed=0 failed=0
verdict() { if [ "$1" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED exports: $2"; fi; }

# libxl's own names, with libxenlight's own versions.
peer=$(pkg-config --variable=libdir xenlight)/libxenlight.so
nm -D --defined-only "$peer" | sed -n 's/^[0-9a-f]* [TD] \(libxl_\(device_channel\|channelinfo\|channel_connection\)_.*@@.*\)$/\1/p' >"$out/expected"
grep -q '^libxl_device_channel_list@@VERS_' "$out/expected" || { echo "exports: cannot read $peer"; exit 2; }
# Ours: whatever our headers declare themselves, the posted family's in a node of its own.
for header in include/*.h; do
    case $header in *_v2.h) version=XLCHANNEL_V2_1 ;; *) version=XLCHANNEL_1 ;; esac
    "${CC:-cc}" -E -Iinclude "$header" | awk -v header="$header" -v version="$version" '
        /^# [0-9]+ "/ { here = index($3, "\"" header "\"") == 1; next }
        here { text = text " " $0 }
        END { while (match(text, /libxl_[a-z0-9_]+ *(\(|\[\])/)) {
                  name = substr(text, RSTART, RLENGTH); sub(/ *(\(|\[\])$/, "", name); print name "@@" version
                  text = substr(text, RSTART + RLENGTH) } }'
done | sort -t@ -u -k1,1 | while IFS=@ read -r name version; do
    grep -q "^$name@@" "$out/expected" || echo "$name@$version"
done >"$out/ours"
cat "$out/expected" "$out/ours" | sort >"$out/contract"
nm -D --defined-only "$library" | awk '$2 != "A" { print $3 }' | sort >"$out/exported"
diff "$out/contract" "$out/exported" >"$out/diff" && same=0 || same=1
verdict $same "contract (<) and exports (>) differ: $(cat "$out/diff")"
readelf -VW "$library" | sed -n "/^Version definition/,/^\$/s/.*Name: \([A-Z].*\)/\1/p" | sort >"$out/nodes"
sed 's/.*@@//' "$out/contract" | sort -u >"$out/versions"
cmp -s "$out/nodes" "$out/versions" && same=0 || same=1
verdict $same "version nodes: $(tr '\n' ' ' <"$out/nodes")"

readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' >"$out/needed"
soname=$(readelf -d "$library" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
[ "$soname" = libxlchannel.so.1 ] && same=0 || same=1
verdict $same "soname $soname"
ldd "$library" | grep -i 'swift\|Foundation\|not found\|libxenlight' >"$out/swift" && same=1 || same=0
verdict $same "needs $(cat "$out/swift")"
grep -v '^\(libc\|libm\|libyajl\|libxentoollog\|ld-linux[-a-z0-9_]*\)\.so\.[0-9]*$' "$out/needed" >"$out/more" && same=1 || same=0
verdict $same "needs also $(tr '\n' ' ' <"$out/more")"
readelf -d "$library" | grep -q 'RPATH\|RUNPATH\|TEXTREL' && same=1 || same=0
verdict $same "has a run path or text relocations"

cp "$library" "$out/stripped.so"
strip "$out/stripped.so"
size=$(stat -c %s "$out/stripped.so")
[ "$size" -le 282000 ] && same=0 || same=1
verdict $same "stripped size $size"
echo "exports: $(wc -l <"$out/exported") names, needs $(tr '\n' ' ' <"$out/needed"), stripped $size bytes"
echo "exports: $passed passed, $failed failed"
[ $failed = 0 ]
