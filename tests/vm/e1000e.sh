# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# e1000e.sh SCHEME: in a VM with two network controllers on one network, one program sends packets
# and another one returns them. Both use buffers of their own. Prints TAP.
first=$1:0000:00:01.0
second=$1:0000:00:02.0
folder=$(mktemp -d)
. "$(dirname "$0")/../tap.sh"

echo 1..4
for bytes in 60 1514; do
	/e1000e --device=$first echo 200 >$folder/echo 2>&1 &
	for time in $(seq 300); do
		grep -q waits $folder/echo && break
		sleep 0.1
	done
	check "$(/e1000e --device=$second ping 200 $bytes 2>&1)" \
		"$second: 200 packets of $bytes bytes came back, in place; a ring was full at times" \
		"packets of $bytes bytes come back as they were sent"
	wait
	check "$(tail -n 1 $folder/echo)" "$first: 200 packets echoed, in place" \
		"the other side saw each"
done
