#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""A page of docs/ does what it says: tutorial.py SOURCE_DIR BUILD_DIR PAGE COMMANDS

Writes the files of the page, runs its COMMANDS blocks of commands against a staged install, and
compares what each prints with the text after it. Prints TAP.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

BLOCK = re.compile(r'^```(\w+)(?: (\S+))?\n(.*?)^```$', re.M | re.S)


def main():
    if len(sys.argv) != 5:
        print('usage: tutorial.py SOURCE_DIR BUILD_DIR PAGE COMMANDS', file=sys.stderr)
        sys.exit(2)
    source_dir, build_dir, name, commands = sys.argv[1:]
    with open(os.path.join(source_dir, 'docs', name), encoding='utf-8') as page:
        blocks = BLOCK.findall(page.read())
    results = []
    with tempfile.TemporaryDirectory() as where:
        stage = os.path.join(where, 'stage')
        subprocess.run(['meson', 'install', '-C', build_dir, '--no-rebuild', '--quiet', '--destdir',
                        stage], check=True, capture_output=True)
        (libdir,) = map(os.path.dirname, glob.glob(os.path.join(stage, '**', 'libcoherent.a'),
                                                   recursive=True))
        environment = dict(os.environ, PKG_CONFIG_SYSROOT_DIR=stage, LD_LIBRARY_PATH=libdir,
                           PKG_CONFIG_PATH=os.path.join(libdir, 'pkgconfig'))
        printed = ''
        for kind, name, text in blocks:
            if kind == 'c':
                with open(os.path.join(where, name), 'w', encoding='utf-8') as file:
                    file.write(text)
            elif kind == 'sh':
                run = subprocess.run(['sh', '-ec', text], cwd=where, env=environment, text=True,
                                     check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                printed = run.stdout
                results.append(('its commands run', run.returncode == 0, printed))
            elif kind == 'text':
                results.append(('they print what it says', printed == text, printed))
    results.append(('there was something to run', len(results) == 2 * int(commands), str(blocks)[:200]))
    print(f'1..{len(results)}')
    for number, (name, good, why) in enumerate(results, 1):
        print(f'{"ok" if good else "not ok"} {number} - {name}')
        if not good:
            print(''.join(f'# {line}\n' for line in why.splitlines()))
    sys.exit(0 if all(good for _, good, _ in results) else 1)


if __name__ == '__main__':
    main()
