#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Make the same steps on every edu device: the simulator's, QEMU's, by VFIO and in the kernel.

usage: run.py TRACE RUN_PY MODULE

TRACE is the program, RUN_PY boots VMs, MODULE is the kernel module. Prints TAP. If two devices
differ, prints the first step that does. If another device differs from sim:edu, sim:edu is wrong.
"""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Results  # noqa: E402

# The late steps access this many pages that belong to no object. The kernel reuses addresses.
REFUSED = '5'
REFUSED_IN_KERNEL = '3'
LINE = re.compile(r'trace: (\d+ .*): (-?\d+)\s*$', re.MULTILINE)


def steps(command):
    """Returns (what, result) of each step, none if the program failed, and the whole output."""
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    return [] if run.returncode else LINE.findall(run.stdout), run.stdout + run.stderr


def difference(wanted, found, label):
    """Returns the lines that tell the first difference, none if both are the same."""
    for (what, result), (other, there) in zip(wanted, found):
        if (what, result) != (other, there):
            return [f'sim:edu: {what}: {result}', f'{label}: {other}: {there}']
    if len(wanted) == len(found) > 0:
        return []
    return [f'sim:edu: {len(wanted)} steps', f'{label}: {len(found)} steps']


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
    results = Results()
    results.say(wanted, f'sim:edu makes {len(wanted)} steps')
    for label, command in others.items():
        found, said = steps(command)
        name = f'{label} answers as sim:edu does'
        skipped = not found and re.search(r'# SKIP (.*)', said)
        if skipped:
            results.skip(name, skipped[1])
        else:
            why = difference(wanted, found, label)
            results.say(not why, name, why if found else said.splitlines()[-20:])
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
