# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# While coherent_edu is loaded: the packets of the driver as a file in debugfs, and what
# is left when it is unbound with them exposed. Prints TAP.
file=/sys/kernel/debug/coherent_edu
driver=/sys/bus/pci/drivers/coherent_edu
device=0000:00:01.0
# Five packets of 2048 bytes and one more that is not full: 8 bytes of header in each.
bytes=12288
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

echo 1..10
say "$(stat -c %a $file)" 400 "root can read it"
cat $file >/tmp/whole
say "$(wc -c </tmp/whole)" $bytes "it has the bytes of the elements, not of the pages"
dd if=$file of=/tmp/pieces bs=1000 2>/dev/null
cmp /tmp/whole /tmp/pieces
say $? 0 "pieces of an odd size are the same, the last one short"
say "$(dd if=$file bs=1 skip=4096 count=10 2>/dev/null | md5sum)" \
	"$(dd if=/tmp/whole bs=1 skip=4096 count=10 2>/dev/null | md5sum)" "an offset is one"
say "$(dd if=$file bs=1 skip=$bytes count=1 2>/dev/null | wc -c)" 0 "there is nothing past the end"
# The length of the last packet, little-endian, and its first byte: i * 7 + i / 256 of 10200.
say "$(dd if=$file bs=1 skip=10240 count=4 2>/dev/null | hexdump -e '4/1 "%02x"')" 64000000 \
	"it is what the driver wrote"
say "$(dd if=$file bs=1 skip=10248 count=1 2>/dev/null | hexdump -e '1/1 "%d"')" \
	$(((10200 * 7 + 10200 / 256) % 256)) "to the byte"
echo $device >$driver/unbind
say "$(ls $file 2>/dev/null)" "" "unbound with its packets exposed, the file is gone"
echo $device >$driver/bind
cmp $file /tmp/whole
say $? 0 "and comes back"
say "$(ls $driver | grep -c $device)" 1 "the device is bound again"
