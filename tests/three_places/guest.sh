# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# guest.sh NAME: runs the programs of the three places in a VM. Prints TAP, and their output.
count=0

run() {
	count=$((count + 1))
	echo "program: $1"
	"$@" 2>&1 && result=ok || result="not ok"
	echo "program: end"
	echo "$result $count - $1"
}

echo 1..3
run /test-three-places drive "$1"
run /test-trace "$1"
run /edu --device="$1" /edu.c
