# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Unpack packages of another suite or architecture into a directory, without installing them.

apt downloads them with lists of its own, which are below the cache. It uses the hosts and keys of
the machine's own sources.
"""
import glob
import os
import re
import subprocess
import tempfile
import time

KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg'
DAY = 24 * 60 * 60


class OutOfReach(Exception):
    """A package, a tool or a kernel is missing. The message tells how to get it."""


class Failed(Exception):
    """A command failed. The message is its output."""


def run_command(command, **options):
    """Runs a command and returns its output."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, **options)
    if done.returncode:
        raise Failed(f'{" ".join(command)}\n{done.stdout}{done.stderr}'.strip())
    return done.stdout


def reach(command, **options):
    """Runs a command that needs an archive. Returns its output."""
    try:
        return run_command(command, **options)
    except Failed as failed:
        raise OutOfReach(f'{command[0]} {command[1]}: {str(failed).splitlines()[-1]}') from failed


def natural(text):
    return [int(part) if part.isdigit() else part for part in re.split(r'(\d+)', text)]


class Archive:
    """The packages that apt knows, of the machine itself or of a suite or an architecture."""

    def __init__(self, cache, suite=None, arch=None):
        where = os.path.join(cache, f'apt-{suite}-{arch}' if suite or arch else 'apt')
        os.makedirs(where, exist_ok=True)
        self.options = self._apart(where, suite, arch) if suite or arch else []
        # Images of containers often let apt keep no cache. Then each question takes a second.
        for name in ('pkgcache', 'srcpkgcache'):
            self.options += ['-o', f'Dir::Cache::{name}={where}/{name}.bin']

    def _apart(self, where, suite, arch):
        for name in ('state/lists/partial', 'cache/archives/partial'):
            os.makedirs(os.path.join(where, name), exist_ok=True)
        sources = os.path.join(where, 'sources.list')
        options = [f'Dir::Etc::SourceList={sources}', 'Dir::Etc::SourceParts=/dev/null',
                   'Dir::Etc::PreferencesParts=/dev/null', f'Dir::State={where}/state',
                   'Dir::State::status=/dev/null', f'Dir::Cache={where}/cache',
                   'APT::Sandbox::User=root', 'Acquire::Languages=none']
        if arch:
            options += [f'APT::Architecture={arch}', f'APT::Architectures={arch}']
        options = [word for option in options for word in ('-o', option)]
        if not os.path.exists(sources) or time.time() - os.path.getmtime(sources) > DAY:
            text = ''.join(f'deb [signed-by={KEYS}] {uri} {name} main\n'
                           for uri, name in self.repositories(suite))
            with open(sources + '.new', 'w', encoding='utf-8') as out:
                out.write(text)
            update = [word.replace(sources, sources + '.new') for word in options]
            reach(['apt-get', 'update', *update, '-qq', '-o', 'APT::Update::Error-Mode=any'])
            os.rename(sources + '.new', sources)
        return options

    @staticmethod
    def repositories(suite):
        """Returns (URI, name) of Debian's repositories here, or of the suite on the same host."""
        told = reach(['apt-get', 'indextargets', '--format',
                    '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)', 'Created-By: Packages'])
        found = [line.split() for line in told.splitlines() if line.endswith(' main Debian')]
        if not found:
            raise OutOfReach('apt has no lists of Debian here: run apt-get update')
        if suite:
            # The shortest name is the release. -security and -updates have longer ones.
            uri = min(found, key=lambda line: len(line[1]))[0]
            return [(uri, suite)]
        return [(uri, name) for uri, name, _, _ in found]

    def newest(self, pattern):
        """Returns the package with the highest number in its name."""
        names = reach(['apt-cache', 'pkgnames', *self.options]).splitlines()
        found = [name for name in names if re.fullmatch(pattern, name)]
        if not found:
            raise OutOfReach(f'apt knows no package {pattern}: run apt-get update')
        return max(found, key=natural)

    def version(self, package):
        shown = reach(['apt-cache', 'show', '--no-all-versions', package, *self.options])
        return re.search(r'^Version: (\S+)', shown, re.M)[1]

    def depends(self, package, pattern):
        told = reach(['apt-cache', 'depends', package, *self.options])
        return [name for name in re.findall(r'Depends: (\S+)', told)
                if re.fullmatch(pattern, name)]

    def unpack(self, packages, where):
        """Unpacks all packages into a directory. An interrupted run leaves no directory."""
        if os.path.isdir(where):
            return where
        os.makedirs(os.path.dirname(where), exist_ok=True)
        with tempfile.TemporaryDirectory(dir=os.path.dirname(where)) as work:
            reach(['apt-get', 'download', *self.options, *packages], cwd=work)
            tree = os.path.join(work, 'tree')
            for deb in glob.glob(os.path.join(work, '*.deb')):
                run_command(['dpkg', '-x', deb, tree])
            os.rename(tree, where)
        return where
