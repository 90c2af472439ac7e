#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Build the tarball of make dist in a bare chroot, and run its tests there.

usage: dist.py SOURCE_DIR

The chroot has what README.md requires for a build, and cmocka. Tests that need more say so and are
skipped; no test fails. Prints TAP.
"""
import json
import os
import shutil
import subprocess
import sys

from chroot import Chroot, run_test
from version import version

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Results  # noqa: E402

NEEDS = ('gcc', 'libc6-dev', 'meson', 'ninja-build', 'pkg-config', 'libbsd-dev', 'libcmocka-dev')
# These tests need seconds. tree.py is the one of packages.
SOURCE = ('words', 'commits', 'layers', 'checks', 'package files')


def tarball(results, source, where):
    """Makes a tarball in a clone, twice. Returns its path."""
    clone = os.path.join(where, 'clone')
    subprocess.run(['git', '-c', 'safe.directory=*', 'clone', '-q', source, clone], check=True)
    made = []
    for name in ('one', 'two'):
        done = subprocess.run([os.path.join(clone, 'tools/dist'), os.path.join(where, name)],
                              check=False, capture_output=True, text=True)
        path = os.path.join(where, name, f'libcoherent-{version(source)}.tar.xz')
        results.say(not done.returncode and done.stdout == path + '\n' and os.path.exists(path),
                    'tools/dist writes a tarball and says where it is', done)
        with open(path, 'rb') as file:
            made.append(file.read())
    results.say(made[0] == made[1], 'a second tarball has the same bytes')
    return path


def judge(results, log, least):
    """Judges the tests that ran, by the log of Meson. At least so many tests must pass."""
    with open(log, encoding='utf-8') as file:
        tests = [json.loads(line) for line in file]
    bad = [test for test in tests if test['result'] not in ('OK', 'SKIP')]
    results.say(tests and not bad, f'no test of {len(tests)} fails',
                '\n'.join(f'{test["name"]}: {test["result"]}\n{test.get("stdout", "")[-3000:]}'
                          f'{test.get("stderr", "")[-3000:]}' for test in bad))
    mute = [test['name'] for test in tests if test['result'] == 'SKIP' and
            '# SKIP ' not in test.get('stdout', '')]
    results.say(not mute, 'each test that is skipped says why', mute)
    ran = [test['name'] for test in tests if test['result'] == 'OK']
    results.say(len(ran) >= least, f'{len(ran)} tests run and pass', ran)


def check_tests(results, chroot, packed):
    chroot.install(*NEEDS, 'xz-utils')
    where = os.path.dirname(packed)
    code, told = chroot.run('tar', '-x', '--no-same-owner', '-f', packed, cwd=where)
    tree = packed.removesuffix('.tar.xz')
    for command in ('meson setup b', 'meson compile -C b'):
        code, told = (code, told) if code else chroot.run(*command.split(), cwd=tree)
        results.say(not code, f'{command} works with what README requires', told[-8000:])
    for words, least in ((['--suite', 'run'], 80), (SOURCE, 3)):
        code, told = chroot.run('meson', 'test', '-C', 'b', '--no-rebuild', '--quiet', *words, cwd=tree)
        judge(results, os.path.join(tree, 'b/meson-logs/testlog.json'), least)


def main():
    if len(sys.argv) != 2:
        print('usage: dist.py SOURCE_DIR', file=sys.stderr)
        return 2
    source = os.path.abspath(sys.argv[1])
    if not os.path.exists(os.path.join(source, '.git')) or not shutil.which('git'):
        results = Results()
        results.skip('the tarball', 'a tarball is made of a commit, so the test needs a clone and git')
        return results.close()

    def check(results, base, work):
        chroot = Chroot(base, work, 'root')
        check_tests(results, chroot, tarball(results, source, work))

    return run_test('the tarball', check)


if __name__ == '__main__':
    sys.exit(main())
