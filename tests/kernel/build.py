#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Run compilers and checkers on the kernel face.

usage: build.py [--kernel 6.1|7.3|own]

All modules of this tree build without a warning from gcc with W=1. With the headers of Linux 6.1
clang, sparse (C=1) and checkpatch do not complain either, sparse refuses plain accesses to
shared memory (plain_access.c), and dkms builds the module of dkms.conf. Accessors have the
instructions of accesses by hand (tests/object_code). coherent-lint accepts the modules. The modules
for Debian's stock 7.3 are built in a chroot, without coherent-lint. Prints TAP.
"""
import argparse
import concurrent.futures
import glob
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE_DIR = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(SOURCE_DIR, name) for name in ('tests', 'tests/object_code', 'tests/vm')]

import kernels  # noqa: E402
import newer  # noqa: E402
import run as object_code  # noqa: E402
from archive import Failed, OutOfReach  # noqa: E402
from tap import Results  # noqa: E402

MODULES = ('kernel', 'tests/kernel', 'bench/kernel')
# Debian builds its kernels with gcc. clang 14 does not know these flags.
FOREIGN = re.compile(r'-Wp,-MMD|-mpreferred-stack-boundary|-mindirect-branch|-mfunction-return|'
                     r'-mharden-sls|-mrecord-mcount|-falign-|-fconserve-stack|'
                     r'-fno-allow-store-data-races|-ftrivial-auto-var-init|-Wimplicit-fallthrough=')
MISUSE = """#include <linux/module.h>
#include <coherent.h>
#include <coherent/mmap.h>
#include <coherent/pool.h>
COHERENT_TYPE(mem, u8); COHERENT_BOX_TYPE(box, u8); COHERENT_VIEW_TYPE(view, u8);
COHERENT_POOL_TYPE(pool, u8); COHERENT_POOL_TYPE(others, u16);
int test(struct device *dev, union mem *mem, union box *box, union view *view,
	 struct coherent_handle *handle, union pool *pool, union others *others);
int test(struct device *dev, union mem *mem, union box *box, union view *view,
	 struct coherent_handle *handle, union pool *pool, union others *others)
{{
	{}
	return 0;
}}
MODULE_LICENSE("GPL");
"""
MISUSES = {
    'option_of_pool_box': ('return coherent_pool_box(pool, box, .level = COHERENT_IOMMU);',
                           'no member named'),
    'gfp_without_name': ('return coherent_pool_box(pool, box, GFP_ATOMIC);',
                         'write an option with its name'),
    'box_of_another_pool': ('return coherent_pool_box(others, box);', 'different element types'),
    'ignored_pool_box': ('coherent_pool_box(pool, box, .gfp = GFP_ATOMIC);',
                         'ignoring return value'),
    'managed_view': ('return coherent_manage(view);', 'this needs a mem'),
    'managed_box': ('return coherent_manage(box);', 'this needs a mem'),
    'managed_mem_as_box': ('return coherent_box_manage(mem);', 'this needs a box'),
    'managed_mem_as_handle': ('return coherent_handle_manage(mem);', 'incompatible'),
    'mapped_box': ('return coherent_mmap(box, NULL);', 'this needs a mem'),
    'mapped_view': ('return coherent_mmap(view, NULL);', 'this needs a mem'),
    'mapped_handle': ('return coherent_mmap(handle, NULL);', 'no member named'),
    'mapped_mem_to_a_file': ('return coherent_mmap(mem, (struct file *)NULL);', 'incompatible'),
    'ignored_mmap': ('coherent_mmap(mem, NULL);', 'ignoring return value'),
    'ignored_manage': ('coherent_manage(mem);', 'ignoring return value'),
    'ignored_handle_manage': ('coherent_handle_manage(handle);', 'ignoring return value'),
    'ignored_set_mask': ('coherent_device_set_mask(dev, 1);', 'ignoring return value'),
    'ignored_set_level': ('coherent_device_set_level(dev, COHERENT_HIDDEN);',
                          'ignoring return value'),
    'ignored_set_max_segment': ('coherent_device_set_max_segment(dev, 1);',
                                'ignoring return value'),
    'ignored_set_coherent_mask': ('coherent_device_set_coherent_mask(dev, 1);',
                                  'ignoring return value'),
    'ignored_set_streaming_mask': ('coherent_device_set_streaming_mask(dev, 1);',
                                   'ignoring return value'),
}
# A driver that allocates, tells the device the address, and frees. Each side makes the calls.
USE_HEAD = """#include <linux/dmapool.h>
#include <linux/module.h>
#include <coherent/pool.h>
struct driver {
	struct device *dev;
	void __iomem *registers;
	COHERENT(u64) mem;
	void *ring;
	dma_addr_t address;
	struct dma_pool *raw_pool;
	COHERENT_POOL(u64[8]) pool;
	COHERENT_BOX(u64[8]) box;
	COHERENT(u64[8]) small;
};
MODULE_LICENSE("GPL");
"""
USE = """int use%(n)d(struct driver *driver);
int use%(n)d(struct driver *driver)
{
	%(call)s
	return 0;
}
"""
USES = {
    'ours': """int err = coherent_zeroed(&driver->mem, driver->dev, 512);
	if (err)
		return err;
	writel((u32)coherent_addr(&driver->mem).raw, driver->registers);
	coherent_free(&driver->mem);""",
    'raw': """driver->ring = dma_alloc_coherent(driver->dev, 4096, &driver->address, GFP_KERNEL);
	if (!driver->ring)
		return -ENOMEM;
	writel((u32)driver->address, driver->registers);
	dma_free_coherent(driver->dev, 4096, driver->ring, driver->address);""",
    'our_pool': """int err = coherent_pool_box(&driver->pool, &driver->box);
	if (err)
		return err;
	(*coherent_box_ptr(&driver->box))[0] = 1;
	err = coherent_expose(&driver->box, &driver->small);
	if (err)
		return err;
	writel((u32)coherent_addr(&driver->small).raw, driver->registers);
	coherent_free(&driver->small);""",
    'raw_pool': """u64 *words = dma_pool_zalloc(driver->raw_pool, GFP_KERNEL, &driver->address);
	if (!words)
		return -ENOMEM;
	words[0] = 1;
	driver->ring = words;
	writel((u32)driver->address, driver->registers);
	dma_pool_free(driver->raw_pool, driver->ring, driver->address);""",
}
# The thing that is used, the side of the library, the side by hand, the most bytes of the first use and of
# each further one.
TEXT_MOST = (
    ('an object', 'ours', 'raw', (350, 130), 'dma_alloc_coherent()'),
    ('an object of a pool', 'our_pool', 'raw_pool', (350, 150), 'dma_pool'),
)
ONLY_USERSPACE = ('adopt.h', 'config.h', 'device.h', 'fabric.h', 'lookup.h', 'serve.h', 'share.h', 'sim.h', 'trace.h')
KERNEL_DOC = '/usr/lib/linux-kbuild-6.1/scripts/kernel-doc'
CLANG = ['-Wno-unknown-warning-option', '-Qunused-arguments', '-Wno-gnu']
# (title, files that checkpatch reads, complaints to ignore). checkpatch does not know that a macro
# can declare something. In the headers it mistakes _Generic, initialisers and declarators within
# macros for statements, and a variable whose name comes from a macro for a function. There attributes
# have the names that userspace knows too, and the headers exist for endian types and volatile accesses.
# kernel/shared.c exports what coherent.c has.
CHECKPATCH = (
    ('the kernel face', ('kernel/*.[ch]', 'kernel/include/coherent/*.h',
                         'kernel/include/coherent/*/*.h', 'examples/edu.[ch]'), ('EXPORT_SYMBOL',)),
    ('tests and bench', ('tests/kernel/*.[ch]', 'bench/kernel/*.c'),
     ('LINE_SPACING', 'MACRO_WITH_FLOW_CONTROL', 'MSLEEP', 'TRAILING_SEMICOLON')),
    ('headers', ('include/coherent.h', 'include/coherent/*.h', 'include/coherent/*/*.h'),
     ('COMPLEX_MACRO', 'FUNCTION_ARGUMENTS', 'INDENTED_LABEL', 'LINE_SPACING',
      'MEMORY_BARRIER', 'MULTISTATEMENT_MACRO_USE_DO_WHILE', 'NEW_TYPEDEFS', 'PREFER_DEFINED_ATTRIBUTE_MACRO',
      'SPACING', 'SPLIT_STRING', 'TABSTOP', 'TRAILING_SEMICOLON', 'TRAILING_STATEMENTS',
      'VOLATILE')),
)


def complaints(text, where):
    """Returns the lines with a complaint, without the directory."""
    return [line.replace(where + '/', '') for line in text.splitlines()
            if re.search(r'\b(warning|error):', line)]


def gcc(kernel, where):
    """Builds everything with W=1. Returns gcc's complaints."""
    return [line for name in MODULES
            for line in complaints(kernel.make(os.path.join(where, name), 'W=1', 'modules'), where)]


def commands(where, names):
    """Yields the command with which Kbuild called gcc for each object."""
    for name in names:
        for path in glob.glob(os.path.join(where, name, '.*.o.cmd')):
            with open(path, encoding='utf-8') as text:
                command = re.match(r'\S+ := +(\S*gcc\S* [^;]*)', text.readline())
            if command and not path.endswith('.mod.o.cmd'):
                yield shlex.split(command[1])


def clang(kernel, command, output='/dev/null'):
    """Compiles a source that gcc has compiled. Returns clang's complaints."""
    words = [word for word in command[1:] if not FOREIGN.match(word)]
    words[words.index('-o') + 1] = output
    done = subprocess.run(['clang', *CLANG, *words], cwd=kernel.headers(), check=False,
                          capture_output=True, text=True)
    return done.stderr.splitlines() + (['it failed'] if done.returncode else [])


def sparse(kernel, where, name, *targets):
    """Returns (number of files that sparse checked, its complaints)."""
    if not targets:
        kernel.make(os.path.join(where, name), 'clean')
    said = kernel.make(os.path.join(where, name), 'C=1', *(targets or ['modules']))
    return len(re.findall(r'^ +CHECK ', said, re.M)), complaints(said, where)


def plain_accesses(kernel, where):
    """Returns how sparse's complaints differ from those that plain_access.c expects."""
    with open(os.path.join(where, 'tests/kernel/plain_access.c'), encoding='utf-8') as source:
        wanted = {number: text for number, line in enumerate(source, 1)
                  for text in re.findall(r'/\* refused: (.*) \*/', line)}
    _, said = sparse(kernel, where, 'tests/kernel', 'plain_access.o')
    found = {int(number): text
             for number, text in re.findall(r'plain_access\.c:(\d+):\d+: (?:warning|error): (.*)',
                                            '\n'.join(said))}
    good = found.keys() == wanted.keys() and all(wanted[n] in found[n] for n in wanted)
    return [] if good and wanted else [f'wanted {wanted}', *said]


def write(directory, sources):
    """Writes a file for each name and text of sources. Returns the names of the objects."""
    for name, source in sources.items():
        with open(os.path.join(directory, name + '.c'), 'w', encoding='utf-8') as out:
            out.write(source)
    return [name + '.o' for name in sources]


def misuses(results, kernel, where):
    """Checks that misuse of calls that only the kernel face has does not compile."""
    directory = os.path.join(where, 'tests/kernel')
    objects = write(directory, {name: MISUSE.format(line) for name, (line, _) in MISUSES.items()})
    said = ''
    try:
        # With -k make starts all compilers. With -Otarget it prints the output of each in one piece.
        kernel.make(directory, '-k', '-Otarget', *objects)
    except Failed as failed:
        said = str(failed)
    parts = re.split(r'^ +CC(?: \[M\])? +\S*/(\w+)\.o$', said, flags=re.M)
    found = dict(zip(parts[1::2], parts[2::2]))
    for name, (_, wanted) in MISUSES.items():
        part = found.get(name, '')
        results.say(wanted in part and not os.path.exists(os.path.join(directory, name + '.o')),
                    f'misuse: {name} does not compile', part)


def headers_alone(kernel, where):
    """Compiles each public header alone. Returns (number of headers, gcc's complaints).

    typed.h and array.h are parts of coherent.h, which has the bodies of some inline functions.
    """
    directory = os.path.join(where, 'tests/kernel')
    names = []
    for top in ('include', 'kernel/include'):
        for path in sorted(glob.glob(os.path.join(where, top, 'coherent/*.h'))):
            with open(path, encoding='utf-8') as text:
                if os.path.basename(path) in ONLY_USERSPACE or '#error "coherent: in the kernel' in text.read():
                    continue
            names.append(f'alone_{len(names)}')
            with open(os.path.join(directory, names[-1] + '.c'), 'w', encoding='utf-8') as out:
                out.write(f'#include <coherent/{os.path.basename(path)}>\n')
    said = kernel.make(directory, 'W=1', *(name + '.o' for name in names))
    return len(names), [line for line in complaints(said, where) if 'never defined' not in line]


def build_docs(kernel, where):
    """Returns (number of files that docs/kernel.md shows, gcc's complaints of them)."""
    with open(os.path.join(SOURCE_DIR, 'docs/kernel.md'), encoding='utf-8') as text:
        files = re.findall(r'^```c (\S+)\.c\n(.*?)^```$', text.read(), re.M | re.S)
    directory = os.path.join(where, 'tests/kernel')
    said = kernel.make(directory, 'W=1', *write(directory, dict(files)))
    return len(files), complaints(said, where)


LINTED = """#include <linux/module.h>
#include <coherent.h>
#include <coherent/mmap.h>
COHERENT_TYPE(mem, u8);
int test(struct device *dev, struct vm_area_struct *vma);
int test(struct device *dev, struct vm_area_struct *vma)
{
	union mem mem = COHERENT_EMPTY;
	int err = coherent_zeroed(&mem, dev, 1);

%s
}
MODULE_LICENSE("GPL");
"""
# (what coherent-lint finds in a module, the lines, the message).
LINT_FINDS = (
    ('a leak', '	return err ? err : coherent_write(&mem, 0, 1);',
     "linted.c:11: error: mem 'mem' from coherent_zeroed() at line 9"),
    ('a mem that is mapped to a process after its end',
     '	if (err)\n\t\treturn err;\n\tcoherent_free(&mem);\n\treturn coherent_mmap(&mem, vma);',
     "linted.c:14: error: mem 'mem' is used here after coherent_free() at line 13"),
    ('nothing in a module that maps a mem to a process',
     '	if (!err)\n\t\terr = coherent_mmap(&mem, vma);\n\tcoherent_free(&mem);\n\treturn err;', ''),
)
# A driver whose objects devres frees, or some of them.
MANAGED = """#include <linux/module.h>
#include <linux/slab.h>
#include <coherent.h>
#include <coherent/loan.h>
struct driver {{
	COHERENT(u8) mem;
	COHERENT(u8) filled;
	COHERENT_BOX(u8) box;
	COHERENT_LOAN(u8) loan;
	struct coherent_handle handle;
}};
static int fill(u8 *elements, size_t count, void *arg)
{{
	return 0;
}}
int test(struct device *dev, u8 *page);
int test(struct device *dev, u8 *page)
{{
	struct driver *driver = kzalloc(sizeof(*driver), GFP_KERNEL);
	int err;
	if (!driver)
		return -ENOMEM;
	err = coherent_zeroed(&driver->mem, dev, 1{mem});
	if (!err)
		err = coherent_init(&driver->filled, dev, 1, fill, NULL{filled});
	if (!err)
		err = coherent_box_adopt(&driver->box, dev, page, 1{box});
	if (!err)
		err = coherent_lend(&driver->box, &driver->loan, COHERENT_TO_DEVICE);
	if (!err)
		err = coherent_handle_zeroed(&driver->handle, dev, 1{handle});
	if (err)
		kfree(driver);
	if (!err)
		dev_set_drvdata(dev, driver);
	return err;
}}
MODULE_LICENSE("GPL");
"""
BUSY = """#include <linux/module.h>
#include <coherent/pool.h>
COHERENT_POOL_TYPE(pool, u64);
int test(struct device *dev);
int test(struct device *dev)
{
	union pool pool = COHERENT_EMPTY;
	COHERENT_BOX(u64) box = COHERENT_EMPTY;
	int err = coherent_pool_create(&pool, dev, .level = COHERENT_IOMMU);

	if (err)
		return err;
	err = coherent_pool_box(&pool, &box, .gfp = GFP_ATOMIC);
	if (!err)
		*coherent_box_ptr(&box) = 1;
	return coherent_pool_destroy(&pool);
}
MODULE_LICENSE("GPL");
"""
OBJECTS = 'mem', 'filled', 'box', 'handle'


def lint_sources(directory, tool, sources):
    """Returns what coherent-lint says of each source, by its name. The sources are built."""
    return {name: subprocess.run([*tool, name + '.c'], cwd=directory, check=False, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
            for name in sources}


def lint_managed(results, found):
    """Checks that coherent-lint reports each object that is not managed, and no others."""
    said = found['managed_all']
    results.say(not said, 'coherent-lint: a managed object is not a leak', said)
    for name in OBJECTS[:-1]:
        said = found['managed_but_' + name]
        wanted = 'loan' if name == 'box' else name
        results.say(f"'driver->{wanted}'" in said and
                    not any(f"'driver->{other}'" in said for other in OBJECTS if other != name),
                    f"coherent-lint: finds a leak of the {name} that is not managed", said)


def lint(results, kernel, where):
    """Checks that coherent-lint reads modules: it accepts the example, and finds mistakes."""
    tool = [os.path.join(SOURCE_DIR, 'tools/coherent-lint'), '--kernel', kernel.headers()]
    for files in (['kernel/edu_pci.c', 'kernel/edu_char.c', 'examples/edu.c'],
                  [f'bench/kernel/{name}.c' for name in ('bench', 'sides', 'accessors', 'pools')]):
        done = subprocess.run([*tool, *(os.path.join(where, name) for name in files)], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        results.say(not done.returncode, f'coherent-lint: {files[0]}: no finding', done.stdout)
    directory = os.path.join(where, 'tests/kernel')
    every = {name: ', .managed = true' for name in OBJECTS}
    sources = {f'linted_{number}': LINTED % body for number, (_, body, _) in enumerate(LINT_FINDS)}
    sources |= {'busy': BUSY, 'managed_all': MANAGED.format(**every)}
    sources |= {'managed_but_' + name: MANAGED.format(**{**every, name: ''}) for name in OBJECTS[:-1]}
    kernel.make(directory, *write(directory, sources))
    found = lint_sources(directory, tool, sources)
    for number, (title, _, wanted) in enumerate(LINT_FINDS):
        said = found[f'linted_{number}'].replace(f'linted_{number}.c', 'linted.c')
        results.say(said.startswith(wanted) if wanted else not said,
                    f'coherent-lint: finds {title}', said)
    said = found['busy']
    results.say("busy.c:16: error: pool 'pool' is destroyed here, but box 'box' from "
                'coherent_pool_box() at line 13 is not freed' in said,
                'coherent-lint: finds a pool of a module that is destroyed too early', said)
    lint_managed(results, found)


def text_of(path):
    """Returns how many bytes of text an object file has."""
    said = subprocess.run(['size', '-A', path], check=True, capture_output=True, text=True).stdout
    return sum(map(int, re.findall(r'^\.text\S* +(\d+)', said, re.M)))


def text_sizes(results, kernel, where):
    """Checks how many bytes of text a use of the library costs, and prints those by hand beside."""
    directory = os.path.join(where, 'tests/kernel')
    sources = {f'{side}_{uses}': USE_HEAD + ''.join(USE % {'n': n, 'call': call} for n in range(uses))
               for side, call in USES.items() for uses in (1, 2)}
    found = {}
    kernel.make(directory, *write(directory, sources))
    for side in USES:
        one, two = (text_of(os.path.join(directory, f'{side}_{uses}.o')) for uses in (1, 2))
        found[side] = one, two - one
    for what, *sides, most, call in TEXT_MOST:
        for number, which in enumerate(('the first use', 'each further use')):
            ours, raw = (found[side][number] for side in sides)
            results.say(ours <= most[number], f'text: {which} of {what} costs {ours} bytes, at '
                        f'most {most[number]} ({call}: {raw})', '')


def built_in(where):
    """Links two drivers with the library into one, as a kernel does. Returns ld's complaints."""
    path = os.path.join(where, 'kernel/coherent.o')
    other = os.path.join(where, 'kernel/other.o')
    shutil.copy(path, other)
    done = subprocess.run(['ld', '-r', path, other, '-o', '/dev/null'], check=False,
                          capture_output=True, text=True)
    return done.stderr.splitlines()


def not_exported(where):
    """Returns the functions of the library that a module of its own does not export."""
    weak = subprocess.run(['nm', os.path.join(where, 'kernel/coherent.o')], check=True,
                          capture_output=True, text=True).stdout
    with open(os.path.join(where, 'kernel/shared.c'), encoding='utf-8') as file:
        exported = re.findall(r'^EXPORT_SYMBOL_GPL\((\w+)\);$', file.read(), re.M)
    return sorted(set(re.findall(r' W (\w+)$', weak, re.M)) ^ set(exported))


def checkpatch(script, patterns, ignored):
    paths = [path for pattern in patterns for path in sorted(glob.glob(pattern, root_dir=SOURCE_DIR))]
    done = subprocess.run(['perl', script, '--no-tree', '-q', '--terse', '--show-types',
                           '--ignore', ','.join(ignored or ['NONE']), '-f', *paths], cwd=SOURCE_DIR, check=False,
                          capture_output=True, text=True)
    found = [line for line in done.stdout.splitlines() if not line.startswith('total:')]
    return found + ([done.stderr] if done.returncode and not found else [])


def accessors(results, kernel, where):
    """Checks the instructions that each compiler makes of access.c in the kernel."""
    directory = os.path.join(where, 'tests/object_code')
    kernel.make(directory, 'access.o')
    binary = os.path.join(directory, 'access.o')
    object_code.check_x86(results, 'kernel gcc', object_code.functions_of('', binary), False)
    if kernel.build:
        return
    command = next(commands(where, ['tests/object_code']))
    said = clang(kernel, command + ['-fno-vectorize'], binary)
    results.say(not said, 'kernel clang: access.c compiles', said)
    object_code.check_x86(results, 'kernel clang', object_code.functions_of('', binary), False)


def dkms(kernel, where):
    """Builds the module of dkms.conf with dkms. Returns dkms's errors."""
    path = os.environ.get('PATH', '') + ':/usr/sbin:/sbin'
    with open(os.path.join(SOURCE_DIR, 'dkms.conf'), encoding='utf-8') as text:
        conf = text.read()
    name, version = re.findall(r'^PACKAGE_(?:NAME|VERSION)="(.*)"$', conf, re.M)
    with tempfile.TemporaryDirectory() as work:
        trees = ['--dkmstree', os.path.join(work, 'tree'), '--sourcetree', os.path.join(work, 'src')]
        os.makedirs(trees[1])
        os.makedirs(trees[3])
        os.symlink(where, os.path.join(trees[3], f'{name}-{version}'))
        for words in (['add', f'{name}/{version}'],
                      ['build', f'{name}/{version}', '-k', kernel.version, '--kernelsourcedir',
                       kernel.headers()]):
            done = subprocess.run([shutil.which('dkms', path=path) or 'dkms', *words, *trees],
                                  check=False, text=True, env=dict(os.environ, PATH=path),
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if done.returncode:
                return done.stdout.splitlines()
        return [f'there is no {module}.ko'
                for module in re.findall(r'^BUILT_MODULE_NAME\[\d\]="(.*)"$', conf, re.M)
                if not glob.glob(os.path.join(trees[1], f'**/{module}.ko*'), recursive=True)]


def check_all(results, kernel, script, where):
    said = gcc(kernel, where)
    results.say(not said, f'gcc W=1, Linux {kernel.version}: no warning', said)
    accessors(results, kernel, where)
    files, said = headers_alone(kernel, where)
    results.say(files > 8 and not said, f'each of {files} headers compiles alone', said)
    files, said = build_docs(kernel, where)
    results.say(files == 4 and not said, f'docs/kernel.md: its {files} files compile', said)
    text_sizes(results, kernel, where)
    said = built_in(where)
    results.say(not said, 'two drivers with the library link into one kernel', said)
    said = not_exported(where)
    results.say(not said, 'kernel/shared.c exports each function of kernel/coherent.c', said)
    misuses(results, kernel, where)
    # coherent-lint needs a compiler of this machine that knows the flags of the kernel.
    if kernel.name != newer.SERIES:
        lint(results, kernel, where)
    # The kernels with a build directory are for gcc only, and sparse does not know Linux 7.3.
    if kernel.build:
        return
    found = list(commands(where, (*MODULES, 'examples')))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        said = [line for lines in pool.map(lambda command: clang(kernel, command), found)
                for line in lines]
    results.say(found and not said, f'clang W=1: no warning in {len(found)} files', said)
    for name in MODULES:
        files, said = sparse(kernel, where, name)
        results.say(files and not said, f'sparse: no complaint about {files} files of {name}', said)
    said = plain_accesses(kernel, where)
    results.say(not said, 'sparse: each plain access to a mem is refused', said)
    said = dkms(kernel, where)
    results.say(not said, 'dkms: builds libcoherent', said)
    done = subprocess.run([KERNEL_DOC, '-none', '-Werror',
                           *glob.glob(os.path.join(SOURCE_DIR, 'kernel/include/coherent/**/*.h'),
                                       recursive=True)],
                          check=False, capture_output=True, text=True)
    results.say(not done.returncode, 'kernel-doc: no warning in the kernel face', done.stderr)
    for name, patterns, ignored in CHECKPATCH:
        said = checkpatch(script, patterns, ignored)
        results.say(not said, f'checkpatch: {name}: no error, no warning', said)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--kernel', choices=('6.1', newer.SERIES, 'own'), default='6.1')
    options = parser.parse_args()
    results = Results()
    try:
        with kernels.cache() as cache:
            kernel = kernels.get_kernel(cache, options.kernel, 'amd64')
            if options.kernel == newer.SERIES:
                kernel = newer.with_modules(kernel)
            kernel.headers()
            script = kernels.checkpatch(cache)
        with tempfile.TemporaryDirectory() as work:
            where = os.path.join(work, 'tree')
            kernels.copy_tree(SOURCE_DIR, where)
            shutil.copy(os.path.join(SOURCE_DIR, 'dkms.conf'), where)
            check_all(results, kernel, script, where)
    except OutOfReach as reason:
        results.skip('the kernel face', reason)
    except Failed as failed:
        results.say(False, 'it builds', str(failed).splitlines()[-20:])
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
