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
# clang stops in some forty cases, and compiles the rest of their unit again.
UNIT_CASES = 30
COUNT = re.compile(r'\d+ (?:warning|error)s? (?:and \d+ errors? )?generated')
CASE = re.compile(r'^CASE (\w+)(?: with (\d) mistakes)? expects (.*)\n((?:\t.*\n|\n)+)END$', re.M)
DRIVER = '#include "driver.h"\n'
UNIT = '#line 1 "{0}.c"\nint driver_{0}(void);\nint driver_{0}(void)\n{{\n{1}}}\n'


def compile_cases(compiler, include, cases):
    """Returns the output of a compiler, line by line, for cases that are one unit."""
    with tempfile.TemporaryDirectory() as folder:
        unit = os.path.join(folder, 'unit.c')
        with open(unit, 'w', encoding='utf-8') as out:
            out.write(DRIVER + ''.join(UNIT.format(name, body) for name, _, _, body in cases))
        command = [compiler, '-std=gnu11', '-I', include, '-I', HERE, '-S', unit, '-o', '/dev/null']
        if 'clang' in compiler:
            command.append('-ferror-limit=0')
        return subprocess.run(command, check=False, capture_output=True, text=True,
                              env=dict(os.environ, LC_ALL='C')).stderr.splitlines()


def complaints(case, lines):
    """Returns what is wrong with the errors of a case, line by line."""
    name, mistakes, expected, _ = case
    wrong = []
    if not any('error' in line for line in lines):
        wrong.append('the mistake compiles')
    # The compiler counts its errors in one more line.
    if len([line for line in lines if not COUNT.match(line)]) > MOST * int(mistakes or 1):
        wrong.append(f'there are {len(lines)} lines')
    if lines and not lines[0].startswith(name + '.c:'):
        wrong.append('the first line does not name the file of the driver')
    if not re.search(expected, '\n'.join(lines)):
        wrong.append(f'the message does not match "{expected}"')
    return wrong + lines if wrong else []


def said_of(cases, lines):
    """Returns the lines of each case. A line that names a file belongs to the case of that file."""
    parts = {name: [] for name, *_ in cases}
    current = ''
    for line in lines:
        name = line.split('.c:')[0]
        current = name if name in parts else current
        if current:
            parts[current].append(line)
    return parts


def all_complaints(compiler, include, cases):
    """Yields (case, what is wrong). To save time, many cases are one unit.

    clang stops at some errors, and gcc ignores some mistakes if a unit has others. So the cases of
    which a compiler says nothing are a unit again. A case that seems wrong is compiled alone.
    """
    while cases:
        parts = said_of(cases, compile_cases(compiler, include, cases))
        told = [case for case in cases if parts[case[0]]] or cases
        for case in told:
            wrong = complaints(case, parts[case[0]])
            if wrong:
                wrong = complaints(case, compile_cases(compiler, include, [case]))
            yield case, wrong
        cases = [case for case in cases if case not in told]


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
        cases = read_cases()
        for first in range(0, len(cases), UNIT_CASES):
            for case, wrong in all_complaints(compiler, include, cases[first:first + UNIT_CASES]):
                results.say(not wrong, f'{compiler}: {case[0]}', wrong)
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
