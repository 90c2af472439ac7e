#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Check that programs which see the public structs in other ways work with the library.

usage: run.py SOURCE_DIR BUILD_DIR

Builds program.c in each way and runs it with the shared library of the build folder. Prints TAP.
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

COMPILERS = ('gcc', 'clang')
# The structs that can grow.
STRUCT = re.compile(r'^(struct coherent_(?:\w+_options|exposure|sim_model|limits|stats|info|fault)'
                    r' \{\n)(.*?)(^\};)', re.M | re.S)
ENUM = re.compile(r'^(enum coherent_\w+) \{', re.M)
RESULT = re.compile(r'^(not )?ok \d+ - (.*)$', re.M)


def run_program(results, title, compiler, include, library_dir, *flags):
    """Builds the program with a set of headers, and gives each of its results."""
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, 'program')
        command = [compiler, '-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', *flags, '-I',
                   include, os.path.join(HERE, 'program.c'), '-o', program, '-L', library_dir,
                   '-lcoherent']
        built = subprocess.run(command, capture_output=True, text=True, check=False)
        if built.returncode:
            results.say(False, f'{title}: the program builds', built.stderr)
            return
        done = subprocess.run([program], capture_output=True, text=True, check=False,
                              env=dict(os.environ, LD_LIBRARY_PATH=library_dir))
        found = RESULT.findall(done.stdout)
        for bad, name in found:
            results.say(not bad, f'{title}: {name}', done.stderr)
        good = f'1..{len(found)}' in done.stdout and done.returncode in (0, 1)
        results.say(good, f'{title}: the program ends', f'{done.returncode}: {done.stderr}')


def check_enums(results, compiler, include):
    """Checks that no option of the compiler changes the width of an enum."""
    unit = '#include <coherent.h>\n#include <coherent/loan.h>\n#include <coherent/sim.h>\n'
    for path in sorted(glob.glob(os.path.join(include, '**', '*.h'), recursive=True)):
        with open(path, encoding='utf-8') as header:
            for name in ENUM.findall(header.read()):
                unit += f'_Static_assert(sizeof({name}) == 4, "{name} has 32 bits");\n'
    done = subprocess.run([compiler, '-std=gnu11', '-fshort-enums', '-fsyntax-only', '-I', include,
                           '-x', 'c', '-'], input=unit, capture_output=True, text=True,
                          check=False)
    results.say('coherent_level' in unit and not done.returncode,
                f'{compiler} -fshort-enums: each public enum has 32 bits', done.stderr)


def copy_headers(include, folder, edit):
    """Copies the headers, each changed by edit(text)."""
    for path in glob.glob(os.path.join(include, '**', '*.h'), recursive=True):
        copy = os.path.join(folder, os.path.relpath(path, include))
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        with open(path, encoding='utf-8') as old, open(copy, 'w', encoding='utf-8') as new:
            new.write(edit(old.read()))


def older(text):
    """The headers of an earlier version, whose structs lack the last member."""
    def shorten(match):
        # Both members of this struct are required.
        if 'coherent_exposure' in match[1]:
            return match[0]
        # A member may take several lines.
        lines = re.findall(r'.*?;\n|.+\n', match[2], re.S)
        kernel = [lines.pop()] if 'COHERENT_GFP' in lines[-1] else []
        return match[1] + ''.join(lines[:-1] + kernel) + match[3]

    return STRUCT.sub(shorten, text)


def newer(text):
    """The headers of a later version, whose structs have one more member."""
    text = STRUCT.sub(lambda match: f'{match[1]}{match[2]}\tuint64_t added;\n{match[3]}', text)
    return text.replace('define COHERENT_VERSION_MINOR 2', 'define COHERENT_VERSION_MINOR 3')


def main():
    if len(sys.argv) != 3:
        print('usage: run.py SOURCE_DIR BUILD_DIR', file=sys.stderr)
        return 2
    source_dir, build_dir = sys.argv[1:]
    include = os.path.join(source_dir, 'include')
    library_dir = os.path.join(build_dir, 'src')
    results = Results()
    for compiler in COMPILERS:
        check_enums(results, compiler, include)
        run_program(results, f'{compiler} -fshort-enums', compiler, include, library_dir,
                    '-fshort-enums')
        for edit, flag in ((older, '-DOLDER'), (newer, '-DNEWER')):
            with tempfile.TemporaryDirectory() as folder:
                copy_headers(include, folder, edit)
                run_program(results, f'{compiler}, {edit.__name__} headers', compiler, folder,
                            library_dir, flag)
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
