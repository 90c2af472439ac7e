#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""README.md is true: readme.py SOURCE_DIR BUILD_DIR LIBRARY. Prints TAP.

Its programs compile and print what it says, its two fragments compile, coherent-lint finds what
it says, the commands of its tables run unless they need hardware, links lead to files, make
targets exist, lines are short, and its picture of the tree has at most twelve boxes, all of
which exist. The paths that README.md, CONTRIBUTING.md and docs/*.md name in backquotes exist.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

from tap import Results

FLAGS = ('-std=gnu11 -Wall -Wextra -Werror -Wincompatible-pointer-types -pthread').split()
COLUMNS = 100
BOXES_MAX = 12
# The two fragments compile inside these.
AROUND = {
    'before': '''
#include <errno.h>
#include <linux/vfio.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
struct desc { uint32_t len, owner; };
enum { DEVICE = 1 };
int before(int container, uint64_t next_iova, volatile uint64_t *ring_register, size_t slots,
	   size_t tail);
int before(int container, uint64_t next_iova, volatile uint64_t *ring_register, size_t slots,
	   size_t tail)
{
	struct vfio_iommu_type1_dma_map map;
	const size_t bytes = slots * sizeof(struct desc);
	struct desc *ring;
	size_t i;
@
	return 0;
}
''',
    'after': '''
#include <coherent.h>
#include <coherent/bar.h>
struct desc { coherent_le32 len, owner; };
enum { DEVICE = 1, RING = 0 };
int after(struct coherent_device *dev, struct coherent_bar *bar, size_t slots, size_t tail);
int after(struct coherent_device *dev, struct coherent_bar *bar, size_t slots, size_t tail)
{
	COHERENT_BOX_AUTO(struct desc, box);
	COHERENT_AUTO(struct desc, mem);
	COHERENT_RING(struct desc) ring;
	size_t i;
	int err;
@
	return 0;
}
''',
}


class Checks(Results):
    """The results, and what the text may have."""

    def __init__(self, source_dir, build_dir, library):
        super().__init__()
        self.source_dir, self.build_dir, self.library = source_dir, build_dir, library

    def compile(self, compiler, code, where, *rest):
        with open(os.path.join(where, 'README.c'), 'w', encoding='utf-8') as source:
            source.write(code)
        return subprocess.run([compiler, *FLAGS, '-I', os.path.join(self.source_dir, 'include'),
                               'README.c', *rest], cwd=where, check=False, capture_output=True,
                              text=True)

    def program(self, number, code, output):
        for compiler in ('gcc', 'clang'):
            with tempfile.TemporaryDirectory() as where:
                built = self.compile(compiler, code, where, self.library, '-o', 'readme')
                said = built.returncode or subprocess.run(
                    ['./readme'], cwd=where, check=False, capture_output=True, text=True).stdout
            self.say(said == output, f'{compiler}: program {number} prints what the text says',
                     f'{said}{built.stderr}')
        self.say(not re.search(r'\(void\)\s*[!\w(]', code), f'program {number} casts no result away')

    def fragment(self, name, code):
        for compiler in ('gcc', 'clang'):
            with tempfile.TemporaryDirectory() as where:
                built = self.compile(compiler, AROUND[name].replace('@', code), where, '-c')
            self.say(not built.returncode, f'{compiler}: the code of "{name}" compiles',
                     built.stderr)
        self.say(len(code.splitlines()) <= 10, f'the code of "{name}" has at most ten lines')

    def lint(self, code, output):
        with tempfile.TemporaryDirectory() as where:
            built = self.compile('gcc', code, where, '-c')
            tool = os.path.join(self.source_dir, 'tools/coherent-lint')
            run = subprocess.run([tool, 'README.c', '--'], cwd=where, check=False,
                                 capture_output=True, text=True)
        self.say(not built.returncode and run.stdout == output, 'coherent-lint prints what the text says',
                 built.stderr + run.stdout + run.stderr)

    def command(self, command):
        # The tests of the kernel face run the module.
        if command.startswith('tests/vm/run.py'):
            command = 'tests/vm/run.py --help'
        if re.search(r'=(pci|vfio|iommufd):', command):
            path = command.split()[0].replace('build/demo', self.build_dir)
            self.say(os.path.exists(path), f'{path} exists; it needs hardware to run')
            return
        line = re.sub(r'\bbuild/demo\b', self.build_dir, command)
        line = re.sub(r'(?<![\w/])(tests/|LICENSES/|README)', self.source_dir + r'/\1', line)
        with tempfile.TemporaryDirectory() as where:
            run = subprocess.run(['sh', '-ec', line], cwd=where, check=False, text=True,
                                 capture_output=True)
        self.say(not run.returncode, f'{command} runs', run.stdout + run.stderr)


def dead_paths(source_dir):
    """The paths of this tree that a document names in backquotes and that do not exist."""
    for document in ('README.md', 'CONTRIBUTING.md', *glob.glob('docs/*.md', root_dir=source_dir)):
        with open(os.path.join(source_dir, document), encoding='utf-8') as file:
            text = re.sub(r'^```.*?^```', '', file.read(), flags=re.M | re.S)
        for path in re.findall(r'`((?:src|include|kernel|examples|bench|tests|tools|docs)/'
                               r'[\w./*-]*)[` ]', text):
            # Modules and programs are built, and not in the tree.
            if not path.endswith('.ko') and not glob.glob(os.path.join(source_dir, path)):
                yield f'{document}: {path}'
        for path in re.findall(r'`(\w+/(?:\w+\.[ch])?)`', text):
            if os.path.exists(os.path.join(source_dir, 'src', path)):
                yield f'{document}: {path} is src/{path}'


def picture(text):
    """The folders and files that the picture of the architecture names."""
    section = ''.join(re.findall(r'^## Architecture\n```\n(.*?)^```', text, re.M | re.S))
    return re.findall(r'\b(?:src|include|kernel|examples)(?:/[\w.]+)*/?', section)


def main():
    if len(sys.argv) != 4:
        print('usage: readme.py SOURCE_DIR BUILD_DIR LIBRARY', file=sys.stderr)
        return 2
    checks = Checks(*map(os.path.abspath, sys.argv[1:]))
    with open(os.path.join(checks.source_dir, 'README.md'), encoding='utf-8') as readme:
        # A command runs in a folder of its own, and its files go there.
        text = readme.read().replace('/tmp/', '')
    programs = re.findall(r'^```c\n(.*?)^```\n^```\n(.*?)^```', text, re.M | re.S)
    checks.say(len(programs) == 2, 'there are two programs')
    for number, (code, output) in enumerate(programs, 1):
        checks.program(number, code, output)
    for code, output in re.findall(r'^```c lint\n(.*?)^```\n^```\n(.*?)^```', text, re.M | re.S):
        checks.lint(code, output)
    fragments = dict(re.findall(r'^```c ((?!lint)\w+)\n(.*?)^```', text, re.M | re.S))
    checks.say(set(fragments) == set(AROUND), 'there is a fragment before and one after')
    for name in fragments:
        checks.fragment(name, fragments[name])
    devices = ''.join(re.findall(r'^## Devices\n(.*?)^## ', text, re.M | re.S))
    checks.say('build/demo/examples/edu' in devices, 'the table of devices has commands')
    for command in re.findall(r'`((?:build|tests|truncate)[^`]+)`', devices):
        checks.command(command)
    looks = ''.join(re.findall(r'^## The command coherent\n(.*?)^## ', text, re.M | re.S))
    shown = re.findall(r'`((?:build|echo)[^`]+)`', looks)
    checks.say(len(shown) >= 5, 'the command coherent has commands to try')
    for command in shown:
        checks.command(command)
    for command in re.findall(r'`(tools/coherent-lint [^`]+)`', text):
        checks.command(f'cd {checks.source_dir}; {command}')
    for link in sorted(set(re.findall(r'\]\(([^)]*)\)', text))):
        checks.say(os.path.exists(os.path.join(checks.source_dir, link)), f'{link} exists')
    with open(os.path.join(checks.source_dir, 'Makefile'), encoding='utf-8') as makefile:
        targets = re.findall(r'^(\w+):', makefile.read(), re.M)
    for target in re.findall(r'^ {4}make (\w+)', text, re.M):
        checks.say(target in targets, f'make {target} exists')
    long = [number for number, line in enumerate(text.splitlines(), 1)
            if len(line.expandtabs()) > COLUMNS and not line.startswith('|')]
    checks.say(not long, f'no line but those of tables has more than {COLUMNS} columns', str(long))
    dead = list(dead_paths(checks.source_dir))
    checks.say(not dead, 'the paths that documents name exist', '\n'.join(dead))
    boxes = picture(text)
    missing = [box for box in boxes if not os.path.exists(os.path.join(checks.source_dir, box))]
    folders = {f'src/{folder}/' for folder in os.listdir(os.path.join(checks.source_dir, 'src'))
               if os.path.isdir(os.path.join(checks.source_dir, 'src', folder))}
    checks.say(len(boxes) <= BOXES_MAX, f'the picture has at most {BOXES_MAX} boxes', str(boxes))
    checks.say(not missing and folders <= set(boxes), 'the picture matches the tree',
               f'{missing} {folders - set(boxes)}')
    return checks.close()


if __name__ == '__main__':
    sys.exit(main())
