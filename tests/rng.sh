#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# rng.sh PROGRAM: examples/rng.c prints random numbers of QEMU's virtio-rng. Prints TAP.
rng=$1
. "$(dirname "$0")/tap.sh"

test "$("$rng" --help 2>/dev/null | head -n 1), $("$rng" --help 2>&1 >/dev/null)" = \
	'Usage: rng --device=NAME BYTES, ' && "$rng" --help >/dev/null
say $? 'rng --help prints the help: status 0'
message=$("$rng" --bogus 2>&1 >/dev/null)
test "$?, $(echo "$message" | grep -c '^rng: .*; see rng --help$')" = '2, 1'
say $? 'rng --bogus: status 2 and one line'
if ! command -v qemu-system-x86_64 >/dev/null; then
	say 0 'rng # SKIP there is no qemu-system-x86_64'
	echo "1..$count"
	exit $failed
fi
first=$("$rng" --device=qemu:virtio-rng-pci 64)
echo "$first" | grep -Eqx '[0-9a-f]{128}'
say $? 'it prints 64 numbers'
test "$first" != "$("$rng" --device=qemu:virtio-rng-pci 64)"
say $? 'they differ each time'
test "$("$rng" --device=qemu:virtio-rng-pci 4096 | wc -c)" = 8193
say $? 'it prints a page of them'
"$rng" --device=qemu:edu 1 2>&1 | grep -qx 'rng: qemu:edu: it is not a virtio device'
say $? 'another PCI device is refused in a line'
"$rng" --device=sim:ring 1 2>&1 | grep -q 'the device is not a PCI device\|has no .config_read'
say $? 'a device without configuration space is refused'
"$rng" --device=qemu:virtio-rng-pci 1 >/dev/full 2>/dev/null
test $? = 1
say $? 'output that cannot be written is an error'
for words in '' '--device=sim:edu' '--device=sim:edu 0' '--device=sim:edu 4097' 'x 1' '--device=x 1 2'; do
	"$rng" $words >/dev/null 2>&1
	test $? = 2
	say $? "rng $words: status 2"
done
echo "1..$count"
exit $failed
