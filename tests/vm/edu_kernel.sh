# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# Runs while the module coherent_edu is loaded. Tests the file in debugfs that shows the packets of
# the driver. Then unbinds the driver while its packets are exposed, and while a process maps them.
# Prints TAP.
file=/sys/kernel/debug/coherent_edu
driver=/sys/bus/pci/drivers/coherent_edu
device=0000:00:01.0
# The driver has six packets of 2048 bytes, 8 of them a header. The last packet is not full.
bytes=12288
. "$(dirname "$0")/../tap.sh"

echo 1..10
check "$(stat -c %a $file)" 400 "root can read the file, nobody else"
cat $file >/tmp/whole
check "$(wc -c </tmp/whole)" $bytes "the file has the bytes of the elements, not of the pages"
dd if=$file of=/tmp/pieces bs=1000 2>/dev/null
cmp /tmp/whole /tmp/pieces
check $? 0 "reads of an odd size return the same bytes, and the last is short"
check "$(dd if=$file bs=1 skip=4096 count=10 2>/dev/null | md5sum)" \
	"$(dd if=/tmp/whole bs=1 skip=4096 count=10 2>/dev/null | md5sum)" \
	"a read at an offset returns the bytes there"
check "$(dd if=$file bs=1 skip=$bytes count=1 2>/dev/null | wc -c)" 0 \
	"a read past the end returns nothing"
# The last packet begins with its length, little-endian. The driver wrote (i * 7 + i / 256) % 256
# to byte i of the data, and the first byte of this packet is byte 10200.
check "$(dd if=$file bs=1 skip=10240 count=4 2>/dev/null | hexdump -e '4/1 "%02x"')" 64000000 \
	"the length is what the driver wrote"
check "$(dd if=$file bs=1 skip=10248 count=1 2>/dev/null | hexdump -e '1/1 "%d"')" \
	$(((10200 * 7 + 10200 / 256) % 256)) "so is the first byte of the data"
echo $device >$driver/unbind
check "$(ls $file 2>/dev/null)" "" \
	"the file is gone when the driver is unbound with exposed packets"
echo $device >$driver/bind
cmp $file /tmp/whole
check $? 0 "the file comes back with the driver"
check "$(ls $driver | grep -c $device)" 1 "the device is bound again"
/edu_map $device
