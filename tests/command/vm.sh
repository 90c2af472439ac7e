# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# Runs in a VM with an IOMMU, in which an NVMe controller is bound to vfio-pci. Prints TAP.
coherent=/coherent
device=0000:00:01.0
. "$(dirname "$0")/../tap.sh"

echo 1..8
$coherent doctor sim vfio >/tmp/out 2>&1
check "$?, $(grep -c '^vfio *yes' /tmp/out)" "0, 1" "doctor finds that vfio: works"
$coherent doctor iommufd >/tmp/out 2>&1
check "$?, $(grep -c 'needs 6.6 or newer' /tmp/out)" "1, 1" "doctor finds that the kernel is too old"
$coherent devices $device >/tmp/out 2>&1
check "$?, $(grep -c "^$device .* 010802 .* vfio-pci .* yes .* MSI-X " /tmp/out)" "0, 1" \
	"devices finds that the controller is ready"
$coherent devices --json >/tmp/out 2>&1
check "$?, $(grep -c '"ready": true' /tmp/out)" "0, 1" "no other device is ready"
$coherent probe vfio:$device >/tmp/out 2>&1
check "$?, $(grep -c -e '^level: IOMMU' -e 'NVMe controller, version 1' -e '^objects exposed at a time: [0-9]' /tmp/out)" \
	"0, 3" "probe opens the controller"
echo "70000 4096" >/tmp/plan
$coherent plan --device=vfio:$device /tmp/plan >/tmp/out 2>&1
check "$?, $(grep -c '^mappings .* exceeded from line 1' /tmp/out)" "1, 1" \
	"plan knows how many mappings the kernel allows"
# The kernel lets a group be open only once at a time.
exec 3<>/dev/vfio/1
for subcommand in probe selftest; do
	$coherent $subcommand vfio:$device >/tmp/out 2>/tmp/message
	check "$?, $(wc -c </tmp/out), $(wc -l </tmp/message), $(grep -c 'a process has /dev/vfio/1 open already' /tmp/message)" \
		"1, 0, 1, 1" "a busy device gets a line from $subcommand"
done
