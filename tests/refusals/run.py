#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Check what Rust's CoherentBox and the library say to the same misuse.

usage: run.py [--rust] INCLUDE_DIR

table.cases has the misuse. gcc and clang compile the half in C, without warning flags. With
--rust the flags of Debian's newer stock kernel compile the half in Rust too. The verdict of each must
be that of the table: refused, link error, warning or compiles. A link error is a call of
rust_build_error(), which no module links with. Prints TAP.

A file has comments, which begin with #, and cases:

    CASE title
    RUST verdict [regular expression that an error matches]
        items of a module
    C verdict [regular expression that an error matches]
        the body of a function that returns int
    END

A case without one half has no counterpart there. The halves use the declarations of prelude.rs and
prelude.h.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE_DIR = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(SOURCE_DIR, name) for name in ('tests', 'tests/vm')]

import kernels  # noqa: E402
import newer  # noqa: E402
import table  # noqa: E402
from archive import Failed, OutOfReach  # noqa: E402
from tap import Results  # noqa: E402

COMPILERS = ('gcc', 'clang')


def compile_c(compiler, include, half):
    """Returns (verdict, output) of a compiler in userspace."""
    with tempfile.TemporaryDirectory() as folder:
        unit = os.path.join(folder, 'unit.c')
        with open(unit, 'w', encoding='utf-8') as out:
            out.write(f'#include "prelude.h"\nint test(void)\n{{\n{half.code}}}\n')
        run = subprocess.run([compiler, '-std=gnu11', '-I', include, '-I', HERE, '-c', unit, '-o',
                              '/dev/null'], check=False, capture_output=True, text=True,
                             env=dict(os.environ, LC_ALL='C'))
    if run.returncode:
        return 'refused', run.stderr
    return 'warning' if 'warning:' in run.stderr else 'compiles', run.stderr


def compile_rust(kernel, half):
    """Returns (verdict, output) of a half, with the flags of a kernel."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(HERE, 'prelude.rs'), encoding='utf-8') as file:
            prelude = file.read()
        with open(os.path.join(folder, 'unit.rs'), 'w', encoding='utf-8') as out:
            out.write(prelude + half.code)
        with open(os.path.join(folder, 'Kbuild'), 'w', encoding='utf-8') as kbuild:
            kbuild.write('obj-m := unit.o\n')
        said = subprocess.run(kernel.command(folder, 'unit.o'), check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
        return rust_verdict(os.path.join(folder, 'unit.o'), said)


def rust_verdict(path, said):
    if not os.path.exists(path):
        return 'refused', said
    undefined = subprocess.run(['nm', '--undefined-only', path], check=True, capture_output=True,
                               text=True).stdout
    if 'rust_build_error' in undefined:
        return 'link error', said
    return 'warning' if re.search('^warning:', said, re.M) else 'compiles', said


def compare(results, title, half, verdict, said):
    good = verdict == half.verdict and bool(re.search(half.says, said))
    results.say(good, f'{title}: {half.verdict}',
                [f'it is: {verdict}; wanted: {half.verdict} {half.says}', *said.splitlines()[:20]])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--rust', action='store_true')
    parser.add_argument('include')
    options = parser.parse_args()
    cases, results = table.read_cases(), Results()
    if options.rust:
        try:
            with kernels.cache() as cache:
                kernel = newer.with_modules(kernels.get_kernel(cache, newer.SERIES, 'amd64'))
            mine = [(title, rust) for title, rust, _ in cases if rust]
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                verdicts = list(pool.map(lambda case: compile_rust(kernel, case[1]), mine))
            for (title, half), found in zip(mine, verdicts):
                compare(results, f'Rust: {title}', half, *found)
        except OutOfReach as reason:
            results.skip('Rust', reason)
            return results.close()
        except Failed as failed:
            results.say(False, 'the kernel of the half in Rust', failed)
            return results.close()
    for compiler in COMPILERS:
        for title, _, half in cases:
            if half:
                compare(results, f'{compiler}: {title}', half,
                        *compile_c(compiler, options.include, half))
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
