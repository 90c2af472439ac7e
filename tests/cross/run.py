#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Build the library for another CPU or another libc, and run tests with it.

usage: run.py TARGET SOURCE_DIR ['NAME=WORD WORD...']...

TARGET is arm64, s390x, riscv64 or musl. A word that ends in ".c" is a source in tests/, a word
that begins with "-" is a flag of the compiler, and another word is an argument of the program. For
another CPU a program runs under qemu-user, with the cmocka of that CPU. For musl it runs here, and
programs with cmocka are left out, because Debian has no cmocka for musl.

Prints TAP. qemu-user accepts MADV_WIPEONFORK and does nothing. A small program finds that out
first. Then a comment names the tests that need it, and their results do not count.
"""
import dataclasses
import glob
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), 'vm')]
import kernels  # noqa: E402
from archive import Archive, Failed, OutOfReach, run_command  # noqa: E402
from tap import Results  # noqa: E402

FLAGS = ['-std=gnu11', '-O1', '-g', '-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE',
         '-D_FILE_OFFSET_BITS=64', '-pthread', '-ffile-prefix-map=../=']
SECONDS = 600
TAP = re.compile(r'^(not ok|ok) \d+ - (.*)$', re.M)
PLAN = re.compile(r'^1\.\.(\d+)$', re.M)
# These tests need MADV_WIPEONFORK.
WIPED = {'forked_child_cannot_use_the_device', 'forked_child_cannot_use_the_pool',
         'forked_child_has_no_device', 'forked_child_makes_no_report'}
# These check their own results.
EXAMPLES = ('chain', 'mailbox', 'nic', 'pagetable')
NO_WIPE = 'MADV_WIPEONFORK does nothing here, so these tests are not expected to pass: '
# The worlds of the promises need these, but only a simulated device works everywhere.
WORLDS = ('blk', 'nvme', 'qsd')
MODEL_STEPS = '20000'


@dataclasses.dataclass
class Target:
    """A CPU under qemu-user. suite: has cmocka for it, or None for the suite of this machine."""
    triplet: str
    qemu: str
    suite: str | None = None


TARGETS = {
    'arm64': Target('aarch64-linux-gnu', 'qemu-aarch64'),
    's390x': Target('s390x-linux-gnu', 'qemu-s390x'),
    'riscv64': Target('riscv64-linux-gnu', 'qemu-riscv64', 'trixie'),
}


class Cross:
    """Builds and runs programs for another CPU."""
    def __init__(self, name, _):
        target = TARGETS[name]
        self.compiler = [target.triplet + '-gcc', '-idirafter', '/usr/include']
        self.archiver = target.triplet + '-ar'
        self.qemu = [target.qemu, '-L', f'/usr/{target.triplet}']
        with kernels.cache() as cache:
            tree = Archive(cache, target.suite, name).unpack(
                ['libcmocka0'], os.path.join(cache, f'cmocka-{name}'))
        self.cmocka = glob.glob(os.path.join(tree, '**/libcmocka.so.0'), recursive=True)[0]

    def command(self, program):
        return [*self.qemu, '-E', f'LD_LIBRARY_PATH={os.path.dirname(self.cmocka)}', program]


class Musl:
    """Builds programs with musl. They run here."""
    cmocka = None
    archiver = 'ar'

    def __init__(self, _, where):
        # musl needs the headers of Linux and of libbsd, but must not find those of glibc.
        headers = os.path.join(where, 'headers')
        os.makedirs(headers)
        for name in ('linux', 'asm-generic', 'bsd'):
            os.symlink(f'/usr/include/{name}', os.path.join(headers, name))
        machine = run_command(['gcc', '-print-multiarch']).strip()
        os.symlink(f'/usr/include/{machine}/asm', os.path.join(headers, 'asm'))
        self.compiler = ['musl-gcc', '-idirafter', headers]

    def command(self, program):
        return [program]


def run_program(command):
    """Returns the exit status and the output of a test program."""
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT='TAP', MODEL_STEPS=MODEL_STEPS)
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=env,
                              timeout=SECONDS, errors='replace')
    except subprocess.TimeoutExpired:
        return None, f'no end in {SECONDS} s'
    return done.returncode, done.stdout + done.stderr


def judge(name, status, output, excused):
    """Returns (passed, title) of each test of a program, and of the program itself.

    The tests that are excused have no result.
    """
    found = TAP.findall(output)
    refused = sum(result == 'not ok' and title in excused for result, title in found)
    planned = sum(map(int, PLAN.findall(output)))
    # The status of a cmocka program is the number of tests that failed.
    good = status == refused and 0 < planned == len(found)
    return [*((result == 'ok', f'{name}: {title}') for result, title in found
              if title not in excused),
            (good, f'{name}: status {status}, {len(found)} of {planned} tests')]


def promises(source_dir):
    """Returns the sources of the promises."""
    found = [path for folder in ('promises', 'worlds')
             for path in glob.glob(f'tests/{folder}/*.c', root_dir=source_dir)]
    return ['tests/promises.c', *sorted(found), *(f'examples/{name}.c' for name in WORLDS),
            'tests/test.c']


@dataclasses.dataclass
class Program:
    """A program to build from sources of the tree. One without TAP has only an exit status."""
    name: str
    sources: list
    flags: list = dataclasses.field(default_factory=list)
    arguments: list = dataclasses.field(default_factory=list)
    tap: bool = True

    def needs_cmocka(self):
        return 'tests/test.c' in self.sources


def read_word(word):
    """Returns the program that a word of the command line describes."""
    name, words = word.split('=', 1)
    program = Program(name, [])
    for part in words.split():
        if part.endswith('.c'):
            program.sources.append(os.path.normpath(os.path.join('tests', part)))
        elif part.startswith('-'):
            program.flags.append(part)
        else:
            program.arguments.append(part)
    return program


def programs(source_dir, words):
    """Returns all programs."""
    return [Program('hello', ['tests/install/hello.c'], tap=False),
            *(Program(name, [f'examples/{name}.c'], tap=False) for name in EXAMPLES),
            Program('promises', promises(source_dir), arguments=['sim']), *map(read_word, words)]


class Build:
    """The library, and programs that use it, for a target."""

    def __init__(self, target, source_dir, where):
        self.target = (Cross if target in TARGETS else Musl)(target, where)
        self.source_dir = source_dir
        self.where = where
        self.library = os.path.join(where, 'library.a')
        sources = sorted(glob.glob('src/**/*.c', root_dir=source_dir, recursive=True))
        run_command([self.target.archiver, 'rcs', self.library,
                     *self.compile(sources, ['-DCOHERENT_LIBRARY'])])

    def compile(self, sources, flags):
        """Compiles sources of the tree. Returns the objects."""
        def compile_one(source):
            path = os.path.join(self.where, source.replace('/', '_') + '.o')
            # A path in the tree, as meson has it, because tests compare the places of allocations.
            run_command([*self.target.compiler, *FLAGS, *flags, '-I', '../include', '-I', '../src',
                         '-c', f'../{source}', '-o', path],
                        cwd=os.path.join(self.source_dir, 'tests'))
            return path
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(compile_one, sources))

    def run(self, program):
        """Builds and runs a program. Returns its exit status and output."""
        path = os.path.join(self.where, program.name)
        cmocka = [self.target.cmocka] if program.needs_cmocka() else []
        run_command([*self.target.compiler, *FLAGS, *program.flags,
                     *self.compile(program.sources, program.flags), self.library, *cmocka,
                     '-o', path])
        return run_program([*self.target.command(path), *program.arguments])


def tests(target, source_dir, words):
    """Yield (passed, title, output) for each test, or (None, comment, '')."""
    with tempfile.TemporaryDirectory() as where:
        build = Build(target, source_dir, where)
        yield True, 'the library builds', ''
        status, output = build.run(Program('wipe', ['tests/cross/wipe.c']))
        yield status in (0, 1), f'whether a fork clears memory is known: {status == 0}', output
        excused = set() if status == 0 else WIPED
        unseen = set(excused)
        if excused:
            yield None, NO_WIPE + ', '.join(sorted(excused)), ''
        for program in programs(source_dir, words):
            if program.needs_cmocka() and not build.target.cmocka:
                continue
            status, output = build.run(program)
            if not program.tap:
                yield status == 0, f'the program {program.name} runs', output
                continue
            unseen -= {title for _, title in TAP.findall(output)}
            *found, itself = judge(program.name, status, output, excused)
            yield from ((good, title, '') for good, title in found)
            yield *itself, output
        if excused:
            yield not unseen, f'there are no tests {", ".join(sorted(unseen))}' if unseen else \
                'each test that needs MADV_WIPEONFORK exists', ''


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in (*TARGETS, 'musl'):
        print('usage: run.py arm64|s390x|riscv64|musl SOURCE_DIR ["NAME=WORD WORD..."]...',
              file=sys.stderr)
        return 2
    target, source_dir, *words = sys.argv[1:]
    results = Results()
    try:
        for good, title, output in tests(target, source_dir, words):
            if good is None:
                print('#', title, flush=True)
            else:
                results.say(good, f'{target}: {title}', output)
    except (Failed, OutOfReach, FileNotFoundError) as error:
        results.say(False, f'{target}: the tests can be built', error)
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
