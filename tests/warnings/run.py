#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Check that the headers cause no warning in a driver, and that the library has none.

usage: run.py SOURCE_DIR [COMPILER...]

Compiles user.c with almost all warnings of gcc and clang, and lets the analyzers of both read
it. The headers are a copy that does not say that they are system headers, because compilers do not
warn about those.
Compiles arguments.c: a warning in an argument of a call stays a warning.
Compiles the library with optimizations that the builds of tools/check do not use, because each
lets a compiler see other mistakes. Compiles a few tests as if cmocka were version 2. Prints TAP.
Each compiler has the name gcc or clang, maybe with a version: clang-19.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Results  # noqa: E402

# Not here: -Wc++-compat and -Wtraditional-conversion, because the headers are modern C, and
# warnings about the size of objects and functions.
GCC = '''-Wall -Wextra -Wpedantic -Wshadow -Wundef -Wvla -Walloca -Wswitch-default -Wswitch-enum
-Wconversion -Wsign-conversion -Warith-conversion -Wfloat-conversion -Wdouble-promotion
-Wfloat-equal -Wcast-qual -Wcast-align=strict -Wbad-function-cast -Wpointer-arith
-Wredundant-decls -Wnested-externs -Wmissing-prototypes -Wmissing-declarations
-Wstrict-prototypes -Wold-style-definition -Wdeclaration-after-statement -Wwrite-strings
-Wformat=2 -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wnull-dereference -Winline
-Wunused -Wunused-macros -Wunused-const-variable=2 -Winit-self -Wjump-misses-init
-Wmissing-field-initializers -Wmissing-include-dirs -Wimplicit-fallthrough=5 -Wdate-time -Wpacked
-Wstrict-aliasing=1 -Wshift-overflow=2 -Wstringop-overflow=4 -Warray-bounds=2
-Wattribute-alias=2 -Wtrampolines -Wvector-operation-performance -Wunsafe-loop-optimizations
-Wdisabled-optimization'''.split()
# All but warnings about C++ and C90, macros that name themselves, padding, kernel-doc, and
# functions that may stay unused.
CLANG = '''-Weverything -Wno-c++98-compat -Wno-disabled-macro-expansion -Wno-padded
-Wno-documentation-unknown-command -Wno-used-but-marked-unused'''.split()
LIBRARY = '''-std=gnu11 -Wall -Wextra -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DCOHERENT_LIBRARY
-c'''.split()
# The parts of cmocka 2 that a test which is made for cmocka 1 notices.
CMOCKA_2 = '''#include_next <cmocka.h>
#define stop() _stop()
#ifndef CMOCKA_DISABLE_DEPRECATION_WARNINGS
#error "cmocka 2 warns of each assert_in_range()"
#endif
'''
STANDARDS = ('gnu11', 'c11', 'gnu17', 'c2x')


def runs(compiler):
    """Yield (title, flags) for each run of a compiler."""
    gcc = compiler.startswith('gcc')
    flags = GCC if gcc else CLANG
    for standard in STANDARDS:
        for level in ('-O0', '-O2'):
            yield f'-std={standard} {level}', [f'-std={standard}', level, *flags, '-c']
    analyze = ['-fanalyzer', '-O0', '-c'] if gcc else ['--analyze', '--analyzer-output', 'text']
    yield 'the analyzer', ['-std=gnu11', *analyze]


def copy_headers(source_dir, where):
    """Copies the headers without the lines that make them system headers."""
    shutil.copytree(os.path.join(source_dir, 'include'), where)
    for path in glob.glob(os.path.join(where, '**/*.h'), recursive=True):
        with open(path, encoding='utf-8') as header:
            text = header.read()
        with open(path, 'w', encoding='utf-8') as header:
            header.write(re.sub(r'^#pragma GCC system_header$|^# \d+ (__FILE__|"<coherent>" 3)$', '', text, flags=re.M))


def commands(compiler, source_dir, headers):
    """Yield (title, command) for each run of a compiler. The objects go to the current folder."""
    include = ['-I', headers]
    for title, flags in runs(compiler):
        yield title, [compiler, *flags, *include, os.path.join(HERE, 'user.c')]
    sources = sorted(glob.glob(os.path.join(source_dir, 'src/**/*.c'), recursive=True))
    for level in ('-O1', '-Os', '-O3'):
        yield (f'the library, {level}',
               [compiler, *LIBRARY, level, *include, '-I', os.path.join(source_dir, 'src'),
                *sources])
    yield ('the examples, -Og',
           [compiler, '-std=gnu11', '-Wall', '-Wextra', '-Og', '-c', *include,
            *sorted(glob.glob(os.path.join(source_dir, 'examples/*.c')))])


def check_tests(compiler, source_dir, where):
    """Returns what the compiler says of tests with cmocka 2."""
    with open(os.path.join(where, 'cmocka.h'), 'w', encoding='utf-8') as header:
        header.write(CMOCKA_2)
    folders = [where, *(os.path.join(source_dir, name) for name in ('include', 'src', 'tests'))]
    sources = [os.path.join(source_dir, 'tests', name) for name in ('pages.c', 'worlds/worlds.c')]
    return subprocess.run([compiler, *LIBRARY[:-1], '-fsyntax-only', *('-I' + name for name in folders),
                           *sources], check=False, capture_output=True, text=True).stderr


def check_strings(compiler, source_dir):
    """Returns where a string leaves no room for its 0. gcc 15 warns of that with -Wextra."""
    folders = [os.path.join(source_dir, name) for name in ('include', 'src')]
    done = subprocess.run([compiler, *LIBRARY[:-1], '-fsyntax-only', '-Wc++-compat',
                           *('-I' + name for name in folders), os.path.join(source_dir, 'tests/reader.c')],
                          check=False, capture_output=True, text=True)
    return '\n'.join(re.findall('.*initializer-string.*', done.stderr))


def check_arguments(compiler, source_dir):
    """Returns what is wrong: each line that has a mark gets a warning, and nothing is an error."""
    path = os.path.join(HERE, 'arguments.c')
    done = subprocess.run([compiler, '-std=gnu11', '-Wall', '-fsyntax-only', '-I',
                           os.path.join(source_dir, 'include'), path],
                          check=False, capture_output=True, text=True)
    if done.returncode:
        return done.stderr
    with open(path, encoding='utf-8') as source:
        marked = {number for number, line in enumerate(source, 1) if line.endswith('/* warns */\n')}
    warned = {int(number) for number in re.findall(r'arguments\.c:(\d+):.*warning', done.stderr)}
    return ''.join(f'line {number} has no warning\n' for number in sorted(marked - warned))


def main():
    if len(sys.argv) < 2:
        print('usage: run.py SOURCE_DIR [COMPILER...]', file=sys.stderr)
        return 2
    source_dir, *compilers = sys.argv[1:]
    source_dir = os.path.abspath(source_dir)
    results = Results()
    with tempfile.TemporaryDirectory() as where:
        headers = os.path.join(where, 'include')
        copy_headers(source_dir, headers)
        for compiler in compilers or ('gcc', 'clang'):
            said = check_arguments(compiler, source_dir)
            results.say(not said, f'{compiler}: a warning in an argument is no error', said)
            said = check_strings(compiler, source_dir)
            results.say(not said, f'{compiler}: each string in tests/reader.c has room for its 0', said)
            said = check_tests(compiler, source_dir, where)
            results.say(not said, f'{compiler}: the tests compile with cmocka 2', said)
            for title, command in commands(compiler, source_dir, headers):
                with tempfile.TemporaryDirectory() as folder:
                    done = subprocess.run(command, check=False, capture_output=True, text=True,
                                          cwd=folder)
                said = done.stderr + done.stdout
                results.say(not said and not done.returncode, f'{compiler}: {title}', said)
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
