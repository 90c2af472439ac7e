#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Misuse must not compile: run.py INCLUDE_DIR [COMPILER...]

Each case of cases.c is compiled twice by each compiler. Its bad half without
any warning flag, so that only hard errors count, must fail and say what is
expected. Its good half must compile under strict flags and -Werror. Prints TAP.

Every macro that must not be ignored has a case that ignores it.
"""
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
STRICT = ('-Wall -Wextra -Wpedantic -Wshadow -Wundef -Wvla -Wmissing-prototypes '
          '-Wmissing-field-initializers -Wincompatible-pointer-types -Wcast-align '
          '-Wwrite-strings -Wstrict-prototypes -Werror -O1').split()
CASE = re.compile(r'^CASE (\w+)(?: on ([\w-]+))? expects ([^\n]*)\nBAD\n(.*?)^GOOD\n(.*?)^END$', re.M | re.S)
CHECKED = re.compile(r'^#define (coherent_\w+)\([^\n]*\)(?:\s|\\\n)*'
                     r'(?:COHERENT_(?:RESULT|INIT_AT|INIT|\dTH|\dRD)\()', re.M)
# A CPU of 32 bits as far as types go, with the headers of 64 bits and the one that glibc
# asks for and only another package has.
COMPILERS = {'gcc': ['gcc'], 'clang': ['clang'],
             'gcc-32': ['gcc', '-mx32', '-idirafter', '/usr/include/x86_64-linux-gnu']}
STUB = 'gnu/stubs-x32.h'
UNIT = '#include "prelude.h"\nint test(void);\nint test(void)\n{{\n{}}}\n'


def checked_macros(include):
    """Names of the macros whose result must be used."""
    names = set()
    for where, _, files in os.walk(include):
        for name in files:
            if name.endswith('.h'):
                with open(os.path.join(where, name), encoding='utf-8') as header:
                    names |= set(CHECKED.findall(header.read()))
    # These give a value, or nothing, and cannot fail.
    return {name for name in names if not re.search(r'_(get|put)(_acquire|_release)?$', name)}


def compiles(compiler, include, flags, source):
    """Whether a unit compiles, and what the compiler said."""
    with tempfile.TemporaryDirectory() as where:
        unit = os.path.join(where, 'unit.c')
        os.makedirs(os.path.join(where, os.path.dirname(STUB)))
        open(os.path.join(where, STUB), 'w', encoding='utf-8').close()
        with open(unit, 'w', encoding='utf-8') as out:
            out.write(UNIT.format(source))
        command = [*COMPILERS.get(compiler, [compiler]), '-std=gnu11', *flags, '-I', include,
                   '-I', HERE, '-idirafter', where, '-c', unit, '-o', '/dev/null']
        run = subprocess.run(command, check=False, capture_output=True, text=True,
                             env=dict(os.environ, LC_ALL='C'))
    return run.returncode == 0, run.stderr


def complaints(compiler, include, case):
    """What is wrong with a case, line by line."""
    _, _, expected, bad, good = case
    wrong = []
    compiled, said = compiles(compiler, include, [], bad)
    if compiled:
        wrong.append('the bad half compiles')
    elif not re.search(expected, said):
        wrong.append(f'the bad half does not say "{expected}":\n{said}')
    compiled, said = compiles(compiler, include, STRICT, good)
    if not compiled:
        wrong.append(f'the good half does not compile:\n{said}')
    return '\n'.join(wrong).splitlines()


def main():
    include, *compilers = sys.argv[1:]
    with open(os.path.join(HERE, 'cases.c'), encoding='utf-8') as file:
        text = file.read()
    cases = CASE.findall(text)
    assert len(cases) == len(re.findall('^CASE ', text, re.M)), 'a case is malformed'
    ignored = {name[len('ignored_'):] for name, *_ in cases if name.startswith('ignored_')}
    macros = {name[len('coherent_'):] for name in checked_macros(include)}
    work = [(compiler, case) for compiler in compilers or COMPILERS for case in cases
            if case[1] == compiler or not case[1] and compiler != 'gcc-32']
    print(f'1..{len(work) + 1}')
    failed = bool(macros ^ ignored)
    print(f'{"not " if failed else ""}ok 1 - every checked macro is ignored once')
    for name in sorted(macros ^ ignored):
        print(f'# {name} is {"never ignored" if name in macros else "not a checked macro"}')
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda job: complaints(job[0], include, job[1]), work)
        for number, ((compiler, case), wrong) in enumerate(zip(work, results), 2):
            failed |= bool(wrong)
            print(f'{"not " if wrong else ""}ok {number} - {compiler}: {case[0]}')
            for line in wrong:
                print('#', line)
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
