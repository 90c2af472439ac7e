#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Check that misuse does not compile.

usage: run.py INCLUDE_DIR [COMPILER...]

Each compiler compiles each case of the *.cases files twice. The bad half is compiled without
warning flags, so that only hard errors count, or with the one flag that the case names. It must
fail with the expected message. The good half must compile with strict flags and -Werror. Prints
TAP.

A file has comments, which begin with #, and cases:

    CASE name [on COMPILER] [with FLAG] [at file scope] expects REGULAR EXPRESSION
    BAD
        the body of a function that returns int and must not compile
    GOOD
        a similar body that must compile
    END

At file scope a half is not a body, but declarations.
The halves use the declarations of prelude.h. Between IGNORED and END each line is a call and a
case. Its bad half ignores the result. Every macro whose result must be used is there.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
STRICT = ('-Wall -Wextra -Wpedantic -Wshadow -Wundef -Wvla -Wmissing-prototypes '
          '-Wmissing-field-initializers -Wincompatible-pointer-types -Wcast-align '
          '-Wwrite-strings -Wstrict-prototypes -Werror -O1').split()
HALF = r'((?:\t.*\n|\n)+)'
CASE = re.compile(rf'^CASE (\w+)(?: on ([\w-]+))?(?: with (\S+))?( at file scope)? expects (.*)\n'
                  rf'BAD\n{HALF}GOOD\n{HALF}END$', re.M)
IGNORED = re.compile(r'^IGNORED\n((?:\tcoherent_.*\n)+)END$', re.M)
CHECKED = re.compile(r'^#define (coherent_\w+)\([^\n]*\)(?:\s|\\\n)*'
                     r'(?:COHERENT_(?:RESULT|INIT_AT|INIT|\dTH|\dRD)\()', re.M)
# gcc-32 has the types of a 32-bit CPU. It uses the headers for 64 bits. STUB replaces a header of
# glibc that only another package has.
COMPILERS = {'gcc': ['gcc'], 'clang': ['clang'],
             'gcc-32': ['gcc', '-mx32', '-idirafter', '/usr/include/x86_64-linux-gnu']}
STUB = 'gnu/stubs-x32.h'
UNIT = '#include "prelude.h"\n{}'
BODY = 'int test(void);\nint test(void)\n{{\n{}}}\n'


def checked_macros(include):
    """Returns the names of the macros whose result must be used."""
    names = set()
    for where, _, files in os.walk(include):
        for name in files:
            if name.endswith('.h'):
                with open(os.path.join(where, name), encoding='utf-8') as header:
                    names |= set(CHECKED.findall(header.read()))
    # These macros return a value or nothing, and cannot fail.
    return {name for name in names if not re.search(r'_(get|put)(_acquire|_release)?$', name)}


def read_cases(path):
    """Returns the cases of a file: name, compiler or '', flag or '', expected message, halves."""
    with open(path, encoding='utf-8') as file:
        text = file.read()
    cases = []
    for match in CASE.finditer(text):
        name, compiler, flag, file_scope, expected, *halves = match.groups()
        halves = halves if file_scope else map(BODY.format, halves)
        cases.append((name, compiler or '', flag or '', expected, *halves))
    for table in IGNORED.finditer(text):
        for call, name in re.findall(r'(coherent_(\w+)\(.*)\n', table[1]):
            cases.append((f'ignored_{name}', '', '', 'ignoring return value',
                          BODY.format(f'\t{call};\n\treturn 0;\n'),
                          BODY.format(f'\treturn {call};\n')))
    for pattern in (CASE, IGNORED):
        text = pattern.sub(lambda match: '\n' * match[0].count('\n'), text)
    for number, line in enumerate(text.split('\n'), 1):
        if line and not line.startswith('#'):
            sys.exit(f'{path}:{number}: the line is not part of a complete case: {line}')
    return cases


def compiles(compiler, include, flags, source):
    """Returns whether a unit compiles, and the compiler's output."""
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
    """Returns the errors of a case, line by line."""
    _, _, flag, expected, bad, good = case
    wrong = []
    compiled, said = compiles(compiler, include, flag.split(), bad)
    if compiled:
        wrong.append('the bad half compiles')
    elif not re.search(expected, said):
        wrong.append(f'the message of the bad half does not match "{expected}":\n{said}')
    compiled, said = compiles(compiler, include, STRICT, good)
    if not compiled:
        wrong.append(f'the good half does not compile:\n{said}')
    return '\n'.join(wrong).splitlines()


def main():
    include, *compilers = sys.argv[1:]
    cases = [case for path in sorted(glob.glob(os.path.join(HERE, '*.cases')))
             for case in read_cases(path)]
    twice = sorted(name for name, count in Counter(case[0] for case in cases).items() if count > 1)
    if twice:
        sys.exit(f'two cases have the same name: {" ".join(twice)}')
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
        results = pool.map(lambda pair: complaints(pair[0], include, pair[1]), work)
        for number, ((compiler, case), wrong) in enumerate(zip(work, results), 2):
            failed |= bool(wrong)
            print(f'{"not " if wrong else ""}ok {number} - {compiler}: {case[0]}')
            for line in wrong:
                print('#', line)
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
