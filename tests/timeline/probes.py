#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The library has its USDT probes, and the scripts for bpftrace print what they promise.

usage: probes.py PROGRAM LIBRARY yes|no FOLDER

PROGRAM is program.c, a driver that has the library linked in. LIBRARY is the shared library. yes says
that they were built with sys/sdt.h. FOLDER has the scripts. Prints TAP.
"""
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Results  # noqa: E402

PROGRAM, LIBRARY, HAS_PROBES, FOLDER = sys.argv[1:]
# The probes, and how many arguments each has.
PROBES = {'device_open': 1, 'device_close': 1, 'box': 4, 'expose': 6, 'reclaim': 5, 'free': 6,
          'fault': 6, 'fence': 2}
# The lines that a script prints about the program.
EXPECTED = {
    'exposed': [r'@bytes\[left\.c:2001\]: 12288$', r'@bytes\[tried\.c:1001\]: 0$'],
    'lifetimes': [r'@us\[tried\.c:1001\]: *\n\[.*\) +1 \|@+'],
    'faults': [r'@faults\[sim:edu, tried\.c:1001\]: 1$'],
}


def arguments(path):
    """Returns the number of arguments of each probe of a file."""
    text = subprocess.run(['readelf', '-n', '--wide', path], check=True, capture_output=True,
                          text=True).stdout
    found = {}
    for provider, name, given in re.findall(
            r'Provider: (\S+)\s+Name: (\S+)\s+Location:.*\s+Arguments: ?(.*)', text):
        assert provider == 'coherent', provider
        # Tracers do not find their way if a probe is in several places.
        assert name not in found, f'the probe {name} is in several places'
        found[name] = len(given.split())
    return found


def check_probes(path):
    found = arguments(path)
    assert found == PROBES, found


def why_no_bpf():
    """Returns why this machine cannot run bpftrace; None if it can."""
    if os.geteuid():
        return 'only root can attach to probes'
    try:
        done = subprocess.run(['bpftrace', '-e', 'BEGIN { printf("it works\\n"); exit(); }'],
                              capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        return 'bpftrace is not installed'
    if 'it works' in done.stdout:
        return None
    return 'bpftrace does not work here: ' + ' '.join(done.stderr.split())[:200]


def check_script(name):
    with open(f'{FOLDER}/{name}.bt.in', encoding='utf-8') as file:
        script = file.read()
    assert '@LIBRARY@' in script
    with (tempfile.TemporaryDirectory() as folder,
          tempfile.NamedTemporaryFile('w', suffix='.bt') as file):
        # The kernel attaches to the file, by any of its paths. A prefix may have a space.
        path = os.path.join(folder, 'a b')
        os.symlink(os.path.abspath(PROGRAM), path)
        file.write(script.replace('@LIBRARY@', path))
        file.flush()
        done = subprocess.run(['bpftrace', file.name, '-c', PROGRAM + ' leave'],
                              capture_output=True, text=True, timeout=100, check=False)
    for line in EXPECTED[name]:
        assert re.search(line, done.stdout, re.M), f'{line} is not in {done.stdout}{done.stderr}'


def main():
    tests = [('the shared library has each probe once, with its arguments', check_probes, LIBRARY),
             ('so has a program with the library linked in', check_probes, PROGRAM)]
    tests += [(f'{name}.bt tells of a driver', check_script, name) for name in EXPECTED]
    why_not = 'sys/sdt.h is missing' if HAS_PROBES != 'yes' else None
    no_bpf = why_not or why_no_bpf()
    results = Results()
    for title, check, value in tests:
        skip = no_bpf if check is check_script else why_not
        if skip:
            results.skip(title, skip)
            continue
        try:
            check(value)
        except (AssertionError, subprocess.SubprocessError) as why:
            results.say(False, title, why)
        else:
            results.say(True, title)
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
