#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The checks of commits and words find what they must find: checks.py SOURCE_DIR. Prints TAP.

Other scripts refuse bad arguments in a line, and end with 2. The module tap prints failed tests.

Each case is a commit or a file that breaks one rule, with the words of the report that it must
get, or one that keeps the rules.
"""
import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile

from tap import Results, Skip, run_tests

LONG = 'a reason that has enough words to be one\n'
# (lines that change, message, what the check says; None if it says nothing).
COMMITS = [
    (1, 'pool: free empty chunks', None),
    (30, 'pool: free empty chunks', None),
    (31, 'pool: free empty chunks', 'line 1: the commit changes 31 lines'),
    (31, 'pool: free empty chunks\n\n' + LONG, None),
    (31, 'pool: free empty chunks\n\ntoo short\n', 'line 3: the commit changes 31 lines'),
    (31, 'pool: free empty chunks\n\nSigned-off-by: A Name With Many Words <a@b.example>\n',
     'the commit changes 31 lines'),
    (1, 'pool: ' + 'x' * 54, None),
    (1, 'pool: ' + 'x' * 55, 'line 1: the subject has 61 characters'),
    (1, 'free empty chunks', 'does not begin with one area'),
    (1, 'pool, object: free empty chunks', 'does not begin with one area'),
    (1, 'pool: slots: free empty chunks', 'second area'),
    (1, 'pool: free empty chunks, object: count them', 'second area'),
    (1, 'pool/object/irq: free empty chunks', 'does not begin with one area'),
    (1, 'backend/vfio: unmap what cannot be recorded', None),
    (1, 'Revert "pool: free empty chunks"', None),
    (31, 'pool: free empty chunks\n\nReason: the chunk was freed twice by two threads\n', None),
    (1, 'pool: free chunks; object: count', 'semicolon'),
    (1, 'pool: free empty chunks\nwithout a gap', 'line 2: the line after the subject is not empty'),
    (1, 'pool: free empty chunks\n\n' + 'word ' * 15, 'line 3: the line has 75 columns'),
    (1, 'pool: free empty chunks\n\nhttps://' + 'x' * 80, None),
]
# (name of the file, text, what the check says; None if it says nothing).
WORDS = [
    ('good.c', '/* Free the chunk, because no slot is in use. There is no other user. */', None),
    ('good.c', 'x = "is no";', 'good.c:1: "is no"'),
    ('good.c', 'if (a) b(); else c();', None),
    ('bad.c', '/*\n * Text.\n *\n * It is\n * no chunk.\n */', 'bad.c:4: "is no"'),
    ('bad.c', '\n/* Of what is recycled. */', 'bad.c:2: a sentence begins with "Of"'),
    ('bad.c', '/* It fits. Of what is left. */', 'bad.c:1: a sentence begins with "Of"'),
    ('bad.h', '/**\n * f() - Free.\n * @a: Of the device.\n */', 'bad.h:3: a sentence begins'),
    ('bad.h', '/* What a driver has. */', 'bad.h:1: a sentence begins with "What"'),
    ('good.h', '/* What happens next? The device stops. */', None),
    ('bad.h', '/* A place for who frees. */', 'bad.h:1: "for who"'),
    ('bad.h', "/* It is nobody's. */", "bad.h:1: \"nobody's\""),
    ('bad.h', '/* NULL for an index; else it fails. */', 'bad.h:1: "; else"'),
    ('bad.py', '# Who waits.\n', 'bad.py:1: a sentence begins with "Who"'),
    ('bad.py', "'''What it is.'''\n", 'bad.py:1: a sentence begins with "What"'),
    ('bad.py', '"""Text.\n\nIt is no text.\n"""\n', 'bad.py:3: "is no"'),
    ('bad.md', 'Text.\n```\nis no\n```\nThis is no text.\n', 'bad.md:5: "is no"'),
    ('good.md', 'It is no longer there.\n', None),
]
# (a call of Results, its arguments, the output and the exit status of the script).
TAP = [
    ('say', (True, 'a', 'why'), 'ok 1 - a\n1..1\n', 0),
    ('say', (None, 'a', 'it\nfails'), 'not ok 1 - a\n# it\n# fails\n1..1\n', 1),
    ('say', ([], 'a', [1, 'b\nc']), 'not ok 1 - a\n# 1\n# b\n# c\n1..1\n', 1),
    ('skip', ('a', 'git is missing'), 'ok 1 - a # SKIP git is missing\n1..1\n', 0),
    ('close', (), '1..0\n1..0\n', 1),
]
# Scripts that need arguments.
USAGE = ('tests/abi/diff.py', 'tests/abi/run.py', 'tests/check/run.py', 'tests/checks.py', 'tests/command/devices.py',
         'tests/command/doctor.py', 'tests/command/plan.py', 'tests/command/probe.py',
         'tests/command/selftest.py', 'tests/command/tools.py', 'tests/command/usage.py',
         'tests/cplusplus/run.py', 'tests/e1000e.py',
         'tests/format.py', 'tests/initialise/run.py', 'tests/install/consumers.py',
         'tests/install/run.py', 'tests/layers.py', 'tests/lint/run.py', 'tests/migrate/run.py',
         'tests/makefile.py', 'tests/mistakes/run.py', 'tests/model/calls.py', 'tests/mutate.py',
         'tests/object_code/run.py', 'tests/proofs/order.py', 'tests/proofs/run.py',
         'tests/readme.py', 'tests/site/browser.py', 'tests/site/run.py',
         'tests/rust_page.py', 'tests/series/run.py', 'tests/syscalls.py',
         'tests/trace/run.py',
         'tests/install/refuses.py', 'tests/tutorial.py', 'tests/warnings/run.py', 'tools/check_docs.py', 'tools/man.py',
         'tools/site/build.py', 'tools/site/record.py')

HELP = ('tools/backends', 'tools/bench', 'tools/check', 'tools/coherent-lint', 'tools/migrate', 'tools/mutate',
        'tools/picture', 'tools/series')

# Runs tools/bench on a case that is not measured.
BENCH = """import runpy, sys
bench = runpy.run_path(sys.argv.pop(1))
bench['KINDS']['vfio'] = (lambda _: [{'name': 'a case'}], lambda _: 'a line', 'out.json', None, '')
bench['main']()
"""


# A rebase that calls this script exports GIT_DIR, and the cases would land in that repository.
ENV = {name: value for name, value in os.environ.items() if not name.startswith('GIT_')}
ENV |= {'GIT_CONFIG_GLOBAL': '/dev/null', 'GIT_CONFIG_NOSYSTEM': '1'}


def run(command, where, env=None):
    return subprocess.run(command, cwd=where, check=False, capture_output=True, text=True,
                          env=env or ENV)


def git(where, *args):
    subprocess.run(['git', '-c', 'user.name=A', '-c', 'user.email=a@b.example', *args], cwd=where,
                   check=True, capture_output=True, env=ENV)


def said(done, wanted):
    """Whether a check said what it must, with the exit status that goes with it."""
    if wanted is None:
        return done.returncode == 0 and done.stdout.count('\n') == 2
    return done.returncode == 1 and wanted in done.stdout


def commits(source_dir, folder):
    """(result, name, output) of each case of COMMITS."""
    if not shutil.which('git'):
        yield True, 'commits.py: its cases # SKIP git is missing', ''
        return
    script = os.path.join(folder, 'tests/commits.py')
    os.makedirs(os.path.dirname(script))
    shutil.copy(os.path.join(source_dir, 'tests/commits.py'), script)
    git(folder, 'init', '-q')
    git(folder, 'add', '.')
    git(folder, 'commit', '-q', '-m', 'the commit that adds the check is not checked')
    for number, (lines, message, wanted) in enumerate(COMMITS):
        with open(os.path.join(folder, f'file{number}'), 'w', encoding='utf-8') as file:
            file.write('line\n' * lines)
        git(folder, 'add', '.')
        git(folder, 'commit', '-q', '--cleanup=verbatim', '-m', message)
        done = run([sys.executable, script, 'HEAD~1..HEAD'], folder)
        yield said(done, wanted), f'commits.py: {message.splitlines()[0]}', done.stdout
    done = run([sys.executable, script], folder)
    yield (f'{len(COMMITS)} commits' in done.stdout and done.returncode == 1,
           'commits.py: without a range it checks all commits after its own', done.stdout)
    git(folder, 'checkout', '-q', '-b', 'side', 'HEAD~1')
    git(folder, 'merge', '-q', '--no-ff', '-m', 'pool: join a branch', 'HEAD@{1}')
    done = run([sys.executable, script, 'HEAD~1..HEAD'], folder)
    yield 'line 1: it is a merge' in done.stdout, 'commits.py: a merge is found', done.stdout
    done = run([sys.executable, script, 'HEAD~1..HEAD'], folder, {**ENV, 'GIT_DIR': '/nothing'})
    yield done.returncode == 1, 'commits.py: it looks at its own tree', done.stderr
    with tempfile.TemporaryDirectory() as shallow:
        git(shallow, 'clone', '-q', '--depth', '1', f'file://{folder}', 'clone')
        done = run([sys.executable, os.path.join(shallow, 'clone/tests/commits.py')], shallow)
    yield '# SKIP' in done.stdout, 'commits.py: a shallow clone is not judged', done.stdout
    for args in (['no..range'], ['--no-option'], ['a', 'b']):
        done = run([sys.executable, script, *args], folder)
        yield (done.returncode == 2 and done.stderr.count('\n') == 1,
               f'commits.py: {" ".join(args)} is refused in a line', done.stderr)


def words(source_dir, folder):
    """(result, name, output) of each case of WORDS."""
    script = os.path.join(source_dir, 'tests/words.py')
    for name, text, wanted in WORDS:
        with open(os.path.join(folder, name), 'w', encoding='utf-8') as file:
            file.write(text)
        done = run([sys.executable, script, name], folder)
        yield said(done, wanted), f'words.py: {text!r}', done.stdout
    for name, reason in (('missing.c', 'No such file or directory'), ('.', 'Is a directory')):
        done = run([sys.executable, script, name], folder)
        yield (done.returncode == 2 and done.stderr == f'words.py: {name}: {reason}\n',
               f'words.py: {name} is refused in a line', done.stderr)


def refused(done, text):
    """Whether a script refused its arguments in a line that has the text."""
    return done.returncode == 2 and done.stderr.count('\n') == 1 and text in done.stderr


def usage(source_dir, folder):
    """(result, name, output) of each script that is run without its arguments or with --help."""
    for tool in HELP:
        done = run([os.path.join(source_dir, tool), '--help'], folder)
        yield ('Usage: ' + os.path.basename(tool) in done.stdout,
               f'{tool} --help prints its usage as the command coherent does', done.stdout + done.stderr)
    for script in USAGE:
        done = run([sys.executable, os.path.join(source_dir, script)], folder)
        yield (refused(done, f'usage: {os.path.basename(script)} '),
               f'{script}: without arguments it prints its usage', done.stderr)


def columns(source_dir, folder):
    """(result, name, output) of comments in a public header, and of code that is as wide."""
    if not shutil.which('clang-format'):
        yield True, 'format.py: its cases # SKIP clang-format is missing', ''
        return
    script = os.path.join(source_dir, 'tests/format.py')
    for name, text in (('src/a.c', 'int a;\n'), ('include/b.h', ''), ('tests/a.py', 'a = 1\n')):
        os.makedirs(os.path.join(folder, os.path.dirname(name)))
        with open(os.path.join(folder, name), 'w', encoding='utf-8') as file:
            file.write(text)
    for line, wide in ((' * ' + 'x' * 97, False), (' * ' + 'x' * 98, True),
                       ('\t/* ' + 'é' * 89, False), ('\t/* ' + 'é' * 90, True),
                       ('#define X ' + 'x' * 98, False)):
        with open(os.path.join(folder, 'include/b.h'), 'w', encoding='utf-8') as file:
            file.write(line + '\n')
        done = run([sys.executable, script, folder], folder)
        yield (done.returncode == wide and ('b.h:1 has 101 columns' in done.stdout) == wide,
               f'format.py: {line[:9]!r}... has {len(line)} characters', done.stdout)


def bench(source_dir, folder):
    """(result, name, output) of each bad argument of tools/bench."""
    script = os.path.join(source_dir, 'tools/bench')
    with open(os.path.join(folder, 'cases.json'), 'w', encoding='utf-8') as file:
        file.write('["no case"]')
    for args, text in ((['kernel', 'typo'], 'bench: typo: no such folder'),
                       (['chart', 'typo', 'out.svg'], 'bench: typo: No such file or directory;'),
                       (['chart', 'cases.json', 'out.svg'], 'cases.json: not a list of cases')):
        done = run([sys.executable, script, *args], folder)
        yield (refused(done, text) and not os.path.exists(os.path.join(folder, 'typo')),
               f'tools/bench {" ".join(args)} is refused in a line', done.stderr)
    # A program with the name of gnuplot prints what gnuplot would.
    with open(os.path.join(folder, 'gnuplot'), 'w', encoding='utf-8') as file:
        file.write('#!/bin/sh\necho "<svg><title>x</title><g fill=\'black\'/></svg>"\n')
    os.chmod(file.name, 0o755)
    with open(os.path.join(folder, 'two.json'), 'w', encoding='utf-8') as file:
        file.write('[{"name": "a", "peer": "rte_mempool", "ratio": 1.5}]')
    draw = ['env', f'PATH={folder}:{os.environ["PATH"]}', sys.executable, script, 'chart',
            'two.json']
    done = run([*draw, 'none/out.svg'], folder)
    yield (refused(done, 'bench: none/out.svg: No such file or directory'),
           'tools/bench chart names a file that it cannot write', done.stderr)
    done = run([*draw, 'out.svg'], folder)
    with open(os.path.join(folder, 'out.svg'), encoding='utf-8') as file:
        svg = file.read()
    yield ('prefers-color-scheme:dark' in svg and "fill='currentColor'" in svg,
           'the chart follows the mode of the reader', svg)
    done = run([sys.executable, '-c', BENCH, script, 'vfio', '.'], folder)
    yield done.stdout.startswith('a line\n'), 'tools/bench prints lines', done.stdout + done.stderr
    done = run([sys.executable, '-c', BENCH, script, 'vfio', '--json', '.'], folder)
    yield ('"a case"' in done.stdout and json.loads(done.stdout), 'tools/bench --json prints JSON',
           done.stdout + done.stderr)


def outputs(source_dir, folder):
    """(result, name, output) of each tool whose standard output cannot be written."""
    read, pipe = os.pipe()
    os.close(read)
    with open(pipe, 'wb') as broken, open('/dev/full', 'wb') as full:
        for name in ('backends', 'bench', 'check', 'coherent-lint', 'migrate', 'mutate'):
            # argparse may ignore an error that it sees. Python may see it only at its end.
            for unbuffered in ('', '1'):
                for out, status, why in ((full, 2, 'No space left on device'),
                                         (broken, 1, 'Broken pipe')):
                    done = subprocess.run(
                        [sys.executable, os.path.join(source_dir, 'tools', name), '--help'], cwd=folder,
                        check=False, text=True, stdout=out, stderr=subprocess.PIPE,
                        env=ENV | {'PYTHONUNBUFFERED': unbuffered})
                    yield ((done.returncode, done.stderr) ==
                           (status, f'{name}: standard output: {why}\n'),
                           f'tools/{name}, PYTHONUNBUFFERED={unbuffered}: {why} gives a line',
                           f'{done.returncode} {done.stderr}')


def backends(source_dir, folder):
    """(result, name, output) of runs of tools/backends in which all worlds are skipped."""
    tests = os.path.join(source_dir, 'tests')
    program, run_py = (os.path.join(folder, name) for name in ('program', 'run.py'))
    for path, text in ((program, '#!/bin/sh\nprintf "1..1\\nok 1 - promises # SKIP no device\\n"\n'),
                       (run_py, f'import sys\nsys.path.insert(0, {tests!r})\nimport tap\n'
                                'results = tap.Results()\nresults.skip("a VM", "no QEMU")\n'
                                'results.close()\n')):
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
    os.chmod(program, 0o755)
    for more in ([], ['--own']):
        done = run([sys.executable, os.path.join(source_dir, 'tools/backends'), '--check', *more,
                    os.path.join(source_dir, 'docs/backends.md'), program, run_py, 'module'], folder)
        yield (done.returncode == 0 and '# SKIP no QEMU' in done.stdout,
               ' '.join(['tools/backends', *more, 'skips a world that the machine cannot run']),
               done.stdout + done.stderr)


def vm(source_dir, folder):
    """(result, name, output) of a SOURCE that tests/vm/run.py cannot run."""
    with open(os.path.join(folder, 'text.md'), 'w', encoding='utf-8') as file:
        file.write('text\n')
    done = run([sys.executable, os.path.join(source_dir, 'tests/vm/run.py'), 'text.md'], folder)
    yield (refused(done, 'text.md: not a .c, a .sh or a program'),
           'tests/vm/run.py text.md is refused in a line', done.stderr)


def tap(source_dir, folder):
    """(result, name, output) of each case of TAP, and of a shell script."""
    for call, arguments, output, status in TAP:
        results = Results()
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            getattr(results, call)(*arguments)
            ended = results.close()
        yield ((printed.getvalue(), ended) == (output, status),
               f'tap.py: {call}{arguments!r} makes the script end with {status}', printed.getvalue())

    def this_fails(_folder):
        raise AssertionError('why')

    def this_is_skipped(_folder):
        raise Skip('git is missing')

    with contextlib.redirect_stdout(io.StringIO()) as printed:
        ended = run_tests([this_fails, this_is_skipped])
    yield (printed.getvalue() == 'not ok 1 - this fails\n# AssertionError: why\n'
           'ok 2 - this is skipped # SKIP git is missing\n1..2\n' and ended == 1,
           'tap.py: a function fails or is skipped by an exception', printed.getvalue())
    done = run(['sh', '-c', '. "$0"; check a a one; check a b two; say 1 three; exit $failed',
                os.path.join(source_dir, 'tests/tap.sh')], folder)
    yield (done.stdout == 'ok 1 - one\nnot ok 2 - two\n# a, should be b\nnot ok 3 - three\n' and
           done.returncode == 1, 'tap.sh: a script with a failed test ends with 1', done.stdout)


def main():
    if len(sys.argv) != 2:
        print('usage: checks.py SOURCE_DIR', file=sys.stderr)
        return 2
    results = Results()
    for cases in (commits, words, usage, columns, bench, outputs, backends, vm, tap):
        with tempfile.TemporaryDirectory() as folder:
            for case in cases(os.path.abspath(sys.argv[1]), folder):
                results.say(*case)
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
