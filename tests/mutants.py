#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""tests/mutants.txt names only changes that tools/mutate can make: mutants.py SOURCE_DIR. Prints TAP.

A line of that file is of no use once the code that it names has moved or gone.
"""
import os
import subprocess
import sys

from mutate import unnumbered
from tap import Results


def changes(root):
    """The changes that tools/mutate lists, without the numbers of their lines."""
    listed = subprocess.run([sys.executable, os.path.join(root, 'tools/mutate'), '--list', '-n', '0'],
                            check=True, capture_output=True, text=True, cwd=root).stdout
    return set(unnumbered(listed))


def main():
    if len(sys.argv) != 2:
        print('usage: mutants.py SOURCE_DIR', file=sys.stderr)
        return 2
    root = os.path.abspath(sys.argv[1])
    results = Results()
    found = changes(root)
    with open(os.path.join(root, 'tests/mutants.txt'), encoding='utf-8') as file:
        known = [line for line in file.read().splitlines() if line and line[0] not in ' #']
    gone = ''.join(f'no source has the mutant: {line}\n' for line in known if line not in found)
    results.say(bool(known) and not gone, 'each mutant of tests/mutants.txt exists', gone)
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
