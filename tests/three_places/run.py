#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""One model of a device in three places: all programs print the same in each of them.

usage: run.py [--guest RUN_PY MODULE] THREE_PLACES TRACE EDU FILE

THREE_PLACES, TRACE and EDU are programs of the tests and of the examples. FILE goes through the
device. The places are the process of the driver (sim:), another process (vfio-user:) and, with
--guest, a guest of QEMU, in which the device is a PCI device behind the guest's IOMMU (vfio:, and
the kernel module MODULE). RUN_PY boots guests. Prints TAP, and the first line that differs.
"""
import argparse
import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Results  # noqa: E402

SLOT = 'vfio:0000:00:01.0'
# A name selects the place. Each place has its own addresses, and its own level: the simulator says
# that it is an IOMMU. The age of a reclaim is a time.
NORMAL = [(re.compile(r'vfio-user:[^:\s]*|vfio:\w+:\w+:\w+\.\w|sim:custom \(edu\)|sim:\w+'), 'DEVICE'),
          (re.compile(r'0x[0-9a-f]+'), 'ADDRESS'), (re.compile(r'\.level = \d'), '.level = N'),
          (re.compile(r'\d+ ms ago'), 'N ms ago')]
# Only the simulator can aim its device at a box, because a box has no address.
SIMULATOR_ONLY = re.compile(r'(read|write) a box  ')
# In a guest the IOMMU of the guest refuses an access, and VFIO does not tell the program. So there
# are neither faults nor reasons. VFIO warns of a device without a reset of its own.
NOT_IN_A_GUEST = re.compile(r'fault: |.* faults were never read|.*faults? was never read|'
                            r'.*warning: .* has no reset of its own')
REASON = re.compile(r'^((?:write|access) .*?(?:refused|done) +(?:refused|done)).*')
TITLE = re.compile(r'(the device tried to .*result).*')
STEP = re.compile(r'trace: (\d+ .*): (-?\d+)\s*$', re.M)


def normal(text):
    for pattern, word in NORMAL:
        text = pattern.sub(word, text)
    return [line.rstrip() for line in text.splitlines() if not SIMULATOR_ONLY.match(line)]


def as_in_a_guest(lines):
    """Returns the lines without those, and without the columns, that a guest cannot have."""
    return [TITLE.sub(r'\1', REASON.sub(r'\1', line)).rstrip() for line in lines
            if not NOT_IN_A_GUEST.match(line)]


def output(command):
    """Returns what a program prints, or nothing if it fails."""
    run = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True)
    if run.returncode:
        print(''.join(f'# {line}\n' for line in run.stdout.splitlines()[-20:]))
        return ''
    return run.stdout


def commands(options, name, custom):
    """Returns the programs. Two of them know the built-in device, which has the same model."""
    return {'three-places': [options.three_places, 'drive', custom],
            'trace': [options.trace, name],
            'edu': [options.edu, f'--device={name}', options.file]}


@contextlib.contextmanager
def served(program, path):
    """Serves the model while the block runs."""
    server = subprocess.Popen([program, 'serve', 'sim:custom', path])
    try:
        while server.poll() is None:
            with socket.socket(socket.AF_UNIX) as client:
                if not client.connect_ex(path):
                    break
            time.sleep(0.01)
        yield
    finally:
        server.terminate()
        server.wait()


def compare(results, wanted, found, what):
    """Both are lists of lines. Prints the first lines that differ."""
    differ = [pair for pair in zip(wanted, found) if pair[0] != pair[1]]
    ours, theirs = differ[0] if differ else (f'{len(wanted)} lines', f'{len(found)} lines')
    results.say(wanted == found and len(wanted) > 3,
                f'{what}: the same {len(wanted)} lines as in the process',
                [f'in the process: {ours}', f'{what}: {theirs}'])


def compare_processes(results, options, wanted):
    with tempfile.TemporaryDirectory() as where:
        path = os.path.join(where, 'socket')
        name = f'vfio-user:{path}'
        with served(options.three_places, path):
            for program, command in commands(options, name, name).items():
                compare(results, wanted[program], normal(output(command)),
                        f'{program} in another process')


def in_guest(options, *args):
    """Boots a guest that has the device. Returns (whether all went well, its console)."""
    command = [options.guest[0], '--verbose', '--refused', '0', '--serve', options.three_places,
               '--device', 'sim:custom', *args]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    console = re.sub('^# ', '', run.stdout, flags=re.M)
    if run.returncode:
        print(''.join(f'# {line}\n' for line in (run.stdout + run.stderr).splitlines()[-40:]))
    return not run.returncode, console


def compare_guest(results, options, wanted):
    files = [word for path in (options.three_places, options.trace, options.edu, options.file)
             for word in ('--file', path)]
    good, console = in_guest(options, *files, '--args', SLOT, os.path.join(HERE, 'guest.sh'))
    skip = re.search(r'# SKIP.*', console)
    results.say(good, f'programs run in a guest {skip[0] if skip else ""}'.rstrip())
    if skip:
        return
    for program in wanted:
        part = re.search(rf'^program: /(?:test-)?{program}\n(.*?)^program: end$', console,
                         re.M | re.S)
        found = re.sub(r'^/edu\.c:', options.file + ':', part[1] if part else '', flags=re.M)
        compare(results, as_in_a_guest(wanted[program]), as_in_a_guest(normal(found)),
                f'{program} in a guest')
    good, console = in_guest(options, '--module', '--expect', 'trace: end 0', options.guest[1])
    results.say(good, 'a kernel driver runs in a guest')
    steps = [line for line in wanted['trace'] if STEP.match(line)]
    compare(results, steps, [f'trace: {what}: {result}' for what, result in STEP.findall(console)],
            'trace in the kernel of a guest')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--guest', nargs=2, metavar=('RUN_PY', 'MODULE'))
    for name in ('three_places', 'trace', 'edu', 'file'):
        parser.add_argument(name)
    options = parser.parse_args()
    results = Results()
    wanted = {program: normal(output(command))
              for program, command in commands(options, 'sim:edu', 'sim:custom').items()}
    echoes = [line for line in wanted['three-places'] if 'the echo that the driver frees' in line]
    results.say(echoes and all(line.endswith(': 1') for line in echoes),
                'the driver has the echo until it frees it, also after a failure', str(echoes))
    if options.guest:
        compare_guest(results, options, wanted)
    else:
        compare_processes(results, options, wanted)
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
