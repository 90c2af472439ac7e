#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# edu.sh EDU: tests the command line and the output of the edu example. Prints TAP.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM HUP
. "$(dirname "$0")/tap.sh"

echo 1..13
head -c 5000 "$1" >"$folder/data"
"$1" "$folder/data" >"$folder/out"
check "$?, $(head -n 1 "$folder/out")" \
	"0, $folder/data: 5000 bytes through the device and back, every byte compared" \
	"edu sends a file and compares it"
check "$(grep -c 'refused  *refused' "$folder/out") $(grep -c 'done  *done' "$folder/out")" "5 1" \
	"the table has a row for each try, all as expected"
check "$(awk 'length > 100' "$folder/out" | grep -v "^$folder")" "" \
	"the table fits into 100 columns"
check "$(grep -cE '\(4096 bytes, line [0-9]+\)$' "$folder/out")" 5 \
	"a refused try names the allocation"
check "$("$1" --help | head -c 10)" "Usage: edu" "--help prints the help"
for arguments in --help "$folder/data"; do
	"$1" "$arguments" >/dev/full 2>"$folder/message"
	check "$?, $(cat "$folder/message")" "1, edu: standard output: No space left on device" \
		"edu reports a full disk: $(basename -- "$arguments")"
done
for option in --colour --device; do
	"$1" $option >"$folder/out" 2>"$folder/message"
	check "$?, $(wc -c <"$folder/out"), $(wc -l <"$folder/message"), $(grep -c -e "^edu: $option: .*; see edu --help" "$folder/message")" \
		"2, 0, 1, 1" "one line reports a bad option: $option"
done
"$1" 2>"$folder/message"
check "$?, $(cat "$folder/message")" "2, edu: arguments: a file is needed; see edu --help" "edu needs a file"
"$1" --device=sim:ring "$folder/data" 2>"$folder/message"
check "$?, $(cat "$folder/message")" "2, edu: sim:ring: is not an edu device; see edu --help" \
	"edu names a device that is not an edu"
"$1" "$folder/data" more 2>"$folder/message"
check "$?, $(cat "$folder/message")" \
	"2, edu: more: is a second file, only one is allowed; see edu --help" \
	"edu takes one file only"
if command -v qemu-system-x86_64 >/dev/null; then
	"$1" --device=qemu:edu "$folder/data" 2>"$folder/message" >"$folder/out"
	check "$?, $(cat "$folder/message")" "0, " "edu reports nothing if the device is QEMU's"
else
	say 0 "edu reports nothing if the device is QEMU's # SKIP qemu-system-x86_64 is missing: apt-get install qemu-system-x86"
fi
exit $failed
