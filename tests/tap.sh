# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# The tests that are shell scripts print TAP with this. They read it with the command ".".
count=0
failed=0

# say STATUS NAME: the test passes if the status is 0.
say() {
	count=$((count + 1))
	if [ "$1" = 0 ]; then
		echo "ok $count - $2"
	else
		echo "not ok $count - $2"
		failed=1
	fi
}

# check FOUND WANTED NAME: the test passes if both texts are the same.
check() {
	if [ "$1" = "$2" ]; then
		say 0 "$3"
	else
		say 1 "$3"
		echo "# $1, should be $2"
	fi
}
