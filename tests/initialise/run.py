#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Check that compilers warn of objects that were never initialised.

usage: run.py INCLUDE_DIR [COMPILER...]

The compiler must warn in each function of bad.c and in no function of good.c. There are two
exceptions, in which clang only must be silent about good.c: the sanitizers, and a clang before 21
without optimization. The headers are in a folder of the user, and in one of the system, where gcc
warns less. Prints TAP. Each compiler has the name gcc or clang, maybe with a version: clang-21.
"""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Results  # noqa: E402

BAD, GOOD = (os.path.join(HERE, name) for name in ('bad.c', 'good.c'))
FUNCTION = re.compile(r'^(?:static )?\w[\w *]*\b(\w+)\([^()]*\)$', re.M)
WARNING = re.compile(r'^(\S+?):(\d+):\d+: warning: .*(?:uninitialized|never initialised)')
PLACE = re.compile(r"(?:In function|inlined from) ['‘](\w+)['’]")
# clang does not see these without optimization, because it knows only whole variables there.
PARTS = {'member_of_a_struct', 'element_of_an_array'}
SANITIZERS = '-fsanitize=address,undefined'
WAYS = {'gcc': [['-O0', '-Wall'], ['-O2', '-Wall', '-Wextra'], ['-O3', '-Wall']],
        'clang': [['-O0', '-Wall'], ['-O2'], ['-O3', '-Wall', '-Wextra'],
                  ['-O2', SANITIZERS]]}
# With these flags { 0 } initialises an object without a warning.
QUIET = ['-Wno-missing-braces', '-Wno-missing-field-initializers']


def functions(source):
    """Returns (line, name) of each function of a file."""
    with open(source, encoding='utf-8') as file:
        text = file.read()
    return [(text.count('\n', 0, match.start()) + 1, match[1])
            for match in FUNCTION.finditer(text)]


def warned(command, source):
    """Compiles a source. Returns the functions that have a warning, and what the compiler said."""
    done = subprocess.run([*command, *QUIET, '-std=gnu11', '-c', source, '-o', '/dev/null'], check=False,
                          capture_output=True, text=True, env=dict(os.environ, LC_ALL='C'))
    starts = functions(source)
    found, inside = set(), None
    for line in done.stderr.splitlines():
        place, warning = PLACE.search(line), WARNING.search(line)
        if place:
            inside = place[1]
        elif warning and warning[1] == source:
            found.add([name for start, name in starts if start <= int(warning[2])][-1])
        elif warning:
            found.add(inside)
    return found, done.stderr + (f'exit status {done.returncode}' if done.returncode else '')


def version(compiler):
    out = subprocess.run([compiler, '-dumpversion'], check=True, capture_output=True, text=True)
    return int(out.stdout.split('.')[0])


def main():
    if len(sys.argv) < 2:
        print('usage: run.py INCLUDE_DIR [COMPILER...]', file=sys.stderr)
        return 2
    include, *compilers = sys.argv[1:]
    bad = {name for _, name in functions(BAD)}
    results = Results()
    for compiler in compilers or ('gcc', 'clang'):
        is_clang = os.path.basename(compiler).startswith('clang')
        for flags in WAYS['clang' if is_clang else 'gcc']:
            expected = bad
            if is_clang and '-O0' in flags:
                expected = bad - PARTS if version(compiler) >= 21 else set()
            elif SANITIZERS in flags:
                expected = set()
            for layout in ('-I', '-isystem'):
                command = [compiler, *flags, layout, include]
                missing, said = warned(command, BAD)
                missing = expected - missing
                _, noise = warned(command, GOOD)
                title = ' '.join(command[:-1])
                results.say(not missing, f'{title}: warns of {len(expected)} mistakes',
                            f'{missing}\n{said}')
                results.say(not noise, f'{title}: is silent about good code', noise)
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
