#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The sources are as clang-format lays them out: format.py SOURCE_DIR. Prints TAP.

Public headers are mostly macros, which are laid out by hand.
"""
import glob
import os
import subprocess
import sys

WHERE = ('src/*.[ch]', 'examples/*.[ch]', 'kernel/*.[ch]', 'kernel/include/coherent/*.h', 'kernel/include/coherent/*/*.h',
         'tests/*.[ch]', 'tests/*/*.[ch]', 'bench/*.[ch]', 'bench/*/*.[ch]')
BY_HAND = ('tests/object_code/access.c',)


def main():
    os.chdir(sys.argv[1])
    files = sorted(name for pattern in WHERE for name in glob.glob(pattern) if name not in BY_HAND)
    run = subprocess.run(['clang-format', '--style=file', '--dry-run', '-Werror', *files],
                         check=False, capture_output=True, text=True)
    print('1..1')
    print(f'{"not " if run.returncode else ""}ok 1 - {len(files)} files are formatted')
    for line in run.stderr.splitlines():
        print('#', line)
    sys.exit(run.returncode)


if __name__ == '__main__':
    main()
