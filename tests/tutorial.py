#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""A page of docs/ does what it says: tutorial.py SOURCE_DIR BUILD_DIR PAGE

The script does what a reader of the page does, in an empty folder, with a staged install of the
library. The line that begins a block says what the block is:

    ```LANGUAGE FILE    a file, which the script writes
    ```sh [NEED...]     commands
    ```text             all that the commands before it print

Commands without a text block must print nothing, and commands must end in ten minutes. A NEED is a command, a header with its folder as
gtest/gtest.h, or kernel-headers, which also sets KDIR. The script skips a block whose need is
missing. Any other block is a mistake, because no test would notice what is wrong in it. A page that
names libcoherent/ gets a copy of the tree there.

Before the script compares, it writes N for times and for versions of Linux, /home/you for the
folder, and takes away the spaces at the end of a line. Prints TAP.
"""
import dataclasses
import difflib
import functools
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from tap import Results

HERE = os.path.dirname(os.path.abspath(__file__))
FENCE = re.compile(r'^```(.*)\n((?:(?!```).*\n)*)```$', re.M)
TREE = ('LICENSES', 'examples', 'include', 'kernel', 'src', 'tests', 'tools')
# The Debian packages of what a block may need, if the name does not tell.
PACKAGES = {'cmocka.h': 'libcmocka-dev', 'gtest/gtest.h': 'libgtest-dev', 'spatch': 'coccinelle',
            'qemu-system-x86_64': 'qemu-system-x86'}
# Commands that take longer are ended. A page may have a loop that does not end if a command fails.
LIMIT_SECONDS = 600
# Times, and the version of a kernel.
VARIABLE = re.compile(r'\b\d+(\.\d+)?(?= (ms|sec|s)\b)|(?<=\bLinux )\d[\w.+-]*')


@dataclasses.dataclass
class Block:
    """A block of a page. words: what follows the three backquotes. line: where it begins."""
    words: list
    text: str
    line: int

    def is_kind(self, kind):
        return self.words[:1] == [kind]


@dataclasses.dataclass
class Result:
    """A line of TAP. why: what to print if the result is bad, or the reason of a skip."""
    good: bool
    name: str
    why: str = ''
    skipped: bool = False


def blocks_of(page):
    return [Block(found[1].split(), found[2], page.count('\n', 0, found.start()) + 1)
            for found in FENCE.finditer(page)]


@functools.cache
def kernel_headers():
    """Returns (path of the headers of Debian's kernel, why there is none)."""
    sys.path.insert(0, os.path.join(HERE, 'vm'))
    import archive
    import kernels
    try:
        with kernels.cache() as cache:
            return kernels.get_kernel(cache, '6.1', 'amd64').headers(), ''
    except archive.OutOfReach as reason:
        return '', str(reason)


def missing(need, environment, where):
    """Returns why a block cannot run, or ''."""
    if need == 'kernel-headers':
        environment['KDIR'], why = kernel_headers()
        return why
    if need.endswith('.h'):
        found = not subprocess.run(['cc', '-x', 'c', '-M', '-'], cwd=where, check=False, text=True,
                                   input=f'#if !__has_include(<{need}>)\n#error\n#endif\n',
                                   capture_output=True).returncode
    else:
        found = shutil.which(need, path=environment['PATH'])
    return '' if found else f'{need} is missing: apt-get install {PACKAGES.get(need, need)}'


def settled(text, where):
    """Returns a text without what is another in each run."""
    text = text.replace(os.path.realpath(where), '/home/you').replace(where, '/home/you')
    return re.sub(r'[ \t]+$', '', VARIABLE.sub('N', text), flags=re.M)


def write(where, block):
    path = os.path.join(where, block.words[1])
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(block.text)


def run_shell(text, where, environment):
    """Runs commands. Returns their status, or that they did not end, and what they printed."""
    with subprocess.Popen(['sh', '-ec', text], cwd=where, env=environment, text=True,
                          errors='replace', stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, start_new_session=True) as shell:
        try:
            out, _ = shell.communicate(timeout=LIMIT_SECONDS)
            return shell.returncode, out
        except subprocess.TimeoutExpired:
            # The programs that the shell started are in its group.
            os.killpg(shell.pid, signal.SIGKILL)
            return f'of none: they ran for {LIMIT_SECONDS} seconds', shell.communicate()[0]


def run_commands(block, wanted, where, environment):
    """Runs a block and compares what it prints. Returns two results."""
    status, out = run_shell(block.text, where, environment)
    said = settled(out, where)
    wanted = settled(wanted, where)
    difference = difflib.unified_diff(wanted.splitlines(), said.splitlines(), 'page', 'output',
                                      lineterm='')
    return [Result(status == 0, f'line {block.line}: the commands run', f'status {status}\n{out}'),
            Result(said == wanted, f'line {block.line}: they print what the page says',
                   '\n'.join(difference))]


def run_page(page, where, environment):
    """Does what a page says in a folder. Returns the results."""
    results = []
    blocks = blocks_of(page)
    nothing = Block([], '', 0)
    for before, block, after in zip([nothing, *blocks], blocks, [*blocks[1:], nothing]):
        if block.is_kind('sh'):
            reasons = [missing(need, environment, where) for need in block.words[1:]]
            if any(reasons):
                results.append(Result(True, f'line {block.line}', next(filter(None, reasons)), True))
                continue
            wanted = after.text if after.is_kind('text') else ''
            results += run_commands(block, wanted, where, environment)
        elif len(block.words) == 2 and not block.is_kind('text'):
            write(where, block)
        elif block.words != ['text'] or not before.is_kind('sh'):
            results.append(Result(False, f'line {block.line}: the block is a file, commands or text',
                                  ' '.join(block.words)))
    results.append(Result(page.count('\n```') == 2 * len(blocks), 'each block ends'))
    results.append(Result(any(block.is_kind('sh') for block in blocks), 'there is something to run'))
    return results


def install(build_dir, stage):
    """Installs the library. Returns the environment of a reader who has it."""
    subprocess.run(['meson', 'install', '-C', build_dir, '--no-rebuild', '--quiet', '--destdir',
                    stage], check=True, capture_output=True)
    (libdir,) = map(os.path.dirname, glob.glob(os.path.join(stage, '**', 'libcoherent.a'),
                                               recursive=True))
    (header,) = glob.glob(os.path.join(stage, '**', 'coherent.h'), recursive=True)
    prefix = os.path.dirname(os.path.dirname(header))
    # A make that runs this script is not the make of the reader.
    environ = {name: value for name, value in os.environ.items() if not name.startswith('MAKE')}
    return dict(environ, LC_ALL='C.UTF-8', PKG_CONFIG_SYSROOT_DIR=stage, LD_LIBRARY_PATH=libdir,
                PKG_CONFIG_PATH=os.path.join(libdir, 'pkgconfig'), CMAKE_PREFIX_PATH=prefix,
                PATH=f'{prefix}/bin:{environ["PATH"]}')


def copy_tree(source_dir, where):
    for name in TREE:
        shutil.copytree(os.path.join(source_dir, name), os.path.join(where, 'libcoherent', name),
                        ignore=shutil.ignore_patterns('__pycache__'))


def print_tap(found):
    results = Results()
    for result in found:
        if result.skipped:
            results.skip(result.name, result.why)
        else:
            results.say(result.good, result.name, result.why)
    return results.close()


def main():
    if len(sys.argv) != 4:
        print('usage: tutorial.py SOURCE_DIR BUILD_DIR PAGE', file=sys.stderr)
        return 2
    source_dir, build_dir, name = sys.argv[1:]
    with open(os.path.join(source_dir, 'docs', name), encoding='utf-8') as file:
        page = file.read()
    with tempfile.TemporaryDirectory() as folder:
        environment = install(build_dir, os.path.join(folder, 'stage'))
        where = os.path.join(folder, 'work')
        os.mkdir(where)
        if 'libcoherent/' in re.sub(r'\(.*?\)', '', page):
            copy_tree(source_dir, where)
        results = run_page(page, where, environment)
    return print_tap(results)


if __name__ == '__main__':
    sys.exit(main())
