#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# blk.sh BLK: the commands of the virtio-blk example, on a disk of 16 MiB of zeros that
# QEMU's storage daemon has. Prints TAP.
where=$(mktemp -d)
trap 'rm -rf "$where"' EXIT
trap 'exit 130' INT TERM HUP
image=$where/disk,of=zeros
truncate -s 16M "$image"
blk="$1 --spawn=$image"
count=0

say() {
	count=$((count + 1))
	if [ "$1" = "$2" ]; then
		echo "ok $count - $3"
	else
		echo "not ok $count - $3"
		echo "# $1, should be $2"
	fi
}

sum() {
	sha256sum | cut -d' ' -f1
}

if ! qemu-storage-daemon --version >/dev/null 2>&1; then
	printf '1..1\nok 1 - blk # SKIP there is no qemu-storage-daemon\n'
	exit 0
fi
# A container may have none.
terminal=1
script -qec true /dev/null >/dev/null 2>&1 || terminal=0
[ $terminal = 1 ] || echo "# no terminal can be had here: whether progress is shown is not tested"
echo 1..$((28 + terminal))
say "$($blk info)" "virtio-blk: 32768 blocks of 512 bytes, 131072 bytes a request" "info"
head -c 300000 "$1" >"$where/data"
say "$($blk write 1000 "$where/data")" "$where/data: 300000 bytes written" "write"
say "$($blk read 1000 586 | head -c 300000 | sum)" "$(sum <"$where/data")" "it is read back"
say "$(tail -c +512001 "$image" | head -c 300000 | sum)" "$(sum <"$where/data")" \
	"it is in the image"
say "$($blk --depth=32 read 1000 586 | head -c 300000 | sum)" "$(sum <"$where/data")" \
	"32 at a time too"
say "$($blk --depth=1 read 1585 1 | tail -c 32 | sum)" "$(head -c 32 /dev/zero | sum)" \
	"the rest of the last block is zero"
say "$($blk read 999 1 | sum)" "$(head -c 512 /dev/zero | sum)" "the block before is untouched"
for depth in 1 32; do
	say "$($blk --depth=$depth copy "$1" | sed 's/[0-9]* bytes/N bytes/')" \
		"$1: N bytes written, read back, every byte compared" "copy, $depth at a time"
	say "$(head -c "$(wc -c <"$1")" "$image" | sum)" "$(sum <"$1")" "the image has it"
done
bad() {
	said=$1
	shift
	"$@" >/dev/null 2>"$where/said"
	say "$?, $(cat "$where/said")" "2, blk: $said; see blk --help" "$said"
}
bad "read: 2 blocks from block 32767 on are not on a disk of 32768" $blk read 32767 2
bad "/nothing: No such file or directory" $blk copy /nothing
bad "/nothing: No such file or directory" "$1" --spawn=/nothing info
bad "x: not a number" $blk read x 1
bad "0: that is no block" $blk read 0 0
bad "erase: not a command, or not with its arguments" $blk erase
bad "--depth: from 1 to 32" $blk --depth=33 info
bad "--depth: from 1 to 32" $blk --depth=4294967297 info
"$1" --help >"$where/said"
say "$?, $(head -c 10 "$where/said")" "0, Usage: blk" "help is printed"
for option in --colour --spawn; do
	"$1" $option >"$where/out" 2>"$where/said"
	say "$?, $(wc -l <"$where/out"), $(wc -l <"$where/said"), $(grep -c -e "$option" "$where/said")" \
		"2, 0, 1, 1" "a bad option is told in one line: $option"
done
bad "--device, --spawn: one of them is needed; --spawn for --tries" "$1" info
$blk read 0 600 >/dev/full 2>"$where/said"
say "$?, $(cat "$where/said")" "1, blk: standard output: No space left on device" \
	"a full disk is told"
"$1" --spawn=/etc info >/dev/null 2>"$where/said"
say "$?, $(grep -c 'Is a directory' "$where/said")" "2, 1" "what the daemon does not open is told"
# Who looks at a terminal sees how far it is, and nothing of it in the end.
head -c 3000000 /dev/urandom >"$where/more"
if [ $terminal = 1 ]; then
	say "$(script -qec "$blk copy $where/more" /dev/null | tr '\r' '\n' |
		grep -o '^blk: 1 of 2 MiB written' | uniq)" "blk: 1 of 2 MiB written" \
		"progress is shown on a terminal"
fi
say "$($blk copy "$where/more" 2>&1 >/dev/null)" "" "and nowhere else"
# Who is interrupted leaves no daemon and no socket.
mkfifo "$where/pipe"
mkdir "$where/own"
# A reader that does not read: it waits in the middle.
sleep 5 <"$where/pipe" &
reader=$!
TMPDIR=$where/own $blk read 0 30000 >"$where/pipe" &
sleep 0.5
there=$(ls "$where/own" | wc -l)
kill -TERM $!
wait $!
kill $reader 2>/dev/null
TMPDIR=$where/own $blk read 0 30000 | head -c 1 >/dev/null
# The kernel ends a daemon right after who started it.
daemons() {
	grep -la "[f]ilename=$where" /proc/[0-9]*/cmdline | wc -l
}
tries=50
while [ "$(daemons)" != 0 ] && [ $tries -gt 0 ]; do
	sleep 0.1
	tries=$((tries - 1))
done
say "$there $(ls "$where/own" | wc -l) $(daemons)" "1 0 0" \
	"interrupted, nothing stays"
# Descriptors that a caller has closed are nobody's sockets.
$blk read 40000 1 <&- >&- 2>&-
say "$?, $($blk read 1000 586 | wc -c)" "2, 300032" "without descriptors"
