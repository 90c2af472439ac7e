#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Make the same steps on every edu device: the simulator's, QEMU's, by VFIO and in the kernel.

usage: run.py TRACE RUN_PY MODULE

TRACE is the program, RUN_PY boots VMs, MODULE is the kernel module. Prints TAP. If two devices
differ, prints the first step that does. If another device differs from sim:edu, sim:edu is wrong.
"""
import re
import subprocess
import sys

# The late steps access this many pages that belong to no object. The kernel reuses addresses.
REFUSED = '5'
REFUSED_IN_KERNEL = '3'
LINE = re.compile(r'trace: (\d+ .*): (-?\d+)\s*$', re.MULTILINE)


def steps(command):
    """Returns (what, result) of each step, none if the program failed, and the whole output."""
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    return [] if run.returncode else LINE.findall(run.stdout), run.stdout + run.stderr


def compare(wanted, found, label):
    """Returns whether both are the same. Prints the first difference."""
    for (what, result), (other, there) in zip(wanted, found):
        if (what, result) != (other, there):
            print(f'# sim:edu: {what}: {result}')
            print(f'# {label}: {other}: {there}')
            return False
    return len(wanted) == len(found) > 0


def main():
    if len(sys.argv) != 4:
        print('usage: run.py TRACE RUN_PY MODULE', file=sys.stderr)
        return 2
    trace, run_py, module = sys.argv[1:]
    others = {
        'qemu:edu': [trace, 'qemu:edu'],
        'edu by VFIO in a VM': [run_py, '--verbose', '--refused', REFUSED,
                                '--args', 'vfio:0000:00:01.0', trace],
        'edu in the kernel': [run_py, '--verbose', '--refused', REFUSED_IN_KERNEL,
                              '--module', '--expect', 'trace: end 0', module],
    }
    wanted, _ = steps([trace, 'sim:edu'])
    print(f'1..{len(others) + 1}')
    print(f'{"ok" if wanted else "not ok"} 1 - sim:edu makes {len(wanted)} steps')
    failed = not wanted
    for number, (label, command) in enumerate(others.items(), 2):
        found, said = steps(command)
        skipped = not found and re.search(r'# SKIP.*', said)
        same = bool(skipped) or compare(wanted, found, label)
        failed = failed or not same
        if not same and not found:
            print(re.sub('^', '# ', '\n'.join(said.splitlines()[-20:]), flags=re.MULTILINE))
        print(f'{"ok" if same else "not ok"} {number} - {label} answers as sim:edu does'
              + (f' {skipped[0]}' if skipped else ''))
    return failed


if __name__ == '__main__':
    sys.exit(main())
