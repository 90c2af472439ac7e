#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# demo.sh DEMO: tests how the demo ends if a file is missing or nobody reads its output. The
# programs of its build folder only print a line. Prints TAP.
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
trap 'exit 130' INT TERM HUP
. "$(dirname "$0")/tap.sh"

mkdir -p "$top/build/examples" "$top/tmp"
for program in edu blk nvme; do
	printf '#!/bin/sh\necho "the device tried to"\n' >"$top/build/examples/$program"
	chmod +x "$top/build/examples/$program"
done
echo data >"$top/data"
export TMPDIR="$top/tmp"

echo 1..3
# The pipe has no reader. The demo gets SIGPIPE even if this script ignores it.
mkfifo "$top/closed"
(
	exec 3<>"$top/closed" 4>"$top/closed" 3>&-
	exec env --default-signal=PIPE "$1" "$top/build" "$top/data" >&4
) 2>"$top/message"
check "$?, $(ls "$top/tmp")" "141, " "the demo leaves no file if nobody reads its output"
"$1" "$top/build" "$top/none" >"$top/out" 2>"$top/message"
check "$?, $(wc -c <"$top/out"), $(cat "$top/message")" \
	"2, 0, demo: $top/none: is not a file that you can read: set FILE to another one" \
	"a missing file is an error before the demo begins"
TMPDIR=$top/none "$1" "$top/build" "$top/data" >"$top/out" 2>"$top/message"
check "$?, $(wc -c <"$top/out"), $(cat "$top/message")" \
	"2, 0, demo: $top/none is not a folder that you can write to: set TMPDIR" \
	"one line reports a bad TMPDIR"
exit $failed
