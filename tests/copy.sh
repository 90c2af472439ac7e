#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# copy.sh PROGRAM: examples/copy.c copies a file between two devices. Prints TAP.
copy=$1
. "$(dirname "$0")/tap.sh"

folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT

# copies TITLE WORD...: the program copies this script and says so.
copies() {
	title=$1
	shift
	"$copy" "$@" "$0" >"$folder/out" 2>"$folder/err"
	status=$?
	test "$status, $(cat "$folder/out" "$folder/err")" = \
		"0, copy: $(wc -c <"$0") bytes copied from device to device, every byte compared"
	said=$?
	say $said "copies: $title"
	test $said = 0 || sed 's/^/# /' "$folder/out" "$folder/err"
}

# refuses STATUS TEXT WORD...: the program ends with a status, and one line has the text.
refuses() {
	wanted=$1
	text=$2
	shift 2
	"$copy" "$@" >"$folder/out" 2>"$folder/err"
	status=$?
	test "$status, $(wc -c <"$folder/out"), $(grep -c "$text" "$folder/err")" = "$wanted, 0, 1"
	say $? "copy $*: status $wanted, and a line says: $text"
}

copies 'two simulated devices' sim:edu sim:edu
copies 'the same beside each other' --beside sim:edu sim:edu
copies 'slow devices' sim:edu,torn,delay=3 sim:edu,delay=2
if command -v qemu-system-x86_64 >/dev/null; then
	refuses 1 'does not use memory in its place' sim:edu qemu:edu "$0"
else
	say 0 'copy sim:edu qemu:edu # SKIP there is no qemu-system-x86_64'
fi
refuses 2 'does not take .beside' --beside sim:edu qemu:edu "$0"
refuses 1 'Is a directory' sim:edu sim:edu "$folder"
refuses 2 'No such file' sim:edu sim:edu "$folder/none"
refuses 2 'two devices and a file'
refuses 2 'two devices and a file' sim:edu sim:edu
refuses 2 "option '--what'" --what a b c
test "$("$copy" --help 2>&1 | head -n 1)" = 'Usage: copy [--beside] FROM TO FILE'
say $? 'copy --help prints the help'
"$copy" sim:edu sim:edu "$0" >/dev/full 2>"$folder/err"
test "$?, $(wc -l <"$folder/err")" = '1, 1'
say $? 'output that cannot be written is an error'
echo "1..$count"
exit $failed
