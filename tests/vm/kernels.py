# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Get kernels to boot: Debian's cloud kernels, or one that is built from Debian's source.

The cache keeps all of them. The name of each tells its version and configuration.
"""
import contextlib
import dataclasses
import fcntl
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

from archive import Archive, Failed, OutOfReach, run_command

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE_DIR = os.path.dirname(os.path.dirname(HERE))
# The suite that has each series. None is the machine's own suite.
SUITES = {'6.1': None, '6.1-full': None, '7.3': 'trixie-backports'}
OWN = '7.3'
# The kernels that are built from Debian's source: their configurations, and words for make. KCSAN
# watches only the modules, because the races of the kernel itself are not the library's.
BUILT = {
    'own': (['kernel.config'], []),
    'own-kasan': (['kernel.config', 'modules.config', 'kasan.config'], []),
    'own-kcsan': (['kernel.config', 'modules.config', 'kcsan.config'], ['KCSAN_SANITIZE=n']),
}
# Modules are built from these folders.
TREE = ('include', 'kernel', 'examples', 'tests/kernel', 'tests/promises', 'tests/trace',
        'tests/object_code',
        'bench/kernel')
# Words for make to build modules for another architecture.
CROSS = {'amd64': [], 'arm64': ['ARCH=arm64', 'CROSS_COMPILE=aarch64-linux-gnu-']}
TOOLS = {'flex': 'flex', 'bison': 'bison', 'bc': 'bc', 'xz': 'xz-utils', 'make': 'make'}


@dataclasses.dataclass
class Kernel:
    """A kernel.

    image: the file that QEMU boots. modules: the directory of its modules, or None if all is
        built in. archive: has more packages for its architecture. found: the headers, once apt was
        asked for them, which takes half a second.
    """
    name: str
    arch: str
    version: str
    image: str
    modules: str | None
    archive: Archive
    cache: str
    build: str | None = None
    found: str | None = None

    def module_of(self, name):
        """Returns the paths of a module and of those that it needs, in the order to load them."""
        needs = {}
        if self.modules:
            with open(os.path.join(self.modules, 'modules.dep'), encoding='utf-8') as dep:
                for line in dep:
                    path, others = line.split(':')
                    needs[path] = others.split()
        wanted = re.compile(rf'(.*/)?{re.sub("[-_]", "[-_]", name)}\.ko(\.xz)?')
        found = [path for path in needs if wanted.fullmatch(path)]
        if self.modules and not found:
            raise Failed(f'Linux {self.version} has no module {name}')
        return [os.path.join(self.modules, path) for module in found
                for path in (*reversed(needs[module]), module)]

    def build_module(self, source, where):
        """Builds a module of one file and the library for this kernel. Returns its path."""
        name = os.path.basename(source).removesuffix('.c')
        # An object of a module cannot have the module's own name in the same folder.
        for folder, path in (('source', source), ('kernel', f'{SOURCE_DIR}/kernel/.')):
            os.makedirs(os.path.join(where, folder))
            run_command(['cp', '-r', path, os.path.join(where, folder)])
        with open(os.path.join(where, 'Kbuild'), 'w', encoding='utf-8') as kbuild:
            kbuild.write(f'ccflags-y := -I{SOURCE_DIR}/kernel/include -I{SOURCE_DIR}/include\n'
                         f'obj-m := {name}.o\n'
                         f'{name}-y := source/{name}.o kernel/coherent.o\n')
        self.make(where)
        return os.path.join(where, name + '.ko')

    def build_tree(self, source_dir, module, where, *words):
        """Builds a module of a Kbuild in a copy of the tree. Returns its path."""
        copy_tree(source_dir, where)
        module = os.path.join(where, os.path.relpath(module, source_dir))
        self.make(os.path.dirname(module), *words)
        if not os.path.exists(module):
            raise Failed(f'{os.path.dirname(module)}/Kbuild makes no {os.path.basename(module)}')
        return module

    def command(self, where, *words):
        """Returns the words that make something in a directory."""
        return ['make', f'-j{os.cpu_count()}', '-C', self.headers(), f'M={where}', *CROSS[self.arch],
                *words]

    def make(self, where, *words):
        """Makes modules in a directory. Returns the output."""
        made = subprocess.run(self.command(where, *words), check=False, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if made.returncode:
            raise Failed(made.stdout)
        return made.stdout

    def headers(self):
        """Returns the kernel's headers, or its build directory. Modules are built against these."""
        self.found = self.found or self.build or self.unpack_headers()
        return self.found

    def unpack_headers(self):
        if SUITES[self.name]:
            raise Failed(f'the compilers here are too old for Linux {self.version}: newer.py has others')
        package = f'linux-headers-{self.version}'
        needs = self.archive.depends(package, r'linux-headers-.*-common')
        [kbuild] = self.archive.depends(package, r'linux-kbuild-.*')
        # The programs of kbuild run on this machine, whatever the kernel is for.
        native = [kbuild] if self.arch == 'amd64' else []
        tree = self.archive.unpack([package, *needs, *native], os.path.join(self.cache, package))
        link = os.path.join(tree, 'usr/lib', kbuild)
        if not os.path.lexists(link):
            tools = Archive(self.cache).unpack([kbuild], os.path.join(self.cache, kbuild))
            os.makedirs(os.path.dirname(link), exist_ok=True)
            os.symlink(os.path.join(tools, 'usr/lib', kbuild), link)
        headers = os.path.join(tree, 'usr/src', package)
        # The makefile includes the common part by its installed path.
        makefile = os.path.join(headers, 'Makefile')
        with open(makefile, encoding='utf-8') as text:
            found = text.read()
        changed = re.sub(r'(?<![\w/])/usr/src/', f'{tree}/usr/src/', found)
        # Another process may be reading the makefile.
        if changed != found:
            with open(makefile, 'w', encoding='utf-8') as out:
                out.write(changed)
        return headers


@contextlib.contextmanager
def cache():
    """Locks the directory of the kernels, so that one process at a time fills it."""
    where = os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'),
                         'libcoherent')
    os.makedirs(where, exist_ok=True)
    with open(os.path.join(where, 'lock'), 'w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield where


def get_kernel(where, name, arch):
    """Returns a kernel of SUITES or of BUILT."""
    return own(where, name) if name in BUILT else stock(where, name, arch)


def copy_tree(source_dir, where):
    """Copies the folders that modules are built from."""
    for name in TREE:
        shutil.copytree(os.path.join(source_dir, name), os.path.join(where, name))


def checkpatch(cache):
    """Returns the path of checkpatch.pl, which only the whole source of the kernel has."""
    where = os.path.join(cache, 'checkpatch-6.1')
    if not os.path.isdir(where):
        packed = Archive(cache).unpack(['linux-source-6.1'], where + '-packed')
        with tempfile.TemporaryDirectory(dir=cache) as work:
            run_command(['tar', '-xf', *glob.glob(os.path.join(packed, 'usr/src/*.tar.xz')),
                         '-C', work, '--strip-components=2', '--wildcards',
                         *(f'*/scripts/{name}' for name in ('checkpatch.pl', 'spelling.txt',
                                                             'const_structs.checkpatch'))])
            shutil.copytree(work, where)
        shutil.rmtree(packed)
    return os.path.join(where, 'checkpatch.pl')


def stock(cache, series, arch):
    """Returns the newest of Debian's kernels of a series: one with all drivers, or a cloud kernel."""
    archive = Archive(cache, SUITES[series], None if arch == 'amd64' else arch)
    number = re.escape(series.removesuffix('-full'))
    flavour = '' if series.endswith('-full') else 'cloud-'
    package = archive.newest(rf'linux-image-{number}\.[^-]+(-\d+)?-{flavour}{arch}')
    version = package.removeprefix('linux-image-')
    parts = archive.depends(package, rf'linux-(binary|modules)-{re.escape(version)}')
    tree = archive.unpack([package, *parts], os.path.join(cache, package))
    found = glob.glob(os.path.join(tree, '**/lib/modules', version), recursive=True)
    modules = found[0]
    if not os.path.exists(os.path.join(modules, 'modules.dep')):
        run_command(['/sbin/depmod', '-b', modules.removesuffix(f'/lib/modules/{version}'),
                     version])
    image = (glob.glob(os.path.join(tree, 'boot/vmlinuz-*')) or
             [os.path.join(modules, 'vmlinuz')])[0]
    return Kernel(series, arch, version, image, modules, archive, cache)


def own(cache, name):
    """Builds Debian's source as BUILT says, once. That takes 10 to 20 CPU-minutes."""
    archive = Archive(cache, SUITES[OWN])
    package = f'linux-source-{OWN}'
    version = archive.version(package)
    names, words = BUILT[name]
    configs = [os.path.join(HERE, config) for config in names]
    key = hashlib.sha256()
    for path in configs:
        with open(path, 'rb') as config:
            key.update(config.read())
    key.update(''.join([*words, version, run_command(['gcc', '--version'])]).encode())
    tree = os.path.join(cache, f'linux-{name}-{OWN}-{key.hexdigest()[:16]}')
    build = os.path.join(tree, 'build')
    image = os.path.join(build, 'arch/x86/boot/bzImage')
    done = os.path.join(tree, 'done')
    if not os.path.exists(done):
        missing = [name for tool, name in TOOLS.items() if not shutil.which(tool)]
        if missing:
            raise OutOfReach(f'missing: apt-get install {" ".join(missing)}, or make deps-kernels')
        print(f'# building {package} {version} in {tree}; this takes 10 to 20 CPU-minutes, once',
              file=sys.stderr)
        build_kernel(source(archive, package, version, cache), build, configs, words)
        open(done, 'w', encoding='utf-8').close()
    with open(os.path.join(build, 'include/config/kernel.release'), encoding='utf-8') as release:
        return Kernel(name, 'amd64', release.read().strip(), image, None, archive, cache, build)


def source(archive, package, version, cache):
    """Unpacks Debian's source, for all kernels that are built here. Returns its directory."""
    source = os.path.join(cache, re.sub(r'[^\w.-]', '-', f'{package}-{version}'))
    if not os.path.isdir(source):
        packed = archive.unpack([package], source + '-packed')
        with tempfile.TemporaryDirectory(dir=cache) as work:
            run_command(['tar', '-xf', *glob.glob(os.path.join(packed, 'usr/src/*.tar.xz')),
                         '-C', work])
            os.rename(os.path.join(work, package), source)
        shutil.rmtree(packed)
    return source


def build_kernel(source, build, configs, words):
    os.makedirs(build, exist_ok=True)
    make = ['make', '-C', source, f'O={build}']
    run_command([*make, 'tinyconfig'])
    run_command([os.path.join(source, 'scripts/kconfig/merge_config.sh'), '-m', '-O', build,
                 os.path.join(build, '.config'), *configs], cwd=source)
    run_command([*make, 'olddefconfig'])
    check_config(os.path.join(build, '.config'), configs)
    path = os.path.join(os.path.dirname(build), 'log')
    with open(path, 'w', encoding='utf-8') as log:
        failed = subprocess.run([*make, *words, f'-j{os.cpu_count()}', 'bzImage', 'modules'],
                                check=False, stdout=log, stderr=log).returncode
    if failed:
        raise OutOfReach(f'{os.path.basename(source)} does not build: see {path}')


def check_config(path, configs, perhaps=()):
    """Checks that a .config has each option, except those in perhaps. Kconfig drops some silently."""
    wanted = {}
    for config in configs:
        with open(config, encoding='utf-8') as text:
            wanted.update(re.findall(r'^(CONFIG_\w+)=(.*)$', text.read(), re.M))
    with open(path, encoding='utf-8') as text:
        got = dict(re.findall(r'^(CONFIG_\w+)=(.*)$', text.read(), re.M))
    lost = {name for name, value in wanted.items() if got.get(name, 'n') != value
            and name not in perhaps}
    if lost:
        raise OutOfReach(f'the kernel does not get what it needs: {" ".join(sorted(lost))}')
