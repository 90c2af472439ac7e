#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Test what make says and calls: makefile.py SOURCE_DIR. Prints TAP.

Runs the Makefile in a folder of its own. Programs there have the names of meson, ninja, dpkg-query
and ldconfig, and write their arguments to a file.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

from tap import Results, read

FAKE = '''#!/bin/sh
echo "$(basename "$0") $*" >>{log}
[ "$(basename "$0")" != dpkg-query ] || echo "install ok installed"
'''
NAMES = ('meson', 'ninja', 'dpkg-query', 'apt-get', 'ldconfig')
# The user nobody, if the test runs as root.
NOBODY = {'user': 65534, 'group': 65534, 'extra_groups': []} if os.geteuid() == 0 else {}


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    os.chmod(path, mode)


class Tree:
    """A folder with the Makefile, and with a build folder that looks configured."""

    def __init__(self, source_dir, folder):
        self.folder = os.path.join(folder, 'tree')
        self.log = os.path.join(folder, 'log')
        self.bin = os.path.join(folder, 'bin')
        os.makedirs(self.folder)
        shutil.copy(os.path.join(source_dir, 'Makefile'), self.folder)
        shutil.copytree(os.path.join(source_dir, 'tools'), os.path.join(self.folder, 'tools'))
        write(os.path.join(self.folder, 'build/demo/build.ninja'), '')
        for name in NAMES:
            write(os.path.join(self.bin, name), FAKE.format(log=self.log), 0o755)
        for where, _, _ in os.walk(folder):
            os.chmod(where, 0o777)

    def make(self, *args, **options):
        """Run make. Returns its exit status, its output, and the calls of the programs."""
        write(self.log, '', 0o666)
        env = {name: value for name, value in os.environ.items()
               if name not in ('MAKEFLAGS', 'MAKELEVEL', 'DESTDIR', 'PREFIX', 'FILE')}
        env['PATH'] = f'{self.bin}:{env["PATH"]}'
        done = subprocess.run(['make', '--no-print-directory', *args], cwd=self.folder, env=env,
                              check=False, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, **options)
        # make itself adds a line about the target that failed.
        lines = [line for line in done.stdout.splitlines() if not line.startswith('make: ***')]
        calls = [line for line in read(self.log).splitlines() if not line.startswith('dpkg-query')]
        return done.returncode, '\n'.join(lines), calls


def places(results, tree, folder):
    """Install where the user may not write."""
    locked = os.path.join(folder, 'locked')
    os.makedirs(locked)
    os.chmod(locked, 0o555)
    for name, prefix, destdir in (('a new prefix', f'{locked}/a/b', ''), ('a prefix', locked, ''),
                                  ('a DESTDIR', '/usr', locked)):
        status, out, calls = tree.make('install', f'PREFIX={prefix}', f'DESTDIR={destdir}', **NOBODY)
        results.say(status == 2 and not calls and
                    out == f'install: you cannot write to {destdir}{prefix}: run it as root, or '
                           'give PREFIX=$HOME/coherent',
                    f'{name} that the user cannot write to is refused', f'{status} {out} {calls}')
    status, out, calls = tree.make('install', 'PREFIX=/dev/null/a')
    results.say(status == 2 and not calls and
                out == 'install: /dev/null is not a folder: give another PREFIX',
                'a prefix below a file is refused', f'{status} {out} {calls}')
    status, out, calls = tree.make('install', f'PREFIX={folder}/new/prefix', **NOBODY)
    results.say(not status and not out and 'meson install -C build/demo --no-rebuild --quiet' in calls,
                'a prefix that does not exist yet is not refused', f'{status} {out} {calls}')


def prefixes(results, tree, folder):
    """The shell takes no part of a prefix apart, and a relative one begins in this tree."""
    for prefix, wanted in ((f'{folder}/a  b', f'{folder}/a  b'), ("it's", f"{tree.folder}/it's"),
                           ('build/../x/', f'{tree.folder}/x')):
        status, out, calls = tree.make('install', f'PREFIX={prefix}')
        results.say(not status and not out and
                    f'meson configure build/demo -Dprefix={wanted}' in calls,
                    f'the prefix {os.path.basename(wanted)} reaches meson', f'{status} {out} {calls}')


def loaders(results, tree, folder):
    """Only root can write the cache of the loader."""
    for name, destdir, options, wanted in (
            ('another user', '', {'user': 65534, 'group': 65534, 'extra_groups': []}, False),
            ('root', '', {}, True), ('root with a DESTDIR', folder, {}, False)):
        if os.geteuid():
            options, wanted = {}, False
        status, out, calls = tree.make('install', f'PREFIX={folder}/p', f'DESTDIR={destdir}',
                                       **options)
        results.say(not status and not out and ('ldconfig ' in calls) == wanted,
                    f'make install as {name} {"calls" if wanted else "does not call"} ldconfig',
                    f'{status} {out} {calls}')


def uninstalls(results, tree, folder):
    """Only the last installation can be removed."""
    nothing = (0, 'uninstall: nothing is installed from this tree', [])
    answer = tree.make('uninstall')
    results.say(answer == nothing, 'before make install nothing is removed', answer)
    last = os.path.join(folder, 'a b')
    header = os.path.join(last, 'include/coherent.h')
    write(os.path.join(tree.folder, 'build/demo/meson-logs/install-log.txt'),
          f'# List of files installed by Meson\n{last}/include\n{header}\n')
    write(header, '')
    answer = tree.make('uninstall', 'PREFIX=/usr')
    results.say(answer == (2, f'uninstall: this tree was last installed in {last}: run make '
                           'uninstall without PREFIX to remove that, or make install PREFIX=/usr '
                           'first', []), 'another prefix is refused', answer)
    for args in ([], [f'PREFIX={last}/'], ['PREFIX=/a b', f'DESTDIR={folder}']):
        answer = tree.make('uninstall', *args)
        results.say(answer == (0, '', ['ninja -C build/demo --quiet uninstall']),
                    f'make uninstall with {len(args)} variables removes the files', answer)
    os.unlink(header)
    answer = tree.make('uninstall')
    results.say(answer == nothing, 'after make uninstall nothing is removed', answer)


def moved(results, tree, folder):
    """The build folder belongs to this tree, to one that is gone, or to one that is still there."""
    info = os.path.join(tree.folder, 'build/demo/meson-info/meson-info.json')
    for name, source, wanted in (('its own', tree.folder, False), ('a former', f'{folder}/é', True),
                                 ('another', folder, True)):
        write(info, json.dumps({'directories': {'source': source}}))
        for target in ('all', 'demo', 'install', 'site'):
            # The other targets go on with tools that are not here.
            if not wanted and target != 'all':
                continue
            status, out, calls = tree.make(target)
            good = ((status, out, calls) == (2, 'make: this tree was moved or copied: run make clean', [])
                    if wanted else not status and not out)
            results.say(good, f'make {target} with the build folder of {name} tree',
                        f'{status} {out} {calls}')
    status, out, _ = tree.make('clean')
    results.say(not status and not os.path.exists(os.path.join(tree.folder, 'build')),
                'make clean removes the build folder of another tree', out)


SUMMARY = """The Meson build system
Header "sys/sdt.h" has symbol: no
    Valgrind          : yes
    command coherent  : no: jansson is missing, install libjansson-dev
    devices of fabric:: no: install libfabric-dev
    tests             : no
"""


def summaries(results, tree, folder):
    """The summary of meson says what is not built."""
    shutil.rmtree(os.path.join(tree.folder, 'build'))
    program = os.path.join(tree.bin, 'meson')
    begins = 'building in build/demo, which takes a minute or two'
    for name, text, code, wanted in (
            ('what is missing', SUMMARY, 0,
             '\ncommand coherent: no: jansson is missing, install libjansson-dev'
             '\ndevices of fabric: no: install libfabric-dev'),
            ('an error', 'meson.build:1:0: ERROR: set CC\n', 1, '\nmeson.build:1:0: ERROR: set CC')):
        write(program, f"#!/bin/sh\ncat <<'END'\n{text}END\nexit {code}\n", 0o755)
        status, out, _ = tree.make('build/demo/build.ninja')
        results.say(status == code * 2 and out == begins + wanted, f'make prints {name}',
                    f'{status} {out}')


def main():
    if len(sys.argv) != 2:
        print('usage: makefile.py SOURCE_DIR', file=sys.stderr)
        return 2
    results = Results()
    for test in (places, prefixes, loaders, uninstalls, moved, summaries):
        with tempfile.TemporaryDirectory() as folder:
            test(results, Tree(os.path.abspath(sys.argv[1]), folder), folder)
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
