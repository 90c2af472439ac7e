# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The command line of series."""
import argparse
import os
import subprocess
import sys
import tempfile

from upstream.patches import SERIES
from upstream.transform import Problem
from upstream.tree import HERE, SOURCE_DIR, read, states

USAGE = """\
Usage: series [--kernel DIR] [--author 'NAME <ADDRESS>'] [--objects] [OUT]

Writes the kernel face as patches for the kernel's own tree, to apply with git am. OUT is a new or
empty folder; without it the patches go to build/series.

  --kernel DIR   the source of the kernel. Without it series takes Debian's source, as the tests do
  --author WHO   the author, who signs the patches off and maintains the files. Without it series
                 takes user.name and user.email of git
  --objects      print what make builds after each patch, one line a patch
  --help

The program unifdef must be installed.
"""


class Parser(argparse.ArgumentParser):
    """Refuses bad arguments in a line."""

    def error(self, message):
        raise Problem(f'{message}; see series --help')

    def format_help(self):
        return USAGE


def git(where, *words, env=None, text=None):
    done = subprocess.run(['git', *words], cwd=where, check=False, capture_output=True, text=True,
                          input=text, env=env)
    if done.returncode:
        raise Problem(f'git {words[0]} failed: {done.stderr.strip().splitlines()[-1:]}')
    return done.stdout


def identity(author):
    """Returns (name, address) of the author."""
    if author:
        name, _, address = author.rstrip('>').partition(' <')
        if not name.strip() or '@' not in address or any(mark in author for mark in '\n\r'):
            raise Problem("--author needs 'NAME <ADDRESS>'")
        return name.strip(), address
    found = [subprocess.run(['git', 'config', f'user.{part}'], cwd=SOURCE_DIR, check=False,
                            capture_output=True, text=True).stdout.strip()
             for part in ('name', 'email')]
    if not all(found):
        raise Problem('who is the author? Set user.name and user.email of git, or give --author')
    return tuple(found)


def default_kernel():
    """Returns Debian's source of the kernel that the tests build."""
    sys.path.insert(0, os.path.join(SOURCE_DIR, 'tests/vm'))
    import archive
    import kernels
    try:
        with kernels.cache() as cache:
            found = archive.Archive(cache, kernels.SUITES[kernels.OWN])
            package = f'linux-source-{kernels.OWN}'
            return kernels.source(found, package, found.version(package), cache)
    except (archive.Failed, archive.OutOfReach) as why:
        raise Problem(f'no source of the kernel: {str(why).splitlines()[-1]}; give --kernel') from None


def check(kernel, out):
    """Finds what would stop the script half-way."""
    if not os.path.isdir(kernel):
        raise Problem(f'{kernel}: there is no such folder')
    if not os.path.exists(os.path.join(kernel, 'MAINTAINERS')):
        raise Problem(f'{kernel} is not the source of a kernel: it has no MAINTAINERS')
    if os.path.exists(out) and (not os.path.isdir(out) or os.listdir(out)):
        raise Problem(f'{out} is not an empty folder; remove it, or name another one')


def environment(name, address):
    """Returns the variables of git. The date is that of the commit, so a series can be made again.

    SOURCE_DATE_EPOCH gives another one.
    """
    env = {key: value for key, value in os.environ.items() if not key.startswith('GIT_')}
    date = subprocess.run(['git', 'log', '-1', '--format=%cI'], cwd=SOURCE_DIR, check=False,
                          capture_output=True, text=True, env=env).stdout.strip()
    if os.environ.get('SOURCE_DATE_EPOCH', '').isdigit():
        date = f'@{os.environ["SOURCE_DATE_EPOCH"]} +0000'
    who = {f'GIT_{role}_{part}': value for role in ('AUTHOR', 'COMMITTER')
           for part, value in (('NAME', name), ('EMAIL', address), ('DATE', date)) if value}
    return {**env, **who, 'GIT_CONFIG_GLOBAL': os.devnull, 'GIT_CONFIG_NOSYSTEM': '1'}


def write(top, kernel, out, author):
    """Writes the patches. Returns them."""
    name, address = author
    signed = f'Signed-off-by: {name} <{address}>'
    env = environment(name, address)
    made = []
    with tempfile.TemporaryDirectory() as work:
        git(work, 'init', '-q', env=env)
        edited = {'MAINTAINERS', *(path for patch in SERIES for path, _, _ in patch.lines
                                   if os.path.exists(os.path.join(kernel, path)))}
        put(work, {path: read(os.path.join(kernel, path)) for path in edited})
        git(work, 'add', '.', env=env)
        git(work, 'commit', '-q', '-m', 'base', env=env)
        for patch, files in states(top, kernel, f'{name} <{address}>'):
            put(work, files)
            git(work, 'add', '.', env=env)
            git(work, 'commit', '-q', '-F', '-', env=env,
                text=f'{patch.subject}\n\n{patch.body}\n\n{signed}\n')
            made.append(patch)
        os.makedirs(out, exist_ok=True)
        git(work, 'format-patch', '-q', '--cover-letter', '--no-signature',
            '-o', os.path.abspath(out), f'HEAD~{len(made)}', env=env)
    # git am takes *.patch, and the cover letter is not a patch.
    cover = os.path.join(out, '0000-cover-letter.txt')
    os.rename(os.path.join(out, '0000-cover-letter.patch'), cover)
    subject, _, blurb = read(os.path.join(HERE, 'files/cover.txt')).partition('\n\n')
    text = read(cover).replace('*** SUBJECT HERE ***', subject)
    with open(cover, 'w', encoding='utf-8') as file:
        file.write(text.replace('*** BLURB HERE ***', blurb.strip()))
    return made


def put(where, files):
    for path, text in files.items():
        path = os.path.join(where, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)


def main(arguments):
    parser = Parser(add_help=True)
    parser.add_argument('--kernel')
    parser.add_argument('--author')
    parser.add_argument('--objects', action='store_true')
    parser.add_argument('out', nargs='?', default=os.path.join(SOURCE_DIR, 'build/series'))
    try:
        options = parser.parse_args(arguments)
        author = identity(options.author)
        kernel = options.kernel or default_kernel()
        check(kernel, options.out)
        made = write(SOURCE_DIR, kernel, options.out, author)
    except Problem as why:
        print(f'series: {why}', file=sys.stderr)
        return 2
    except OSError as why:
        print(f'series: {why.filename}: {why.strerror}', file=sys.stderr)
        return 2
    for patch in made if options.objects else ():
        print(' '.join(patch.objects))
    if not options.objects:
        print(f'{len(made)} patches are in {options.out}: git am {options.out}/*.patch')
    return 0
