#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# copy.sh PROGRAM: examples/copy.c copies a file between two devices. Prints TAP.
copy=$1
count=0
failed=0

say() {
	count=$((count + 1))
	if [ "$1" = 0 ]; then
		echo "ok $count - $2"
	else
		echo "not ok $count - $2"
		failed=1
	fi
}

bytes=$(wc -c <"$0")
for words in '' --beside; do
	"$copy" $words sim:edu sim:edu "$0" | grep -q "^copy: $bytes bytes copied"
	say $? "copy $words: two simulated devices"
done
"$copy" sim:edu,torn,delay=3 sim:edu,delay=2 "$0" | grep -q "^copy: $bytes bytes copied"
say $? 'slow devices'
"$copy" sim:edu qemu:edu "$0" 2>&1 | grep -q 'does not use memory in its place'
say $? 'a device whose memory is elsewhere is refused in a line'
"$copy" --beside sim:edu qemu:edu "$0" 2>&1 | grep -q 'does not take .beside'
say $? 'an address space that cannot be shared is refused in a line'
for words in '' 'sim:edu' 'sim:edu sim:edu' 'sim:edu sim:edu /nonexistent' '--what a b c'; do
	"$copy" $words >/dev/null 2>&1
	test $? = 2
	say $? "copy $words: status 2"
done
echo "1..$count"
exit $failed
