#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# blk.sh BLK: tests the commands of the virtio-blk example. The disk belongs to QEMU's storage
# daemon and has 16 MiB of zeros. Prints TAP.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM HUP
image=$folder/disk,of=zeros
truncate -s 16M "$image"
blk="$1 --spawn=$image"
. "$(dirname "$0")/tap.sh"

sum() {
	sha256sum | cut -d' ' -f1
}

if ! qemu-storage-daemon --version >/dev/null 2>&1; then
	printf '1..1\nok 1 - blk # SKIP qemu-storage-daemon is not installed\n'
	exit 0
fi
# In some containers script(1) cannot open a terminal.
terminal=1
script -qec true /dev/null >/dev/null 2>&1 || terminal=0
[ $terminal = 1 ] || echo "# script(1) cannot open a terminal: the progress is not tested"
echo 1..$((33 + terminal))
check "$($blk info)" "virtio-blk: 32768 blocks of 512 bytes, 131072 bytes a request" "info"
head -c 300000 "$1" >"$folder/data"
check "$($blk write 1000 "$folder/data")" "$folder/data: 300000 bytes written" "write"
check "$($blk read 1000 586 | head -c 300000 | sum)" "$(sum <"$folder/data")" \
	"read returns what write wrote"
check "$(tail -c +512001 "$image" | head -c 300000 | sum)" "$(sum <"$folder/data")" \
	"the image has it"
check "$($blk --depth=32 read 1000 586 | head -c 300000 | sum)" "$(sum <"$folder/data")" \
	"so does read with 32 requests at a time"
check "$($blk --depth=1 read 1585 1 | tail -c 32 | sum)" "$(head -c 32 /dev/zero | sum)" \
	"write fills the last block with zeros"
check "$($blk read 999 1 | sum)" "$(head -c 512 /dev/zero | sum)" \
	"write does not touch the block before"
for depth in 1 32; do
	check "$($blk --depth=$depth copy "$1" | sed 's/[0-9]* bytes/N bytes/')" \
		"$1: N bytes written, read back, every byte compared" \
		"copy works with $depth requests at a time"
	check "$(head -c "$(wc -c <"$1")" "$image" | sum)" "$(sum <"$1")" "the image has the copy"
done
refuses() {
	message=$1
	shift
	"$@" >/dev/null 2>"$folder/message"
	check "$?, $(cat "$folder/message")" "2, blk: $message; see blk --help" \
		"blk refuses: $message"
}
refuses "read: 2 blocks from block 32767 on do not fit: the disk has 32768" $blk read 32767 2
refuses "/nothing: No such file or directory" $blk copy /nothing
refuses "/nothing: No such file or directory" "$1" --spawn=/nothing info
refuses "x: is not a decimal number" $blk read x 1
refuses "0: is not a count of blocks, at least 1 is needed" $blk read 0 0
refuses "erase: is not a command" $blk erase
refuses "a command is missing" $blk
refuses "info: takes no arguments" $blk info more
refuses "write: takes 2 arguments" $blk write 0
refuses "--depth: takes a number from 1 to 32" $blk --depth=33 info
refuses "--depth: takes a number from 1 to 32" $blk --depth=4294967297 info
"$1" --help >"$folder/help"
check "$?, $(head -c 10 "$folder/help")" "0, Usage: blk" "--help prints the help"
for option in --colour --spawn; do
	"$1" $option >"$folder/out" 2>"$folder/message"
	check "$?, $(wc -l <"$folder/out"), $(wc -l <"$folder/message"), $(grep -c -e "^blk: $option: .*; see blk --help" "$folder/message")" \
		"2, 0, 1, 1" "one line reports a bad option: $option"
done
refuses "--device, --spawn: give one of them; --tries needs --spawn" "$1" info
$blk read 0 600 >/dev/full 2>"$folder/message"
check "$?, $(cat "$folder/message")" "1, blk: standard output: No space left on device" \
	"blk reports a full disk"
refuses "$folder: is not a regular file" "$1" "--spawn=$folder" info
refuses "/dev/null: is not a regular file" "$1" --spawn=/dev/null info
refuses "sim:edu: the device is not a virtio-blk disk" "$1" --device=sim:edu info
# On a terminal blk shows its progress, and removes it at the end.
head -c 3000000 /dev/urandom >"$folder/more"
if [ $terminal = 1 ]; then
	check "$(script -qec "$blk copy $folder/more" /dev/null | tr '\r' '\n' |
		grep -o '^blk: 1 of 2 MiB written' | uniq)" "blk: 1 of 2 MiB written" \
		"blk shows progress on a terminal"
fi
check "$($blk copy "$folder/more" 2>&1 >/dev/null)" "" "blk shows progress only on a terminal"
# After a signal neither the daemon nor its socket is left.
mkfifo "$folder/pipe"
mkdir "$folder/own"
# The reader begins after the signal, so the signal finds blk in the middle of its output. TSan calls
# the handler of a signal only when the output goes on.
{
	while [ ! -e "$folder/signalled" ]; do
		sleep 0.1
	done
	cat >/dev/null
} <"$folder/pipe" &
reader=$!
TMPDIR=$folder/own $blk read 0 30000 >"$folder/pipe" &
writer=$!
tries=3000
while [ -z "$(ls "$folder/own")" ] && [ $tries -gt 0 ]; do
	sleep 0.1
	tries=$((tries - 1))
done
# A slow machine may not have come to the output yet. The signal must also work then.
sleep 0.5
there=$(ls "$folder/own" | wc -l)
kill -TERM $writer
: >"$folder/signalled"
wait $writer
status=$?
wait $reader
TMPDIR=$folder/own $blk read 0 30000 | head -c 1 >/dev/null
# The kernel ends the daemon a moment after blk ended.
daemons() {
	grep -la "[f]ilename=$folder" /proc/[0-9]*/cmdline | wc -l
}
tries=3000
while [ "$(daemons)" != 0 ] && [ $tries -gt 0 ]; do
	sleep 0.1
	tries=$((tries - 1))
done
check "$status $there $(ls "$folder/own" | wc -l) $(daemons)" "143 1 0 0" \
	"after a signal nothing is left"
# blk must not open its socket as a standard descriptor that the caller has closed.
$blk read 40000 1 <&- >&- 2>&-
check "$?, $($blk read 1000 586 | wc -c)" "2, 300032" \
	"blk does not mistake its socket for standard output"
exit $failed
