#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Prove arithmetic with CBMC, and protocols between threads with herd7: run.py cbmc|herd7.

A proof by CBMC includes the source that it is about. It runs twice: each assertion holds, and each
assertion is reached. A litmus test has a state that must be impossible. Its lines "break: OLD =>
NEW" change one word, such as a barrier, and then the state must be possible. A litmus test shows
which barriers a protocol needs. tests/object_code checks the barriers of the code itself.

The tools come from PATH, or from another suite of Debian; then they are in the cache of
tests/vm/kernels.py. If they are out of reach the tests are skipped. Prints TAP.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE_DIR = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(SOURCE_DIR, name) for name in ('tests', 'tests/vm')]
# pylint: disable=wrong-import-position
from archive import Archive, Failed, OutOfReach  # noqa: E402
from kernels import cache  # noqa: E402
from tap import Results  # noqa: E402

SECONDS = 900
# The suite and the packages of each tool. The first package gives the version.
PACKAGES = {
    'cbmc': ('trixie', ['cbmc', 'minisat', 'z3', 'libz3-4', 'libc6', 'libstdc++6', 'libgcc-s1']),
    'herd7': ('sid', ['herdtools7', 'libc6', 'libgmp10', 'libgcc-s1']),
}
Z3 = ['--smt2', '--z3']
# (title, source, arguments)
PROOFS = [
    ('an accepted request keeps the rules of the address space', 'request.c', []),
    ('a mask has as many ones as were asked for', 'mask.c', ['-DPROOF=prove_mask']),
    ('a range under a mask is whole pages, and none is lost', 'mask.c', ['-DPROOF=prove_clip']),
    ('a range is placed in its gap, aligned, within its boundary', 'place.c',
     ['-DPROOF=prove_place', '-DGRANULE=4096', *Z3]),
    ('a gap that is large enough for any alignment has a place', 'place.c',
     ['-DPROOF=prove_room', '-DGRANULE=4096']),
    ('a view is inside its mem', 'view.c', ['-DPROOF=prove_views', '-DSIZE=64']),
    ('a field of a view is inside the mem', 'view.c', ['-DPROOF=prove_fields', '-DSIZE=64']),
    ('elements of 64 bytes are inside their mem', 'view.c', ['-DPROOF=prove_elements', '-DSIZE=64']),
    ('elements of 24 bytes are inside their mem', 'view.c', ['-DPROOF=prove_elements', '-DSIZE=24']),
]
# Assertions of CBMC's own malloc() are not among these.
PROVED = re.compile(r'\[(?:main|prove_\w+)\.assertion')
BREAK = re.compile(r'break: (.*?) =>[ ]?(.*?)[ ]*(?:\*\))?$', re.M)


class Tool:
    """A program of another suite of Debian, with the libraries of that suite, or one of PATH."""

    def __init__(self, name, folder):
        self.command = [name]
        self.folder = folder
        self.tree = None
        if shutil.which(name) and (name != 'cbmc' or shutil.which('z3')):
            return
        suite, packages = PACKAGES[name]
        with cache() as where:
            archive = Archive(where, suite)
            tree = os.path.join(where, f'{packages[0]}-{archive.version(packages[0])}')
            self.tree = archive.unpack(packages, tree)
        self.command = self._own(name)
        if name == 'herd7':
            self.command += ['-set-libdir', os.path.join(tree, 'usr/share/herdtools7/herd')]
        else:
            self._write_z3()

    def _own(self, name):
        """Returns the command that starts a program by the loader of its suite."""
        libraries = [os.path.join(self.tree, path) for path in ('usr/lib/x86_64-linux-gnu',
                                                                'usr/lib')]
        return [os.path.join(self.tree, 'usr/lib64/ld-linux-x86-64.so.2'), '--library-path',
                ':'.join(libraries), os.path.join(self.tree, 'usr/bin', name)]

    def _write_z3(self):
        """CBMC looks for z3 in PATH."""
        path = os.path.join(self.folder, 'z3')
        with open(path, 'w', encoding='utf-8') as script:
            script.write(f'#!/bin/sh\nexec {" ".join(self._own("z3"))} "$@"\n')
        os.chmod(path, 0o755)

    def run(self, *words):
        env = {**os.environ, 'PATH': f'{self.folder}:{os.environ["PATH"]}'}
        try:
            done = subprocess.run([*self.command, *words], check=False, text=True, env=env,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=HERE,
                                  timeout=SECONDS)
        except subprocess.TimeoutExpired:
            return f'no answer in {SECONDS} seconds'
        return done.stdout


def prove(tool, source, words):
    """Returns the complaints about a proof."""
    words = ['--no-standard-checks', '-D_GNU_SOURCE', '-DCOHERENT_LIBRARY',
             '-I' + os.path.join(SOURCE_DIR, 'include'), '-I' + os.path.join(SOURCE_DIR, 'src'),
             source, *words]
    told = tool.run(*words)
    if 'VERIFICATION SUCCESSFUL' not in told:
        return [line for line in told.splitlines() if 'FAILURE' in line] or told.splitlines()[-20:]
    # An assertion that no value reaches proves nothing.
    told = tool.run(*words, '-DREACHED')
    proved = [line for line in told.splitlines() if PROVED.match(line)]
    unreached = [line for line in proved if line.endswith('SUCCESS')]
    if not proved or unreached:
        return ['these are not reached:', *(unreached or told.splitlines()[-20:])]
    return []


def is_possible(tool, path):
    """Returns whether the state of a litmus test is possible, and what herd7 said instead.

    The first is None if herd7 does not tell.
    """
    told = tool.run(path)
    found = re.search(r'^Observation \S+ (Never|Sometimes|Always)', told, re.M)
    if not found:
        return None, told.splitlines()
    return found[1] != 'Never', []


def broken(text):
    """Yields (old text, tests) for each line that breaks a test. Each place gives a test."""
    for old, new in BREAK.findall(text):
        code = text.find('*)')
        places = re.finditer(re.escape(old), text[code:])
        yield old, [text[:code + place.start()] + new + text[code + place.end():]
                    for place in places]


def check_litmus(tool, name):
    """Returns the complaints about a litmus test."""
    with open(os.path.join(HERE, name), encoding='utf-8') as file:
        text = file.read()
    possible, told = is_possible(tool, name)
    if possible is not False:
        return [*told, 'the state is possible' if possible else 'herd7 gives no answer']
    lines = list(broken(text))
    complaints = [] if lines else ['the test has no line that breaks it']
    for old, tests in lines:
        if not tests:
            complaints.append(f'the test does not have {old}')
        for changed in tests:
            path = os.path.join(tool.folder, name)
            with open(path, 'w', encoding='utf-8') as file:
                file.write(changed)
            possible, told = is_possible(tool, path)
            if not possible:
                complaints += [*told, f'the state stays impossible without {old}']
    return complaints


def check_all(name, folder):
    """Yields (title, complaints) of each test."""
    tool = Tool(name, folder)
    if name == 'cbmc':
        for title, source, words in PROOFS:
            yield title, prove(tool, source, words)
        return
    for path in sorted(glob.glob(os.path.join(HERE, '*.litmus'))):
        name = os.path.basename(path)
        yield f'{name}: the state is impossible, and each barrier is needed', check_litmus(tool,
                                                                                          name)


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in PACKAGES:
        print('usage: run.py cbmc|herd7', file=sys.stderr)
        return 2
    results = Results()
    with tempfile.TemporaryDirectory() as folder:
        try:
            for title, complaints in check_all(sys.argv[1], folder):
                results.say(not complaints, title, complaints)
        except OutOfReach as reason:
            results.skip(sys.argv[1], reason)
        except Failed as failed:
            results.say(False, f'{sys.argv[1]} starts', failed)
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
