# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# verbs.sh: in a VM, makes a card with RDMA in software (rxe) on a network interface without a cable,
# and opens fabric:verbs without what the environment must have. Then a mem is reclaimed during
# transfers. Prints TAP. docs/design.md says what the other tests of fabric: do there.
export CMOCKA_MESSAGE_OUTPUT=TAP FABRIC_NODE=10.9.0.1 IBV_DRIVERS=/librxe FI_UNIVERSE_SIZE=64
mv /libfabric.so.1 /lib/x86_64-linux-gnu/
ip link set lo up
ip link add d0 type dummy
ip addr add $FABRIC_NODE/24 dev d0
ip link set d0 up
/rdma link add rxe0 type rxe netdev d0

# Prints a test of the report with which the device does not open.
explained() {
	/test-fabric-transfer verbs 2>/dev/null | grep -q "$1" || echo -n "not "
	echo "ok - the report says: $1"
}

echo 1..2
explained "set FI_MR_CACHE_MAX_COUNT=0" | sed 's/ok -/ok 1 -/'
export FI_MR_CACHE_MAX_COUNT=0 FI_UNIVERSE_SIZE=256
explained "set FI_UNIVERSE_SIZE=64" | sed 's/ok -/ok 2 -/'
export FI_UNIVERSE_SIZE=64
/test-fabric-pinned verbs
