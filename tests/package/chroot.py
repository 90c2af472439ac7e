# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Run commands in copies of a bare chroot of Debian 12 or Ubuntu 24.04.

debootstrap makes the chroot once, from the host of the machine's own sources. A copy has what is
essential and apt, until a test installs more. The copies share the packages that apt downloads.
"""
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile

from version import version

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), 'vm')]
import kernels  # noqa: E402
import newer  # noqa: E402
from archive import Archive, Failed, OutOfReach, run_command  # noqa: E402
from tap import Results  # noqa: E402

SUITE = 'bookworm'
# A chroot has other files in these at any time, or none that belong to a package.
VOLATILE = ('dev', 'proc', 'sys', 'tmp', 'run', 'var/cache', 'var/lib/apt', 'var/lib/dpkg', 'var/log')


def bare(is_ubuntu=False):
    """Returns the folder of the bare chroot. It is made if it is not there."""
    if subprocess.run(['unshare', '--mount', 'true'], check=False, capture_output=True).returncode:
        raise OutOfReach('only root can make a chroot')
    with kernels.cache() as cache:
        return ubuntu(cache) if is_ubuntu else newer.chroot(cache, SUITE, ())


def ubuntu(cache):
    """Makes the chroot of Ubuntu. A package of a newer Debian has the keys."""
    keys = Archive(cache, 'trixie').unpack(['ubuntu-keyring'], os.path.join(cache, 'ubuntu-keyring'))
    keys = os.path.join(keys, 'usr/share/keyrings/ubuntu-archive-keyring.gpg')
    # Debian's debootstrap knows only older versions of Ubuntu, which are made in the same way.
    return newer.chroot(cache, 'noble', (), [f'--keyring={keys}', '--components=main,universe'],
                        ['/usr/share/debootstrap/scripts/gutsy'], 'ubuntu')


class Chroot:
    """A copy of the bare chroot. It sees the folder of the test at its own path."""

    def __init__(self, base, work, name):
        self.root = os.path.join(work, name)
        self.shared = [work, base + '-archives']
        os.makedirs(os.path.join(self.shared[1], 'partial'), exist_ok=True)
        run_command(['cp', '-a', base, self.root])
        code, out = self.apt('update')
        if code:
            raise OutOfReach('apt-get update in a chroot: ' + out.strip().splitlines()[-1])

    def run(self, *command, cwd='/', **env):
        """Runs a command. Returns its exit status and output."""
        words = ['env', '-C', cwd, *(f'{name}={value}' for name, value in env.items()), *command]
        done = subprocess.run([*newer.enter(self.root, self.shared), *words], check=False, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        return done.returncode, done.stdout

    def apt(self, *words):
        """Runs apt-get, which keeps what it downloads for other copies."""
        # apt fails if the test of the tarball uses the same folder.
        with open(self.shared[1] + '.lock', 'w', encoding='utf-8') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return self.run('apt-get', '-qq', '-y', '--no-install-recommends',
                            '-o', 'Dpkg::Options::=--force-unsafe-io', '-o', 'APT::Sandbox::User=root',
                            '-o', 'APT::Keep-Downloaded-Packages=true',
                            '-o', 'Dir::Cache::archives=' + self.shared[1], *words,
                            DEBIAN_FRONTEND='noninteractive')

    def install(self, *packages):
        """Installs packages of Debian. They are not what is tested."""
        code, out = self.apt('install', *packages)
        if code:
            raise OutOfReach('apt-get install in a chroot: ' + out.strip().splitlines()[-1])

    def files(self):
        """Returns the paths of all files and folders but the volatile ones."""
        found = set()
        for where, names, others in os.walk(self.root):
            inside = os.path.relpath(where, self.root)
            paths = [os.path.normpath(os.path.join(inside, name)) for name in names + others]
            found.update(path for path in paths if path not in VOLATILE)
            names[:] = [name for name in names
                        if os.path.normpath(os.path.join(inside, name)) not in VOLATILE]
        return found


def copy_tree(source, where, *commands):
    """Copies the files of a tree, without its history and builds, and runs commands in the copy."""
    ignored = shutil.ignore_patterns('.git', '__pycache__')
    shutil.copytree(source, where, symlinks=True, ignore=lambda folder, names: {
        *ignored(folder, names), *(['build', 'compile_commands.json'] if folder == source else [])})
    for command in commands:
        command(where)
    return where


def previous(where):
    """Gives a tree the version that debian/changelog had before this one."""
    path = os.path.join(where, 'debian/changelog')
    with open(path, encoding='utf-8') as file:
        entries = file.read().split('\nlibcoherent (')
    with open(path, 'w', encoding='utf-8') as file:
        file.write('libcoherent (' + '\nlibcoherent ('.join(entries[1:]))
    new, old = version(where), entries[1].split(')')[0]
    edits = {'meson.build': [(f"version: '{new}'", f"version: '{old}'")],
             'dkms.conf': [(f'"{new}"', f'"{old}"')],
             'include/coherent/version.h': [
                 (f'COHERENT_VERSION_{part} {one}\n', f'COHERENT_VERSION_{part} {two}\n')
                 for part, one, two in zip(('MAJOR', 'MINOR', 'PATCH'), new.split('.'), old.split('.'))]}
    for name, changes in edits.items():
        path = os.path.join(where, name)
        with open(path, encoding='utf-8') as file:
            text = file.read()
        for one, two in changes:
            text = text.replace(one, two)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)


def run_test(name, check, is_ubuntu=False):
    """Prints what check(results, base, work) finds in copies of the bare chroot.

    Returns the exit status."""
    results = Results()
    try:
        base = bare(is_ubuntu)
        with tempfile.TemporaryDirectory() as work:
            check(results, base, work)
    except OutOfReach as reason:
        if not results.count:
            results.skip(name, reason)
        else:
            results.say(False, 'the packages of the distribution can be installed', reason)
    except Failed as failed:
        results.say(False, f'{name} can be tested', failed)
    return results.close()
