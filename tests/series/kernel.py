#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The patches of tools/series apply, build, pass checkpatch, and run their tests. Prints TAP.

usage: kernel.py

Each patch is applied to a fresh copy of Debian's source. After each one its objects and each of its
new headers build without a warning: by gcc with W=1, and by the clang of a newer suite, in a chroot.
checkpatch --strict has no error and no warning but those that the patch allows. After the last one
kernel-doc has no warning, and a kernel that boots in QEMU runs the KUnit tests.
"""
import collections
import fcntl
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE_DIR = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(SOURCE_DIR, name) for name in ('tests', 'tests/vm', 'tools')]

import kernels  # noqa: E402
import newer  # noqa: E402
from archive import Archive, Failed, OutOfReach, run_command  # noqa: E402
from tap import Results, read  # noqa: E402
from upstream.patches import SERIES  # noqa: E402

CONFIGS = [os.path.join(SOURCE_DIR, 'tests/vm', name)
           for name in ('kernel.config', 'modules.config', 'series.config')]
ME = ['-c', 'user.name=A', '-c', 'user.email=a@b.example']
# A directory is built only if its option is set. No patch but that of the tests selects it.
MAKE = [f'-j{os.cpu_count()}', 'CONFIG_LIB_COHERENT=y', 'CONFIG_DMA_TRANSLATION=y']
# Before the patch with coherent.h, some inline functions have only a prototype.
TOP = 'include/linux/coherent.h'
LATER = re.compile(r'used but never defined|never defined \[-Wunused-function\]|-Wundefined-in')
QEMU = ['qemu-system-x86_64', '-M', 'q35', '-m', '512', '-display', 'none', '-no-reboot', '-serial', 'stdio',
        '-append', 'console=ttyS0 kunit_shutdown=reboot panic=-1']
# The scripts of the kernel need modules of Debian's own python.
ENV = dict(os.environ, PATH='/usr/bin:' + os.environ.get('PATH', ''))


class Tree:
    """A copy of the source in which the patches are applied, and its builds, which are kept."""

    def __init__(self, cache):
        archive = Archive(cache, kernels.SUITES[kernels.OWN])
        package = f'linux-source-{kernels.OWN}'
        version = archive.version(package)
        key = hashlib.sha256(version.encode())
        for path in CONFIGS:
            with open(path, 'rb') as config:
                key.update(config.read())
        self.cache = cache
        self.source = kernels.source(archive, package, version, cache)
        self.top = os.path.join(cache, f'linux-series-{kernels.OWN}-{key.hexdigest()[:16]}')
        self.linux, self.build = (os.path.join(self.top, name) for name in ('linux', 'build'))
        os.makedirs(self.top, exist_ok=True)
        self.lock = open(os.path.join(self.top, 'lock'), 'w', encoding='utf-8')
        fcntl.flock(self.lock, fcntl.LOCK_EX)

    def copy(self, paths):
        """Makes a fresh copy, of links, and a repository with the files that patches change."""
        shutil.rmtree(self.linux, ignore_errors=True)
        run_command(['cp', '-al', self.source, self.linux])
        self.git('init', '-q')
        self.git('add', '-f', *paths)
        self.git('commit', '-q', '-m', 'base')

    def git(self, *words):
        return run_command(['git', *ME, *words], cwd=self.linux)

    def prepare(self):
        """Builds the kernel without the patches, once."""
        done = os.path.join(self.top, 'done')
        if os.path.exists(done):
            return
        print(f'# building a kernel in {self.top}; this takes 10 CPU-minutes, once', file=sys.stderr)
        kernels.build_kernel(self.linux, self.build, CONFIGS, [])
        open(done, 'w', encoding='utf-8').close()

    def make(self, *words):
        """Runs make. Returns (whether it failed, what it says)."""
        done = subprocess.run(['make', '-C', self.linux, f'O={self.build}', *MAKE, *words], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout

    def clang(self):
        """Returns a function that makes with clang in a chroot."""
        root = newer.chroot(self.cache, kernels.SUITES[kernels.OWN].removesuffix('-backports'))
        build = os.path.join(self.top, 'build-clang')

        def make(*words):
            done = subprocess.run([*newer.enter(root, [self.cache]), 'make', '-C', self.linux,
                                   f'O={build}', 'CC=clang', *MAKE, *words], check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            return done.returncode, done.stdout
        os.makedirs(build, exist_ok=True)
        shutil.copy(os.path.join(self.build, '.config'), build)
        failed, said = make('olddefconfig', 'prepare')
        if failed:
            raise Failed(said)
        return make


def complaints(failed, said, accepted=None):
    """Returns the lines of make that complain; '' if there is none."""
    found = [line for line in said.splitlines() if re.search(r'warning:|error:|\*\*\*', line)
             and not (accepted and accepted.search(line))]
    return '\n'.join(found) or ('it failed' if failed else '')


def checkpatch(tree, patch):
    """Returns ({(ERROR, WARNING or CHECK, type): count}, the summary)."""
    done = subprocess.run(['perl', 'scripts/checkpatch.pl', '--strict', '--show-types', patch],
                          cwd=tree.linux, check=False, capture_output=True, text=True, env=ENV)
    found = collections.Counter(re.findall(r'^(ERROR|WARNING|CHECK):(\w+)', done.stdout, re.M))
    summary = re.search(r'^total: .*', done.stdout, re.M)
    return found, summary and summary[0]


def check_patch(results, tree, path, patch, makers):
    """Applies a patch, builds it, and gives it to checkpatch."""
    name = patch.subject
    tree.git('am', '-q', path)
    found, summary = checkpatch(tree, path)
    bad = {f'{kind}:{what}' for kind, what in found if kind != 'CHECK' and what not in patch.allowed}
    kept = ', '.join(f'{what} {count}' for (_, what), count in sorted(found.items()))
    results.say(summary and not bad, f'{name}: checkpatch: {summary} {kept}', bad)
    objects = list(patch.objects)
    # A part of coherent.h is compiled alone only while the whole does not exist.
    is_whole = os.path.exists(os.path.join(tree.linux, TOP))
    headers = re.findall(r'^ create mode \d+ include/(\S+\.h)$', read(path), re.M)
    headers = [header for header in headers if not is_whole or '/detail/' not in header]
    for number, header in enumerate(headers):
        source = os.path.join(tree.linux, f'lib/series_{number}.c')
        with open(source, 'w', encoding='utf-8') as file:
            file.write(f'#include <{header}>\n')
        objects.append(f'lib/series_{number}.o')
    for compiler, make in makers.items() if objects else ():
        said = complaints(*make('W=1', *objects), None if is_whole else LATER)
        results.say(not said, f'{name}: {compiler} builds {len(patch.objects)} objects and '
                    f'{len(headers)} headers alone, without a warning', said)
    for source in glob.glob(os.path.join(tree.linux, 'lib/series_*')):
        os.unlink(source)


def check_docs(results, tree):
    """Gives the files with comments for the reference to kernel-doc."""
    rst = read(os.path.join(tree.linux, 'Documentation/core-api/coherent.rst'))
    named = re.findall(r'^\.\. kernel-doc:: (\S+)$', rst, re.M)
    files = sorted({*named, *(os.path.relpath(path, tree.linux) for pattern in (
        'include/linux/coherent/**/*.h', 'lib/coherent/*.[ch]')
        for path in glob.glob(os.path.join(tree.linux, pattern), recursive=True))})
    done = subprocess.run(['scripts/kernel-doc', '-none', '-Werror', *files], cwd=tree.linux, check=False,
                          capture_output=True, text=True, env=ENV)
    results.say(len(named) > 8 and not done.returncode,
                f'kernel-doc: no warning in {len(files)} files; the document names {len(named)}',
                done.stderr)


def check_boot(results, tree):
    """Builds a kernel with the tests, and boots it."""
    config = os.path.join(tree.build, '.config')
    before = read(config)
    with open(config, 'a', encoding='utf-8') as file:
        file.write('CONFIG_COHERENT_KUNIT_TEST=y\n')
    run_command(['make', '-C', tree.linux, f'O={tree.build}', 'olddefconfig'])
    said = complaints(*tree.make('bzImage'))
    results.say(not said and 'CONFIG_LIB_COHERENT=y' in read(config), 'the kernel with the tests builds', said)
    for mode, words in (('', []), (' behind an IOMMU', ['-device', 'intel-iommu'])):
        image = os.path.join(tree.build, 'arch/x86/boot/bzImage')
        log = subprocess.run([*QEMU, '-kernel', image, *words], check=False, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300).stdout.decode(
                                 errors='replace').replace('\r', '')
        cases = re.findall(r'^ *(not ok|ok) \d+ (\w+)$', log, re.M)
        bad = [line for line in log.splitlines() if re.search(r'^ *not ok|WARNING:|BUG:|DMA-API: (?!preall|debugging)', line)]
        results.say(('ok', 'coherent') in cases and len(cases) > 8 and not bad,
                    f'KUnit{mode}: {len(cases) - 1} tests pass in a VM', bad or log.splitlines()[-9:])
    with open(config, 'w', encoding='utf-8') as file:
        file.write(before)


def check_all(results, tree):
    with tempfile.TemporaryDirectory() as work:
        out = os.path.join(work, 'out')
        done = subprocess.run([os.path.join(SOURCE_DIR, 'tools/series'), '--kernel', tree.source, '--author',
                               'A Name <a@b.example>', out], check=False, capture_output=True, text=True)
        results.say(not done.returncode, 'the series is made', done.stderr)
        patches = sorted(glob.glob(os.path.join(out, '*.patch')))
        changed = set(re.findall(r'^--- a/(\S+)$', '\n'.join(map(read, patches)), re.M))
        tree.copy([path for path in changed if os.path.exists(os.path.join(tree.source, path))])
        tree.prepare()
        makers = {'gcc': tree.make}
        try:
            makers['clang'] = tree.clang()
        except OutOfReach as reason:
            results.skip('clang', reason)
        for path in patches:
            subject = re.search(r'^Subject: \[PATCH[^]]*\] ((?:.+\n )*.+)', read(path), re.M)[1]
            [patch] = [patch for patch in SERIES if patch.subject == subject.replace('\n', '')]
            check_patch(results, tree, path, patch, makers)
        check_docs(results, tree)
        check_boot(results, tree)


def main():
    results = Results()
    try:
        with kernels.cache() as cache:
            tree = Tree(cache)
        check_all(results, tree)
    except OutOfReach as reason:
        results.skip('the series', reason)
    except Failed as failed:
        results.say(False, 'it works', str(failed).splitlines()[-20:])
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
