#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Check that one mistake in a driver gives one short error.

usage: run.py INCLUDE_DIR [COMPILER...]

Each compiler compiles each case of the files *.cases without warning flags. It must refuse the case
in at most 15 lines for each mistake. The first line must name the file of the driver, and the
output must tell what to write. Prints TAP.

A file has comments, which begin with #, and cases:

    CASE name [with 2 mistakes] expects REGULAR EXPRESSION
        the body of a function that returns int
    END

The bodies use the declarations of driver.h.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Results  # noqa: E402

MOST = 15
CASE = re.compile(r'^CASE (\w+)(?: with (\d) mistakes)? expects (.*)\n((?:\t.*\n|\n)+)END$', re.M)
UNIT = '#include "driver.h"\nint driver(void);\nint driver(void)\n{{\n{}}}\n'


def complaints(compiler, include, most, expected, body):
    """Returns what is wrong with the errors of a case, line by line."""
    with tempfile.TemporaryDirectory() as folder:
        unit = os.path.join(folder, 'unit.c')
        with open(unit, 'w', encoding='utf-8') as out:
            out.write(UNIT.format(body))
        command = [compiler, '-std=gnu11', '-I', include, '-I', HERE, '-c', unit, '-o', '/dev/null']
        run = subprocess.run(command, check=False, capture_output=True, text=True,
                             env=dict(os.environ, LC_ALL='C'))
    lines = run.stderr.splitlines()
    wrong = []
    if run.returncode == 0:
        wrong.append('the mistake compiles')
    if len(lines) > most:
        wrong.append(f'there are {len(lines)} lines')
    if lines and not lines[0].startswith(unit):
        wrong.append('the first line does not name the file of the driver')
    if not re.search(expected, run.stderr):
        wrong.append(f'the message does not match "{expected}"')
    return wrong + lines if wrong else []


def read_cases():
    """Returns (name, number of mistakes or '', expected message, body) for each case."""
    cases = []
    for path in sorted(glob.glob(os.path.join(HERE, '*.cases'))):
        with open(path, encoding='utf-8') as file:
            text = file.read()
        cases += CASE.findall(text)
        for line in CASE.sub('', text).splitlines():
            if line and not line.startswith('#'):
                sys.exit(f'{path}: the line is not part of a complete case: {line}')
    return cases


def main():
    if len(sys.argv) < 2:
        print('usage: run.py INCLUDE_DIR [COMPILER...]', file=sys.stderr)
        return 2
    include, compilers = sys.argv[1], sys.argv[2:] or ['gcc', 'clang']
    results = Results()
    for compiler in compilers:
        for name, mistakes, expected, body in read_cases():
            wrong = complaints(compiler, include, MOST * int(mistakes or 1), expected, body)
            results.say(not wrong, f'{compiler}: {name}', wrong)
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
