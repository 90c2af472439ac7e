#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""coherent-lint finds all mistakes of tests/lint/bad and nothing else: run.py [--bench] SOURCE_DIR.

In a bad driver, a comment "want:" has a part of the finding that the next line must get. The tool
finds nothing in tests/lint/good, in the examples, in the programs of docs, and with --bench in the
benchmarks, which take as long as all others. Prints TAP.
"""
import concurrent.futures
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Results  # noqa: E402

WANT = re.compile(r'/\* want: (.*) \*/$')
BLOCK = re.compile(r'^```c (\S+)\n(.*?)^```$', re.M | re.S)
LEAK = '''#include <coherent.h>
COHERENT_TYPE(mem, uint32_t);
int f(struct coherent_device *dev, int n);
int f(struct coherent_device *dev, int n)
{
	union mem mem = COHERENT_EMPTY;
	return coherent_zeroed(&mem, dev, COUNT);
}
'''
MAKES = '''#include <coherent.h>
COHERENT_TYPE(mem, uint32_t);
int make(union mem *mem, struct coherent_device *dev);
int make(union mem *mem, struct coherent_device *dev)
{
	return coherent_zeroed(mem, dev, 1);
}
'''
CALLS = '''#include <coherent.h>
COHERENT_TYPE(mem, uint32_t);
int make(union mem *mem, struct coherent_device *dev);
int f(struct coherent_device *dev);
int f(struct coherent_device *dev)
{
	union mem mem = COHERENT_EMPTY;

	return make(&mem, dev);
}
'''
# These need headers of other projects, or of the library itself.
FOREIGN = {'peer_dpdk.c', 'pools_dpdk.c', 'qemu.c', 'nvme_raw.c'}


class Tests(Results):
    """The results, and runs of the tool."""

    def __init__(self, source_dir):
        super().__init__()
        self.source_dir = source_dir
        self.tool = os.path.join(source_dir, 'tools', 'coherent-lint')

    def run(self, *arguments, where=None):
        # The first python3 in PATH may be a script that takes longer to start than the tool.
        return subprocess.run([sys.executable, self.tool, *arguments], text=True, check=False,
                              cwd=where or self.source_dir, capture_output=True)

    def silent(self, name, done):
        self.say(not done.returncode and not done.stdout, f'good: {name}', done.stdout + done.stderr)

    def refused(self, name, text, *arguments, where=None):
        done = self.run(*arguments, where=where)
        self.say(done.returncode == 2 and not done.stdout and text in done.stderr and
                 done.stderr.count('\n') == 1, f'usage: {name}',
                 f'{done.returncode} {done.stdout} {done.stderr}')


def bad(tests):
    for path in sorted(glob.glob(os.path.join(tests.source_dir, 'tests/lint/bad/*.c'))):
        done = tests.run('--json', path, '--')
        found = {}
        for finding in json.loads(done.stdout or '[]'):
            text = re.sub(r'at line \d+', 'at line N', finding['message'])
            found.setdefault(finding['line'], []).append(text)
        with open(path, encoding='utf-8') as source:
            for number, line in enumerate(source, 1):
                want = WANT.search(line)
                if want:
                    texts = found.pop(number + 1, [])
                    tests.say(len(texts) == 1 and want[1] in texts[0],
                              f'bad: {os.path.basename(path)}:{number + 1}', f'{want[1]}\n{texts}')
        tests.say(not found and done.returncode == 1,
                  f'bad: {os.path.basename(path)}: nothing else is found', f'{found} {done.stderr}')


def with_flags(path):
    return [path, '--', '-D_GNU_SOURCE', '-Iexamples', '-Isrc']


def check_all(tests, runs):
    """Checks good programs, as many at a time as there are CPUs."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for (name, _), done in zip(runs, pool.map(lambda run: tests.run(*run[1]), runs)):
            tests.silent(name, done)


def bench(tests):
    check_all(tests, [(path, with_flags(path))
                      for path in sorted(glob.glob('bench/*.c', root_dir=tests.source_dir))
                      if os.path.basename(path) not in FOREIGN])


def good(tests):
    runs = [(path, [path, '--'])
            for path in sorted(glob.glob('tests/lint/good/*.c', root_dir=tests.source_dir))]
    runs.append(('both files of a driver', [
        *(f'tests/lint/good/{name}.c' for name in ('two_main', 'two_device')), '--']))
    runs += [(path, with_flags(path))
             for path in sorted(glob.glob('examples/*.c', root_dir=tests.source_dir))
             if os.path.basename(path) not in FOREIGN]
    runs.append(('the edu example as one program', [
        *(f'examples/{name}.c' for name in ('edu_main', 'edu', 'tries')), '--', '-D_GNU_SOURCE']))
    check_all(tests, runs)


def tutorial(tests, where):
    with open(os.path.join(tests.source_dir, 'docs/tutorial.md'), encoding='utf-8') as text:
        files = BLOCK.findall(text.read())
    for name, code in files:
        write(where, name, code)
    # wrong.c shows what does not compile.
    sources = [name for name, _ in files if name.endswith('.c') and name != 'wrong.c']
    tests.silent('the tutorial', tests.run(*sources, '--', where=where))
    tests.say(len(sources) == 3, 'the tutorial has three source files', str(sources))


def porting(tests, where):
    with open(os.path.join(tests.source_dir, 'docs/porting.md'), encoding='utf-8') as text:
        files = BLOCK.findall(text.read())
    for name, code in files:
        write(where, name, code)
        tests.silent(f'porting: {name}', tests.run(name, '--', where=where))
    tests.say(len(files) == 6, 'the page has six programs', str(files))


def write(where, name, text):
    with open(os.path.join(where, name), 'w', encoding='utf-8') as file:
        file.write(text)


def usage(tests, where):
    done = tests.run('--help')
    tests.say(not done.returncode and done.stdout.startswith('Usage: coherent-lint'),
              'usage: --help prints the options', done.stderr)
    with open(os.path.join(tests.source_dir, 'meson.build'), encoding='utf-8') as text:
        version = re.search(r"version: '(.*)'", text.read())[1]
    tests.say(tests.run('--version').stdout == f'coherent-lint {version}\n',
              'usage: --version is that of the library')
    done = subprocess.run(['sh', '-c', '"$0" --help >&-', tests.tool], check=False, text=True,
                          stderr=subprocess.PIPE)
    tests.say((done.returncode, done.stderr) ==
              (2, 'coherent-lint: standard output: Bad file descriptor\n'),
              'usage: a closed output gives a line', f'{done.returncode} {done.stderr}')
    write(where, 'broken.c', 'int f(void) { return 0 }\n')
    write(where, 'compile_commands.json', '{')
    tests.refused('an unknown option', 'unknown option --jsn', '--jsn')
    tests.refused('an option without its argument', '-p needs an argument', '-p')
    tests.refused('a file that is not there', 'there is no such file', 'none.c')
    tests.refused('a file that is not C', 'is not a C source file', 'README.md')
    tests.refused('a file that does not compile', "broken.c:1: expected ';'", 'broken.c', '--',
                  where=where)
    tests.refused('no gcc', 'cannot run no-such-gcc', '--gcc', 'no-such-gcc', 'examples/nic.c', '--')
    tests.refused('another compiler', 'cannot read examples/nic.c: it is not gcc 12 or newer', '--gcc',
                  'clang', 'examples/nic.c', '--')
    tests.refused('a broken database', 'cannot read', '-p', '.', where=where)
    tests.refused('no database', 'cannot read', '-p', 'none', where=where)
    tests.refused('a module that was not built', 'build the module first', '--kernel', where,
                  'kernel/edu_pci.c')
    os.remove(os.path.join(where, 'compile_commands.json'))
    write(where, 'data.c', 'const int table[] = { 1, 2 };\n')
    write(where, 'empty.c', '')
    tests.silent('files without a function', tests.run('data.c', 'empty.c', '--', where=where))
    tests.refused('nothing to check', 'no source file is given', where=where)


def database(tests, where):
    """Checks files with the flags of compile_commands.json, in both of its forms."""
    include = os.path.join(tests.source_dir, 'include')
    os.makedirs(os.path.join(where, 'src'))
    os.makedirs(os.path.join(where, 'build'))
    write(where, 'src/one.c', LEAK)
    write(where, 'src/two.c', LEAK)
    write(where, 'src/three.c', LEAK)
    flags = ['-DCOUNT=4', '-O2', '-Wall', '-Werror', '-MD', '-MF', 'x.d', '-isystem', include]
    write(where, 'build/compile_commands.json', json.dumps([
        {'directory': os.path.join(where, 'build'), 'file': '../src/one.c',
         'arguments': ['cc', *flags, '-c', '../src/one.c', '-o', 'one.o']},
        {'directory': os.path.join(where, 'build'), 'file': '../src/two.c',
         'command': ' '.join(['clang', *flags, '-c', '../src/two.c', '-o', 'two.o'])}]))
    done = tests.run('-p', 'build', where=where)
    tests.say(done.returncode == 1 and [line.split(' error')[0] for line in
                                        done.stdout.splitlines() if ' error: ' in line] ==
              ['src/one.c:7:', 'src/two.c:7:'], 'a database: all its files are checked',
              done.stdout + done.stderr)
    done = tests.run('two.c', where=os.path.join(where, 'src'))
    tests.say(done.returncode == 1 and done.stdout.startswith('two.c:7: error: '),
              'a database is found from the folder of a file', done.stdout + done.stderr)
    tests.refused('a file that the database does not have', 'has no entry for src/three.c',
                  '-p', 'build', 'src/three.c', where=where)


def flags(tests, where):
    write(where, 'leak.c', LEAK)
    write(where, 'makes.c', MAKES)
    write(where, 'calls.c', CALLS)
    done = tests.run('leak.c', '--', '-DCOUNT=n', where=where)
    tests.say(done.returncode == 1 and done.stdout.startswith('leak.c:7: error: mem '),
              'the flags after -- are used', done.stdout + done.stderr)
    write(where, 'warns.c', 'int f(void);\nint f(void) { int unused; return 0; }\n')
    done = tests.run('warns.c', '--', '-Wall', '-Werror', '-MD', '-MF', 'warns.d', where=where)
    tests.silent('the flags after -- make no errors of warnings', done)
    tests.say(not os.path.exists(os.path.join(where, 'warns.d')),
              'the flags after -- make gcc write no file')
    done = tests.run('calls.c', '--', where=where)
    tests.say(not done.returncode, 'a file alone: an unknown function may free a mem', done.stdout)
    done = tests.run('calls.c', 'makes.c', '--', where=where)
    tests.say(done.returncode == 1 and "calls.c:9: error: mem 'mem' from coherent_zeroed() at "
              'makes.c:6 is never freed' in done.stdout, 'two files: the mistake is between them',
              done.stdout + done.stderr)


def main():
    is_bench = sys.argv[1:2] == ['--bench']
    if len(sys.argv) != 2 + is_bench:
        print('usage: run.py [--bench] SOURCE_DIR', file=sys.stderr)
        return 2
    tests = Tests(os.path.abspath(sys.argv[-1]))
    if is_bench:
        bench(tests)
        return tests.close()
    bad(tests)
    good(tests)
    for part in (tutorial, porting, usage, database, flags):
        with tempfile.TemporaryDirectory() as where:
            part(tests, os.path.realpath(where))
    return tests.close()


if __name__ == '__main__':
    sys.exit(main())
