#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Check that misuse does not compile.

usage: run.py INCLUDE_DIR [--layout LAYOUT] [--alone] [COMPILER...]

Each compiler compiles each case of the *.cases files twice. The bad half is compiled without
warning flags, so that only hard errors count, or with the one flag that the case names. It must
fail with the expected message. The good half must compile with strict flags and -Werror. Prints
TAP.

That is done in each layout: "-I" and "-isystem" name the folder of the headers in this way. For
"/usr/include" and "/usr/local/include" the headers are in that folder of another root, where
compilers find them without any option. To save time, many cases are one unit, and the compiler must
name the right case in each error. With --alone each half is a unit.

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
import argparse
import contextlib
import glob
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Results  # noqa: E402
from units import CASES, ERROR, each_output  # noqa: E402

STRICT = ('-Wall -Wextra -Wpedantic -Wshadow -Wundef -Wvla -Wmissing-prototypes '
          '-Wmissing-field-initializers -Wincompatible-pointer-types -Wcast-align '
          '-Wwrite-strings -Wstrict-prototypes -Werror -O1').split()
# The lines that mark a header as a system header come before all but comments.
COMMENT = r'/\*(?:(?!\*/).)*\*/\n'
MARKED = re.compile(rf'(?:{COMMENT})+(?:#ifndef (\w+_H)\n#define \1\n)?(?:{COMMENT})?'
                    r'#if __INCLUDE_LEVEL__(?: && !defined\(__(?:clang|CHECKER)__\))*\n'
                    r'#pragma GCC system_header\n', re.S)
KERNEL = os.path.join(os.path.dirname(os.path.dirname(HERE)), 'kernel/include')
HALF = r'((?:\t.*\n|\n)+)'
CASE = re.compile(rf'^CASE (\w+)(?: on ([\w-]+))?(?: with (\S+))?( at file scope)? expects (.*)\n'
                  rf'BAD\n{HALF}GOOD\n{HALF}END$', re.M)
IGNORED = re.compile(r'^IGNORED\n((?:\tcoherent_.*\n)+)END$', re.M)
CHECKED = re.compile(r'^#define (coherent_\w+)\([^\n]*\)(?:\s|\\\n)*(?:COHERENT_AGAIN\(\w+\)(?:\s|\\\n)*)?'
                     r'(?:COHERENT_(?:BEGIN_RESULT|RESULT|DEVICE_OPEN|SIM_SERVE|HANDLE_(?:ZEROED|ADOPT)|\dTH|\dRD)\b)', re.M)
# gcc-32 has the types of a 32-bit CPU. It uses the headers for 64 bits. STUB replaces a header of
# glibc that only another package has.
COMPILERS = {'gcc': ['gcc'], 'clang': ['clang'],
             'gcc-32': ['gcc', '-mx32', '-idirafter', '/usr/include/x86_64-linux-gnu']}
STUB = 'gnu/stubs-x32.h'
SYSTEM = ('/usr/include', '/usr/local/include')
LAYOUTS = ('-I', '-isystem', *SYSTEM)
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
    return {name for name in names if not re.search(r'_(get|put)(_acquire|_release|_item)?$', name)}


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


@contextlib.contextmanager
def flags_of(layout, include):
    """Yields the flags of a compiler for which the headers are installed in a layout."""
    if layout not in SYSTEM:
        yield [layout, include]
        return
    with tempfile.TemporaryDirectory() as root:
        usr = os.path.join(root, 'usr/include')
        os.makedirs(usr)
        for entry in os.scandir('/usr/include'):
            if not entry.name.startswith('coherent'):
                os.symlink(entry.path, os.path.join(usr, entry.name))
        shutil.copytree(include, root + layout, dirs_exist_ok=True)
        yield ['--sysroot', root]


def compiles(compiler, where, flags, source):
    """Returns whether a unit compiles, and the compiler's output."""
    with tempfile.TemporaryDirectory() as folder:
        unit = os.path.join(folder, 'unit.c')
        os.makedirs(os.path.join(folder, os.path.dirname(STUB)))
        open(os.path.join(folder, STUB), 'w', encoding='utf-8').close()
        with open(unit, 'w', encoding='utf-8') as out:
            out.write(UNIT.format(source))
        command = [*COMPILERS.get(compiler, [compiler]), '-std=gnu11', *flags, *where,
                   '-I', HERE, '-idirafter', folder, '-c', unit, '-o', '/dev/null']
        run = subprocess.run(command, check=False, capture_output=True, text=True,
                             env=dict(os.environ, LC_ALL='C'))
    return run.returncode == 0, run.stderr


def complaints(compiler, where, case):
    """Returns the errors of a case, line by line."""
    _, _, flag, expected, bad, good = case
    wrong = []
    compiled, said = compiles(compiler, where, flag.split(), bad)
    if compiled:
        wrong.append('the bad half compiles')
    elif not re.search(expected, said):
        wrong.append(f'the message of the bad half does not match "{expected}":\n{said}')
    compiled, said = compiles(compiler, where, STRICT, good)
    if not compiled:
        wrong.append(f'the good half does not compile:\n{said}')
    return '\n'.join(wrong).splitlines()


def unit_of(cases, half):
    """Returns a unit with one half of each case."""
    return ''.join(f'#line 1 "{case[0]}"\n' + case[half].replace('test(void)', case[0] + '(void)')
                   for case in cases)


def units(cases):
    """Yields lists of cases that can be a unit: those with the same flag. One at file scope is alone."""
    same = {}
    for case in cases:
        is_body = case[4].startswith('int test(void);')
        same.setdefault(case[2] if is_body else case[0], []).append(case)
    for found in same.values():
        yield from (found[first:first + CASES] for first in range(0, len(found), CASES))


def complaints_of_many(compiler, where, cases):
    """Yields (case, errors) for cases in few units. A case that seems wrong is compiled alone."""
    def compile_bad(unit):
        flags = unit[0][2].split() + (['-ferror-limit=0'] if 'clang' in compiler else [])
        return compiles(compiler, where, flags, unit_of(unit, 4))[1]

    for unit in units(cases):
        is_good, _ = compiles(compiler, where, STRICT, unit_of(unit, 5))
        for case, lines in each_output(unit, compile_bad):
            said = '\n'.join(lines)
            is_refused = ERROR.search(said) and re.search(case[3], said)
            yield case, [] if is_good and is_refused else complaints(compiler, where, case)


def read_all():
    """Returns the cases of all files, and the names of the calls whose result is ignored."""
    cases = [case for path in sorted(glob.glob(os.path.join(HERE, '*.cases')))
             for case in read_cases(path)]
    twice = sorted(name for name, count in Counter(case[0] for case in cases).items() if count > 1)
    if twice:
        sys.exit(f'two cases have the same name: {" ".join(twice)}')
    return cases, {name[len('ignored_'):] for name, *_ in cases if name.startswith('ignored_')}


def all_complaints(options, cases):
    """Yields (compiler, layout, name of the case, errors)."""
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(os.cpu_count()) as pool:
        for layout in options.layout or LAYOUTS:
            where = stack.enter_context(flags_of(layout, options.include))
            for compiler in options.compilers or COMPILERS:
                mine = [case for case in cases if case[1] == compiler or
                        not case[1] and compiler != 'gcc-32']
                if options.alone:
                    pairs = zip(mine, pool.map(lambda case: complaints(compiler, where, case), mine))
                else:
                    pairs = complaints_of_many(compiler, where, mine)
                for case, wrong in pairs:
                    yield compiler, layout, case[0], wrong


def unmarked(*folders):
    """Returns the headers that do not tell gcc that they are system headers."""
    for where, _, files in itertools.chain(*map(os.walk, folders)):
        for name in (name for name in files if name.endswith('.h')):
            with open(os.path.join(where, name), encoding='utf-8') as header:
                text = header.read()
            line = re.search(r'^# (\d+) __FILE__$', text, re.M)
            right = not line or int(line[1]) == text[:line.end()].count('\n') + 2
            if not MARKED.match(text) or not right:
                yield name


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('include')
    parser.add_argument('compilers', nargs='*')
    parser.add_argument('--layout', choices=LAYOUTS, action='append')
    parser.add_argument('--alone', action='store_true')
    options = parser.parse_intermixed_args()
    cases, ignored = read_all()
    macros = {name[len('coherent_'):] for name in checked_macros(options.include)}
    wrong = [f'{name} is {"never ignored" if name in macros else "not a checked macro"}'
             for name in sorted(macros ^ ignored)]
    results = Results()
    results.say(not wrong, 'every checked macro is ignored once', wrong)
    wrong = list(unmarked(options.include, KERNEL))
    results.say(not wrong, 'every header says that it is a system header', wrong)
    for compiler, layout, name, wrong in all_complaints(options, cases):
        results.say(not wrong, f'{compiler}, {layout}: {name}', wrong)
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
