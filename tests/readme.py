#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The program in README.md compiles, runs and prints what README.md says:
readme.py SOURCE_DIR LIBRARY. Links lead to files, commands are targets. Prints TAP.
"""
import os
import re
import subprocess
import sys
import tempfile

FLAGS = ('-std=gnu11 -Wall -Wextra -Werror -Wincompatible-pointer-types -pthread').split()


def program(text):
    """The C program and its output."""
    return re.search(r'^```c\n(.*?)^```\n^```\n(.*?)^```', text, re.M | re.S).groups()


def run(compiler, source_dir, library, code):
    with tempfile.TemporaryDirectory() as where:
        with open(os.path.join(where, 'README.c'), 'w', encoding='utf-8') as source:
            source.write(code)
        subprocess.run([compiler, *FLAGS, '-I', os.path.join(source_dir, 'include'), 'README.c',
                        library, '-o', 'readme'], cwd=where, check=True)
        return subprocess.run(['./readme'], cwd=where, check=True, capture_output=True,
                              text=True).stdout


def main():
    source_dir, library = map(os.path.abspath, sys.argv[1:])
    with open(os.path.join(source_dir, 'README.md'), encoding='utf-8') as readme:
        text = readme.read()
    code, output = program(text)
    with open(os.path.join(source_dir, 'Makefile'), encoding='utf-8') as makefile:
        targets = re.findall(r'^(\w+):', makefile.read(), re.M)
    results = [(f'{compiler}: the program prints what the text says',
                run(compiler, source_dir, library, code) == output)
               for compiler in ('gcc', 'clang')]
    results.append(('the program has at most 25 lines', len(code.splitlines()) <= 25))
    results += [(f'{link} is there', os.path.exists(os.path.join(source_dir, link)))
                for link in sorted(set(re.findall(r'\]\(([^)]*)\)', text)))]
    results += [(f'make {target} is there', target in targets)
                for target in re.findall(r'^ {4}make (\w+)', text, re.M)]
    for number, (name, good) in enumerate(results, 1):
        print(f'{"" if good else "not "}ok {number} - {name}')
    print(f'1..{len(results)}')
    sys.exit(not all(good for _, good in results))


if __name__ == '__main__':
    main()
