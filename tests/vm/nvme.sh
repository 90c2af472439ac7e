# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# nvme.sh DEVICE [NVME]: the commands of the NVMe example, on QEMU's controller with a disk of
# 16 MiB of zeros: in a VM, or by qemu:, for which the disk is made here. Prints TAP.
program=${2:-/nvme}
where=$(mktemp -d)
trap 'rm -rf "$where"' EXIT
device=$1
case $device in
qemu:*)
	truncate -s 16M "$where/disk"
	device=$device,image=$where/disk
	;;
esac
nvme="$program --device=$device"
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
	md5sum | cut -d' ' -f1
}

echo 1..17
say "$($nvme identify)" "QEMU NVMe Ctrl: 32768 blocks of 512 bytes, 131072 bytes a request" "identify"
head -c 300000 "$program" >"$where/data"
say "$($nvme write 1000 $where/data)" "$where/data: 300000 bytes written" "write"
say "$($nvme read 1000 586 | head -c 300000 | sum)" "$(sum <$where/data)" "it is read back"
say "$($nvme --depth=32 read 1000 586 | head -c 300000 | sum)" "$(sum <$where/data)" "32 at a time too"
say "$($nvme read 1585 1 | tail -c 32 | sum)" "$(head -c 32 /dev/zero | sum)" \
	"the rest of the last block is zero"
say "$($nvme read 999 1 | sum)" "$(head -c 512 /dev/zero | sum)" "the block before is untouched"
$nvme read 32767 2 >/dev/null 2>$where/said
say "$?, $(cat $where/said)" \
	"2, nvme: read: 2 blocks from block 32767 on are not on a disk of 32768; see nvme --help" \
	"past the end is refused"
$nvme write 32767 $where/data >/dev/null 2>&1
say $? 2 "so is what does not fit"
$nvme copy /nothing >/dev/null 2>$where/said
say "$?, $(cat $where/said)" "2, nvme: /nothing: No such file or directory; see nvme --help" "and a file that is absent"
$nvme read 0 600 >/dev/full 2>$where/said
say "$?, $(cat $where/said)" "1, nvme: standard output: No space left on device" "a full disk is told"
$nvme identify >/dev/full 2>$where/said
say "$?, $(cat $where/said)" "1, nvme: standard output: No space left on device" "also to identify"
$nvme read 08 x 2>$where/said
say "$?, $(cat $where/said)" "2, nvme: x: not a number; see nvme --help" "numbers are decimal"
for option in --colour --spawn=x; do
	$nvme $option identify >/dev/null 2>$where/said
	say "$?, $(wc -l <$where/said | tr -d ' ')" "2, 1" "a bad option is told in one line: $option"
done
$nvme write 0 /tmp 2>$where/said
say "$?, $(cat $where/said)" "2, nvme: /tmp: not a regular file; see nvme --help" "a directory is no file"
# Whose descriptors are closed does not write messages to registers.
$nvme read 40000 1 <&- >&- 2>&-
say "$?, $($nvme read 1000 586 | head -c 300000 | sum)" "2, $(sum <$where/data)" "without descriptors"
say "$($nvme --depth=64 copy "$program" | sed 's/[0-9]* bytes/N bytes/')" \
	"$program: N bytes written, read back, every byte compared" "copy"
