#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""tools/series writes patches that git applies, and refuses what it cannot use. Prints TAP.

usage: run.py SOURCE_DIR

The tree here has only the lines of a kernel that the patches change. kernel.py applies the patches
to a whole kernel.
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

AUTHOR = 'A Name <a@b.example>'
KERNEL = {
    'MAINTAINERS': 'Maintainers List\n----------------\n\n3C59X NETWORK DRIVER\nM:\tB <b@c.example>\n'
                   'F:\tx.c\n\nARM PORT\nM:\tB <b@c.example>\nF:\ta.c\n\n'
                   'LPC32XX DMAMUX\nM:\tB <b@c.example>\nF:\tl.c\n\nATLX ETHERNET\nM:\tB <b@c.example>\nF:\tt.c\n\n'
                   'CEPH\nM:\tB <b@c.example>\nF:\tc.c\n\nZSWAP\nM:\tB <b@c.example>\nF:\tz.c\n\n',
    'kernel/dma/Kconfig': 'config A\n\tbool\n',
    'kernel/dma/Makefile': 'obj-$(CONFIG_DMA_MAP_BENCHMARK)\t+= map_benchmark.o\n',
    'lib/Kconfig': 'source "lib/vdso/Kconfig"\n',
    'lib/Makefile': 'obj-$(CONFIG_PLDMFW) += pldmfw/\n',
    'Documentation/core-api/index.rst': '   dma-isa-lpc\n   swiotlb\n',
}
# No file of the kernel has these: (what, pattern, files).
ABSENT = (
    ('an include of this tree', r'#include <coherent', '*'),
    ('a test for the kernel', r'__KERNEL__|__cplusplus|DMA_IOVA_USE_SWIOTLB', '*'),
    ('a weak function', r'__weak', '*'),
    ('a header that drivers must not use', r'<linux/(dma-map-ops|dma-direct|iommu)\.h>', 'lib/*'),
    ('a word about processes of the library', r'forked|libfabric|SIGSEGV|this process|hugepages|locked memory', '*'),
    ('a word about userspace', r'[Uu]serspace|C\+\+|coherent-lint|litmus', '*'),
    ('a macro that is written out', r'COHERENT_(AGAIN|HEARD|BEGIN_RESULT|END_CALL)\b', '*'),
)
ENV = {name: value for name, value in os.environ.items() if not name.startswith('GIT_')}
ENV |= {'GIT_CONFIG_GLOBAL': '/dev/null', 'GIT_CONFIG_NOSYSTEM': '1', 'SOURCE_DATE_EPOCH': '0'}


def run(tool, *words, env=None):
    return subprocess.run([sys.executable, tool, *words], check=False, capture_output=True, text=True,
                          env=env or ENV)


def git(where, *words):
    return subprocess.run(['git', '-c', 'user.name=A', '-c', 'user.email=a@b.example', *words], cwd=where,
                          check=False, capture_output=True, text=True, env=ENV)


def make_kernel(where, without=None):
    """Makes the files of a kernel that the patches change."""
    for path, text in KERNEL.items():
        os.makedirs(os.path.join(where, os.path.dirname(path)), exist_ok=True)
        with open(os.path.join(where, path), 'w', encoding='utf-8') as file:
            file.write('' if path == without else text)
    return where


def texts(where):
    """{path: text} of the files of a tree."""
    found = {}
    for folder, _, names in os.walk(where):
        for name in names if '.git' not in folder else ():
            path = os.path.join(folder, name)
            with open(path, encoding='utf-8') as file:
                found[os.path.relpath(path, where)] = file.read()
    return found


def applies(results, work, tool):
    """Applies the patches, and checks the files that they make."""
    kernel, out = make_kernel(os.path.join(work, 'kernel')), os.path.join(work, 'out')
    done = run(tool, '--kernel', kernel, '--author', AUTHOR, out)
    patches = sorted(glob.glob(os.path.join(out, '*.patch')))
    results.say(done.returncode == 0 and len(patches) >= 8,
                f'series: it writes {len(patches)} patches', done.stderr)
    for words in (('init', '-q'), ('add', '.'), ('commit', '-q', '-m', 'base'), ('am', '-q', *patches)):
        done = git(kernel, *words)
    results.say(not done.returncode and not done.stderr, 'series: git am applies them without a warning',
                done.stderr)
    found = texts(kernel)
    for what, pattern, files in ABSENT:
        bad = [f'{path}: {line}' for path, text in found.items() if path.startswith(files.rstrip('*'))
               for line in text.splitlines() if re.search(pattern, line)]
        results.say(found and not bad, f'series: no file has {what}', bad[:5])
    missing = [f'{path}: {name}' for path, text in found.items()
               for name in re.findall(r'#include <(linux/(?:coherent|dma-translation)[^>]*)>', text)
               if f'include/{name}' not in found]
    results.say(not missing, 'series: each header that a file includes is there', missing)
    exported = re.findall(r'^EXPORT_SYMBOL_GPL\((\w+)\);$', '\n'.join(found.values()), re.M)
    headers = '\n'.join(text for path, text in found.items() if path.startswith('include/'))
    hidden = [name for name in exported if not re.search(rf'\b{name}\(', headers)]
    results.say(len(exported) > 50 and len(set(exported)) == len(exported) and not hidden,
                f'series: {len(exported)} functions are exported, which a header declares',
                hidden)
    entry = re.search(r'COHERENT DMA.*\nM:\tA Name <a@b.example>\n(?:.+\n)*', found['MAINTAINERS'])
    new = {path for path in found if path not in KERNEL}
    results.say(entry and set(re.findall(r'F:\t(.*)', entry[0])) == new and
                found['MAINTAINERS'].index('CEPH') < found['MAINTAINERS'].index('COHERENT DMA')
                < found['MAINTAINERS'].index('ZSWAP'),
                f'series: MAINTAINERS names {len(new)} new files', entry and entry[0])
    again = os.path.join(work, 'again')
    run(tool, '--kernel', make_kernel(os.path.join(work, 'other')), '--author', AUTHOR, again)
    results.say(texts(out) == texts(again), 'series: a second run writes the same patches', '')


def refusals(work, tool):
    """Yields (name, arguments, environment, words of the line) of each bad input."""
    kernel = make_kernel(os.path.join(work, 'kernel'))
    good = ['--kernel', kernel, '--author', AUTHOR]
    full = os.path.join(work, 'full')
    shutil.copytree(kernel, full)
    out = os.path.join(work, 'out')
    lib = make_kernel(os.path.join(work, 'old'), without='lib/Makefile')
    bare = os.path.join(work, 'bin')
    os.makedirs(bare)
    os.symlink(shutil.which('git'), os.path.join(bare, 'git'))
    yield 'a folder that is not empty', [*good, full], None, 'is not an empty folder'
    yield 'a file as folder', [*good, os.path.join(kernel, 'MAINTAINERS')], None, 'not an empty folder'
    yield ('a tree without MAINTAINERS', ['--kernel', HERE, '--author', AUTHOR, out], None,
           'it has no MAINTAINERS')
    yield ('a tree that is missing', ['--kernel', out + 'x', '--author', AUTHOR, out], None,
           'there is no such folder')
    yield ('another kernel', ['--kernel', lib, '--author', AUTHOR, out], None,
           'lib/Makefile has no line like')
    yield 'an author without an address', [*good[:3], 'A Name', out], None, '--author needs'
    yield 'an unknown option', [*good, '--typo', out], None, 'see series --help'
    yield 'two folders', [*good, out, out], None, 'see series --help'
    yield ('no author', good[:2] + [out], {**ENV, 'HOME': work, 'GIT_DIR': os.path.join(work, 'none')},
           'who is the author?')
    yield 'no unifdef', [*good, out], {**ENV, 'PATH': bare}, 'unifdef is missing'
    path = os.path.join(os.path.dirname(os.path.dirname(tool)), 'kernel/new.h')
    with open(path, 'w', encoding='utf-8') as file:
        file.write('int new;\n')
    yield 'a file of no patch', [*good, out], None, 'kernel/new.h belongs to no patch'
    os.unlink(path)
    assert not os.path.exists(out)


def main():
    if len(sys.argv) != 2:
        print('usage: run.py SOURCE_DIR', file=sys.stderr)
        return 2
    results = Results()
    with tempfile.TemporaryDirectory() as work:
        # The copy can get a file of no patch. It is not a repository, so that git finds no author.
        for name in ('tools', 'include', 'kernel'):
            shutil.copytree(os.path.join(sys.argv[1], name), os.path.join(work, 'tree', name))
        tool = os.path.join(work, 'tree/tools/series')
        done = run(tool, '--help')
        results.say(done.returncode == 0 and done.stdout.startswith('Usage: series '), 'series --help', '')
        with tempfile.TemporaryDirectory() as folder:
            applies(results, folder, tool)
        with tempfile.TemporaryDirectory() as folder:
            for name, words, env, wanted in refusals(folder, tool):
                done = run(tool, *words, env=env)
                results.say(done.returncode == 2 and done.stderr.count('\n') == 1 and
                            wanted in done.stderr, f'series: {name} is refused in a line', done.stderr)
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
