#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Check the files that packages are made of, without making any.

usage: tree.py SOURCE_DIR

All files that name the version name that of meson.build, and the symbols of the package are those of
src/coherent.map. A script that lacks something says in one line what to install. Prints TAP.
"""
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile

from version import version

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Results, read  # noqa: E402

# These files name the version in these lines.
VERSIONS = {
    'CHANGELOG.md': r'^## (\d+\.\d+\.\d+)',
    'README.md': r'^- This is version (\d+\.\d+\.\d+)\.',
    'debian/changelog': r'^libcoherent \((.+?)\)',
    'dkms.conf': r'^PACKAGE_VERSION="(.+)"',
    'tools/coherent-lint': r"^VERSION = '(.+)'",
    'tools/coherent-lint.1': r'"libcoherent (.+?)"',
    'tools/coherent-migrate.1': r'"libcoherent (.+?)"',
    'tools/migrate': r"^VERSION = '(.+)'",
}
# The scripts need these even to say what is missing.
USED = ('dirname', 'grep', 'realpath', 'sed', 'sh')


def check_symbols(results, source):
    spec = importlib.util.spec_from_file_location('symbols', os.path.join(source, 'debian/symbols.py'))
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    spec.loader.exec_module(module)
    wanted = module.symbols(read(os.path.join(source, 'src/coherent.map'))).splitlines()
    have = read(os.path.join(source, 'debian/libcoherent0.symbols')).splitlines()
    results.say(have == wanted and len(have) > 100,
                'debian/libcoherent0.symbols has the functions of src/coherent.map',
                f'only there: {set(have) - set(wanted)}\nmissing: {set(wanted) - set(have)}\n'
                'run debian/symbols.py src/coherent.map >debian/libcoherent0.symbols')


def check_kernels(results, source):
    """DKMS builds on each machine for all kernels, also for those that the library does not know."""
    pattern = re.search(r'^BUILD_EXCLUSIVE_KERNEL="(.+)"', read(os.path.join(source, 'dkms.conf')), re.M)
    built = [name for name in ('4.19.0', '5.10.0-28-amd64', '6.0.1', '6.1.0-13-amd64', '6.12.3', '7.3.0',
                               '10.0.0') if pattern and re.search(pattern[1], name)]
    results.say(built == ['6.1.0-13-amd64', '6.12.3', '7.3.0', '10.0.0'],
                'dkms builds for Linux 6.1 or newer', built)


def check_missing(results, source):
    """Runs the scripts where nothing is installed that they need."""
    with tempfile.TemporaryDirectory() as where:
        tools = os.path.join(where, 'bin')
        tree = os.path.join(where, 'tree')
        os.makedirs(tools)
        for name in USED:
            os.symlink(shutil.which(name), os.path.join(tools, name))
        for name in ('tools/deb', 'tools/dist', 'debian/control', 'meson.build'):
            os.makedirs(os.path.dirname(os.path.join(tree, name)), exist_ok=True)
            shutil.copy(os.path.join(source, name), os.path.join(tree, name))
        # Ubuntu has another package than Debian.
        with open(os.path.join(tools, 'apt-cache'), 'w', encoding='utf-8') as file:
            file.write('#!/bin/sh\n[ "$2" = linux-headers-generic ]\n')
        os.chmod(file.name, 0o755)
        for script, told in (('deb', 'apt-get install build-essential debhelper '
                                     '.*libjansson-dev linux-headers-generic mandoc meson'),
                             ('dist', 'run this in a clone, with git installed')):
            done = subprocess.run([os.path.join(tree, 'tools', script)], check=False, text=True,
                                  env={'PATH': tools}, capture_output=True)
            lines = done.stderr.splitlines()
            good = done.returncode == 2 and len(lines) == 1 and re.search(told, lines[0])
            results.say(good and not done.stdout and not os.path.exists(os.path.join(tree, 'build')),
                        f'tools/{script} says in one line what it needs', done)


def check_dist(results, source):
    """Makes a tarball of a commit, with a change that is in no commit."""
    if not shutil.which('git'):
        results.skip('tools/dist takes the version of the commit', 'git is missing')
        return
    with tempfile.TemporaryDirectory() as where:
        os.makedirs(os.path.join(where, 'tools'))
        for name in ('tools/dist', 'meson.build'):
            shutil.copy(os.path.join(source, name), os.path.join(where, name))
        for words in (['init', '-q'], ['add', '.'],
                      ['-c', 'user.name=A', '-c', 'user.email=a@b.example', 'commit', '-qm', 'all']):
            subprocess.run(['git', '-C', where, *words], check=True)
        text = read(os.path.join(where, 'meson.build'))
        with open(os.path.join(where, 'meson.build'), 'w', encoding='utf-8') as file:
            file.write(text.replace(f"version: '{version(source)}'", "version: '99.0.0'"))
        done = subprocess.run([os.path.join(where, 'tools/dist')], check=False, text=True,
                              capture_output=True)
        tarball = os.path.join(where, f'build/dist/libcoherent-{version(source)}.tar.xz')
        results.say(done.stdout == tarball + '\n', 'tools/dist takes the version of the commit', done)
        with open(tarball, 'rb') as file:
            first = file.read()
        subprocess.run(['git', '-C', where, 'config', 'tar.umask', '0077'], check=True)
        subprocess.run(['tools/dist', 'out'], check=True, cwd=where, capture_output=True)
        with open(os.path.join(where, 'out', os.path.basename(tarball)), 'rb') as file:
            results.say(file.read() == first, 'tools/dist makes the same bytes with other settings')


def main():
    if len(sys.argv) != 2:
        print('usage: tree.py SOURCE_DIR', file=sys.stderr)
        return 2
    source = sys.argv[1]
    results = Results()
    for name, pattern in VERSIONS.items():
        found = re.search(pattern, read(os.path.join(source, name)), re.M)
        results.say(found and found[1] == version(source), f'{name} names the version', found)
    check_symbols(results, source)
    check_kernels(results, source)
    check_missing(results, source)
    check_dist(results, source)
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
