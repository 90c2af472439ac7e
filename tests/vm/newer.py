# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Build modules, also in Rust, for Debian's stock kernel of a newer suite.

The compilers of this machine are too old for that. So newer.py makes a chroot of the suite that has
the kernel, with debootstrap and the host of the machine's own sources. The source of the kernel
gets Debian's configuration and is prepared in the chroot: that makes the headers, and the crates
that modules in Rust use. All of this is in the cache. The chroot sees the cache, this tree and the
folder of temporary files at their own paths. Only root can make a chroot.
"""
import dataclasses
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

import kernels
from archive import Archive, Failed, KEYS, OutOfReach, run_command

SERIES = '7.3'
PACKAGES = ('gcc-14', 'gcc-14-aarch64-linux-gnu', 'binutils', 'binutils-aarch64-linux-gnu', 'make',
            'libc6-dev', 'libc6-dev-arm64-cross', 'flex', 'bison', 'bc', 'perl', 'python3', 'kmod',
            'libelf-dev', 'libssl-dev', 'openssl', 'pahole', 'rustc', 'rust-src', 'rustfmt',
            'bindgen', 'clang')
# Words of make, and options of the configuration that need a compiler for 32 bits. They have no part
# in modules.
ARCHES = {
    'amd64': (['ARCH=x86', 'CROSS_COMPILE=x86_64-linux-gnu-', 'CC=x86_64-linux-gnu-gcc-14'], ()),
    'arm64': (['ARCH=arm64', 'CROSS_COMPILE=aarch64-linux-gnu-', 'CC=aarch64-linux-gnu-gcc-14'],
              ('CONFIG_COMPAT_VDSO', 'CONFIG_THUMB2_COMPAT_VDSO')),
}
# Runs a command in a chroot that sees the directories $2 at their own paths.
ENTER = '''
root=$1 shared=$2
shift 2
mount -t proc proc "$root/proc"
for path in $shared; do
	mkdir -p "$root$path"
	mount --bind "$path" "$root$path"
done
exec chroot "$root" /usr/bin/env -i PATH=/usr/bin:/usr/sbin:/bin:/sbin HOME=/root LC_ALL=C \\
	KBUILD_BUILD_USER=libcoherent KBUILD_BUILD_HOST=libcoherent "$@"
'''


def enter(root, shared):
    """Returns the words that run a command in a chroot."""
    return ['unshare', '--mount', 'sh', '-ec', ENTER, 'enter', root, ' '.join(shared)]


def chroot(cache, suite, packages=PACKAGES, options=(f'--keyring={KEYS}',), script=(), archive='debian'):
    """Makes a chroot of a suite with packages, once. Returns its directory.

    The options and the script are those of debootstrap. The archive of another distribution is beside
    Debian's on many hosts.
    """
    key = hashlib.sha256(' '.join(packages).encode()).hexdigest()[:16]
    root = os.path.join(cache, f'chroot-{suite}-{key}')
    if os.path.isdir(root):
        return root
    if not shutil.which('debootstrap'):
        raise OutOfReach('missing: apt-get install debootstrap, or make deps-all')
    print(f'# making a chroot of {suite} in {root}; this takes minutes, once', file=sys.stderr)
    [(uri, _)] = Archive.repositories(suite)
    uri = re.sub(r'debian/?$', archive, uri)
    with tempfile.TemporaryDirectory(dir=cache) as work:
        new = os.path.join(work, 'root')
        try:
            run_command(['debootstrap', '--variant=minbase', *options, suite, new, uri, *script])
            run_command([*enter(new, []), 'DEBIAN_FRONTEND=noninteractive', 'apt-get', 'install', '-qq',
                         '-o', 'Dpkg::Options::=--force-unsafe-io', '--no-install-recommends', *packages])
        except Failed as failed:
            raise OutOfReach(f'no chroot of {suite}: {str(failed).splitlines()[-1]}') from failed
        run_command([*enter(new, []), 'apt-get', 'clean'])
        # Users other than root may read the chroot.
        os.chmod(new, 0o755)
        os.rename(new, root)
    return root


@dataclasses.dataclass
class NewerKernel(kernels.Kernel):
    """A stock kernel whose modules are built in a chroot."""
    root: str = ''

    def headers(self):
        return self.build

    def command(self, where, *words):
        """Returns the words that make something in a directory, in the chroot."""
        shared = [tempfile.gettempdir(), self.cache, kernels.SOURCE_DIR]
        return [*enter(self.root, shared), 'make', *ARCHES[self.arch][0],
                f'LOCALVERSION={local_version(self.version)}', f'-j{os.cpu_count()}', '-C',
                self.build, f'M={where}', *words]


def local_version(version):
    """Returns what Debian adds to the number of a kernel: +deb13-cloud-amd64 of 7.3.4."""
    return re.sub(r'^[\d.]+', '', version)


def with_modules(kernel):
    """Returns the same kernel with a build directory for its modules, which is made once."""
    suite = kernels.SUITES[kernel.name].removesuffix('-backports')
    if subprocess.run(['unshare', '--mount', 'true'], check=False, capture_output=True).returncode:
        raise OutOfReach(f'a module for {kernel.version} is built in a chroot, which needs root')
    root = chroot(kernel.cache, suite)
    tree = os.path.join(kernel.cache, f'linux-modules-{kernel.version}')
    build = os.path.join(tree, 'build')
    new = NewerKernel(**{**vars(kernel), 'build': build}, root=root)
    if not os.path.exists(os.path.join(tree, 'done')):
        prepare(new, build)
        open(os.path.join(tree, 'done'), 'w', encoding='utf-8').close()
    return new


def prepare(kernel, build):
    """Prepares the source of a kernel with Debian's configuration."""
    package = f'linux-source-{kernel.name}'
    native = Archive(kernel.cache, kernels.SUITES[kernel.name])
    source = kernels.source(native, package, native.version(package), kernel.cache)
    name = f'linux-headers-{kernel.version}'
    headers = kernel.archive.unpack([name], os.path.join(kernel.cache, name))
    [config] = glob.glob(os.path.join(headers, 'usr/src', name, '.config'))
    shutil.rmtree(build, ignore_errors=True)
    os.makedirs(build)
    shutil.copy(config, build)
    print(f'# preparing {kernel.version} for modules in {build}; this takes 2 CPU-minutes, once',
          file=sys.stderr)
    words, lost = ARCHES[kernel.arch]
    make = [*enter(kernel.root, [kernel.cache]), 'make', *words, '-C', source, f'O={build}',
            f'LOCALVERSION={local_version(kernel.version)}', f'-j{os.cpu_count()}']
    run_command([*make, 'olddefconfig'])
    kernels.check_config(os.path.join(build, '.config'), [config], lost)
    path = os.path.join(os.path.dirname(build), 'log')
    with open(path, 'w', encoding='utf-8') as log:
        failed = subprocess.run([*make, 'prepare', 'modules_prepare'], check=False, stdout=log,
                                stderr=log).returncode
    if failed:
        raise OutOfReach(f'{kernel.version} cannot be prepared for modules: see {path}')
    shutil.copy(os.path.join(os.path.dirname(config), 'Module.symvers'), build)
