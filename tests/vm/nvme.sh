# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# nvme.sh DEVICE [NVME]: tests the commands of the NVMe example on QEMU's controller, in a VM or
# with a qemu: device. The disk has 16 MiB of zeros; for qemu: this script makes it. In a VM the
# script makes a file system too, for files with O_DIRECT. Prints TAP.
program=${2:-/nvme}
folder=$(mktemp -d)
saved=$folder
trap 'rm -rf "$folder"' EXIT
device=$1
case $device in
qemu:*)
	if ! command -v qemu-system-x86_64 >/dev/null; then
		printf '1..1\nok 1 - nvme # SKIP there is no qemu-system-x86_64\n'
		exit 0
	fi
	truncate -s 16M "$folder/disk"
	device=$device,image=$folder/disk
	;;
*)
	saved=$folder/saved
	mkdir "$saved"
	truncate -s 48M "$folder/ext"
	mke2fs -F "$folder/ext" >/dev/null
	mount -t ext4 -o loop "$folder/ext" "$saved"
	;;
esac
nvme="$program --device=$device"
. "$(dirname "$0")/../tap.sh"
planned=30

sum() {
	md5sum | cut -d' ' -f1
}

[ "$device" = "$1" ] || planned=31
echo 1..$planned
check "$($nvme identify)" "QEMU NVMe Ctrl: 32768 blocks of 512 bytes, 131072 bytes a request" \
	"identify"
head -c 300000 "$program" >"$folder/data"
check "$($nvme write 1000 $folder/data)" "$folder/data: 300000 bytes written" "write"
check "$($nvme read 1000 586 | head -c 300000 | sum)" "$(sum <$folder/data)" \
	"read returns what write wrote"
check "$($nvme --depth=32 read 1000 586 | head -c 300000 | sum)" "$(sum <$folder/data)" \
	"so does read with 32 commands at a time"
check "$($nvme read 1585 1 | tail -c 32 | sum)" "$(head -c 32 /dev/zero | sum)" \
	"write fills the last block with zeros"
check "$($nvme read 999 1 | sum)" "$(head -c 512 /dev/zero | sum)" \
	"write does not touch the block before"
$nvme read 32767 2 >/dev/null 2>$folder/message
check "$?, $(cat $folder/message)" \
	"2, nvme: read: 2 blocks from block 32767 on do not fit: the disk has 32768; see nvme --help" \
	"nvme refuses a read past the end"
$nvme write 32767 $folder/data >/dev/null 2>&1
check $? 2 "nvme refuses a file that does not fit"
$nvme copy /nothing >/dev/null 2>$folder/message
check "$?, $(cat $folder/message)" "2, nvme: /nothing: No such file or directory; see nvme --help" \
	"nvme refuses a file that does not exist"
$nvme read 0 600 >/dev/full 2>$folder/message
check "$?, $(cat $folder/message)" "1, nvme: standard output: No space left on device" \
	"nvme reports a full disk"
$nvme identify >/dev/full 2>$folder/message
check "$?, $(cat $folder/message)" "1, nvme: standard output: No space left on device" \
	"identify reports a full disk too"
$nvme read 08 x 2>$folder/message
check "$?, $(cat $folder/message)" "2, nvme: x: is not a decimal number; see nvme --help" \
	"nvme refuses a number that is not decimal"
$nvme identify more 2>$folder/message
check "$?, $(cat $folder/message)" "2, nvme: identify: takes no arguments; see nvme --help" \
	"nvme names the command whose arguments are wrong"
for option in --colour --spawn=x; do
	$nvme $option identify >/dev/null 2>$folder/message
	check "$?, $(wc -l <$folder/message | tr -d ' '), $(grep -c '^nvme: .*; see nvme --help' $folder/message)" \
		"2, 1, 1" \
		"one line reports a bad option: $option"
done
$nvme write 0 /tmp 2>$folder/message
check "$?, $(cat $folder/message)" "2, nvme: /tmp: is not a regular file; see nvme --help" \
	"nvme refuses a directory"
if [ $planned = 31 ]; then
	$program --device=qemu:edu identify 2>$folder/message
	check "$?, $(cat $folder/message)" \
		"2, nvme: qemu:edu: the device is not an NVMe controller; see nvme --help" \
		"nvme refuses a device that is not an NVMe controller"
	$program --device=qemu:nope identify 2>$folder/message
	check "$?, $(wc -l <$folder/message), $(grep -c 'nope.*-device help' $folder/message)" \
		"2, 1, 1" "one line reports an unknown model and names the list"
fi
# nvme must not open its device as a standard descriptor that the caller has closed. Otherwise it
# would write its messages to the device.
$nvme read 40000 1 <&- >&- 2>&-
check "$?, $($nvme read 1000 586 | head -c 300000 | sum)" "2, $(sum <$folder/data)" \
	"nvme does not mistake its device for standard output"
# nvme shows its progress on a terminal, and standard error is one here.
check "$($nvme --depth=64 copy "$program" 2>$folder/message | sed 's/[0-9]* bytes/N bytes/')$(cat $folder/message)" \
	"$program: N bytes written, read back, every byte compared" \
	"copy works with 64 commands at a time"
# save reads to a buffer of the program, and writes this buffer to a file.
way="in place"
whole=$($nvme read 0 32768 2>/dev/null | sha256sum)
if [ "$device" != "$1" ]; then
	way="by copies of the library"
	whole=$(sha256sum <"$folder/disk")
fi
for depth in 1 8 64; do
	check "$($nvme --depth=$depth save $saved/all 2>&1) $(sha256sum <$saved/all)" \
		"$saved/all: 16777216 bytes saved, $way $whole" "save, with $depth commands at a time"
done
check "$($nvme save $saved/some 1000 586), $(sum <$saved/some)" \
	"$saved/some: 300032 bytes saved, $way, $($nvme read 1000 586 | sum)" "save of some blocks"
check "$($nvme save $saved/some 1585 1), $(sum <$saved/some)" \
	"$saved/some: 512 bytes saved, $way, $($nvme read 1585 1 | sum)" \
	"save of one block, to a file that exists"
$nvme save $saved/some 32767 2 2>$folder/message
check "$?, $(wc -c <$saved/some), $(cat $folder/message)" \
	"2, 512, nvme: save: 2 blocks from block 32767 on do not fit: the disk has 32768; see nvme --help" \
	"save past the end leaves the file as it was"
$nvme save $saved/none 0 0 2>$folder/message
check "$?, $(cat $folder/message)" \
	"2, nvme: 0: is not a count of blocks, at least 1 is needed; see nvme --help" \
	"save refuses a count of 0"
$nvme save $saved/none 7 2>$folder/message
check "$?, $(cat $folder/message)" "2, nvme: save: takes 1 or 3 arguments; see nvme --help" \
	"save refuses a BLOCK without a COUNT"
$nvme save /dev/null 2>$folder/message
check "$?, $(cat $folder/message)" "2, nvme: /dev/null: is not a regular file; see nvme --help" \
	"save does not replace a device node"
$nvme save $folder/nowhere/file 2>$folder/message
check "$?, $(cat $folder/message)" \
	"1, nvme: $folder/nowhere/file: No such file or directory" "save needs the folder of the file"
$program --device=vfio:ffff:1f:1f.7 save $saved/none 2>/dev/null
check "$?, $(ls $saved | grep -c none)" "2, 0" "save leaves no file if the device does not open"
if [ "$device" = "$1" ]; then
	dd if=/dev/zero of=$saved/large bs=1M count=20 2>/dev/null
	$nvme save $saved/none 2>$folder/message
	check "$?, $(cat $folder/message), $(ls $saved | grep -c none)" \
		"1, nvme: $saved/none: No space left on device, 0" \
		"save leaves no file if there is no room for it"
	umount $saved
fi
