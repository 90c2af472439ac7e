#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Check that one mistake in a driver gives one short error.

usage: run.py INCLUDE_DIR [COMPILER...]

Each compiler compiles each case of the files *.cases without warning flags. It must refuse the case
in at most 15 lines for each mistake. The first line must name the file of the driver, and the
output must tell what to write. To save time, many cases are one unit. Prints TAP.

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
from units import CASES, ERROR, each_output  # noqa: E402

MOST = 15
# clang counts its errors in a last line, which is one of the 15.
COUNT = re.compile(r'\d+ (?:warning|error)s? (?:and \d+ errors? )?generated')
CASE = re.compile(r'^CASE (\w+)(?: with (\d) mistakes)? expects (.*)\n((?:\t.*\n|\n)+)END$', re.M)
DRIVER = 'int driver_{0}(void);\nint driver_{0}(void)\n{{\n{1}}}\n'


def write(folder, name, text):
    """Makes a file."""
    with open(os.path.join(folder, name), 'w', encoding='utf-8') as out:
        out.write(text)


def compile_cases(compiler, include, cases):
    """Returns the output of a compiler for cases that are one unit."""
    text = '#include "driver.h"\n'
    with tempfile.TemporaryDirectory() as folder:
        for name, _, _, body in cases:
            driver = DRIVER.format(name, body)
            text += f'#line 1 "{name}"\n{driver}'
            # gcc prints lines of this file with its errors.
            write(folder, name, driver)
        write(folder, 'unit.c', text)
        command = [compiler, '-std=gnu11', '-I', os.path.abspath(include), '-I', HERE, '-S', 'unit.c',
                   '-o', '/dev/null', *(['-ferror-limit=0'] if 'clang' in compiler else [])]
        return subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder,
                              env=dict(os.environ, LC_ALL='C')).stderr


def complaints(compiler, case, lines):
    """Returns what is wrong with the errors of a case, line by line."""
    name, mistakes, expected, _ = case
    wrong = []
    if not any(ERROR.search(line) for line in lines):
        wrong.append('the mistake compiles')
    count = len([line for line in lines if not COUNT.match(line)]) + ('clang' in compiler)
    if count > MOST * int(mistakes or 1):
        wrong.append(f'there are {count} lines')
    if lines and not lines[0].startswith(name + ':'):
        wrong.append('the first line does not name the file of the driver')
    if not re.search(expected, '\n'.join(lines)):
        wrong.append(f'the message does not match "{expected}"')
    return wrong + lines if wrong else []


def all_complaints(compiler, include, cases):
    """Yields (case, what is wrong). A case that seems wrong is compiled alone."""
    def compile_unit(unit):
        return compile_cases(compiler, include, unit)

    for first in range(0, len(cases), CASES):
        for case, lines in each_output(cases[first:first + CASES], compile_unit):
            wrong = complaints(compiler, case, lines)
            if wrong:
                wrong = complaints(compiler, case, compile_unit([case]).splitlines())
            yield case, wrong


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
        for case, wrong in all_complaints(compiler, include, read_cases()):
            results.say(not wrong, f'{compiler}: {case[0]}', wrong)
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
