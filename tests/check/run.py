#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""tools/check builds, tests, counts, shows how far it is, and cleans up: run.py SOURCE_DIR.

Prints TAP. The tool runs in a small project whose tests pass, fail, skip and wait.
"""
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Results  # noqa: E402

MESON = """project('small', 'c')
executable('program', 'program.c')
subdir('tests')
foreach name, suite : {'good': 'source', 'bad': 'source', 'skips': 'source', 'more': 'slow',
                       'half': 'packages', 'sanitizer': 'packages', 'fails': 'kernels', 'waits': 'kernels'}
  test(name, find_program(name + '.sh'), suite: suite, protocol: 'tap')
endforeach
"""
OPTIONS = """option('tests', type: 'feature')
option('bench', type: 'feature')
option('kernel-doc-check', type: 'feature')
"""
# The last one starts a program that is not in its group, and keeps a file.
SCRIPTS = {
    'good': 'printf "1..2\\nok 1 - a\\nok 2 - b\\n"',
    'bad': 'printf "1..1\\nnot ok 1 - c\\n"; exit 1',
    'skips': 'printf "1..1\\nok 1 - d # SKIP there is no device\\n"',
    'more': 'sleep 2; printf "1..1\\nok 1 - e\\n"',
    'half': 'printf "1..2\\nok 1 - f\\n"',
    'fails': 'printf "1..1\\nnot ok 1 - g\\n"; exit 1',
    'sanitizer': 'printf "1..1\\nok 1 - $UBSAN_OPTIONS\\n"; [ "$UBSAN_OPTIONS" ]',
    'waits': 'mktemp -d; setsid sleep 1000 & echo $! $$ >"$MARK"; sleep 1000',
}
# The same tool, with a line ten times a second.
OFTEN = """import runpy, sys
sys.path.insert(0, 'tools')
tool = runpy.run_path('tools/check')
tool['Progress'].EVERY = 0.1
sys.exit(tool['main']())
"""


def make_project(source):
    """Make the project in the present folder."""
    os.mkdir('tests')
    for name, text in {'meson.build': MESON, 'meson_options.txt': OPTIONS,
                       'tests/meson.build': "executable('unneeded', '../program.c')\n",
                       'program.c': 'int main(void) { return 0; }\n'}.items():
        with open(name, 'w', encoding='utf-8') as file:
            file.write(text)
    for name, text in SCRIPTS.items():
        with open(name + '.sh', 'w', encoding='utf-8') as file:
            file.write(f'#!/bin/sh\n{text}\n')
        os.chmod(name + '.sh', 0o755)
    os.mkdir('tools')
    for name in ('check', 'output.py'):
        shutil.copy(os.path.join(source, 'tools', name), 'tools')
    os.mkdir('tmp')


def environment(**more):
    """The variables of a run, which keeps its files in the folder tmp."""
    env = {name: value for name, value in os.environ.items() if name != 'CI'}
    return env | {'TMPDIR': os.path.abspath('tmp'), 'MARK': os.path.abspath('mark')} | more


def run(*args, **more):
    done = subprocess.run(['tools/check', *args], check=False, capture_output=True, text=True,
                          env=environment(**more))
    return done.returncode, done.stdout, done.stderr


def check_counts(results):
    """The tool counts tests, and names those that failed or were skipped."""
    status, out, _ = run('gcc')
    lines = out.splitlines()
    results.say(status == 1 and lines[-1] == '2 passed, 1 failed', 'a failed test is counted', out)
    results.say('[gcc] bad: FAILED: c' in lines, 'a failed test is named', out)
    results.say('[gcc] skips: skipped: d # SKIP there is no device' in lines,
                'a skipped test is named with its reason', out)
    results.say(any(line.startswith('slow test: [gcc] ') for line in lines),
                'the slowest tests are named', out)
    status, out, _ = run('gcc', CI='1')
    results.say(status == 1 and out.endswith('\n2 passed, 2 failed\n'),
                'with CI a skipped test is a failed one', out)
    results.say(not os.path.exists('build/gcc/tests/unneeded'),
                'the program of a test that does not run is not built')
    status, out, _ = run('--all', 'gcc')
    results.say(os.path.exists('build/gcc/tests/unneeded'), '--all builds every program')
    slow = [int(seconds) for seconds in re.findall(r'^slow test: .*: (\d+) s$', out, re.MULTILINE)]
    results.say(len(slow) == 4 and slow == sorted(slow, reverse=True) and slow[0] >= 2,
                'the slowest test is the first', out)
    results.say(status == 1 and out.endswith('\n3 passed, 1 failed\n'),
                '--all runs the slow tests too', out)
    status, out, _ = run('packages')
    results.say(status == 1 and '[packages] half: FAILED: the program itself: ' in out,
                'a program that stops in the middle has failed', out)
    results.say('sanitizer: FAILED' not in out, 'sanitizers get their options', out)
    status, out, _ = run('clang')
    results.say(status == 1 and '[clang] meson: FAILED: no test ran' in out,
                'a run of no test is a failure', out)
    for args, ways in (([], ['gcc', 'asan', 'tsan']), (['--all'], ['gcc', 'asan', 'tsan', 'clang'])):
        _, out, _ = run(*args)
        results.say(re.findall(r'^\[(\w+)\] built', out, re.MULTILINE) == ways,
                    f'check {" ".join(args)} runs {" ".join(ways)}', out)
    os.rename('program.c', 'program.gone')
    status, out, _ = run('gcc')
    os.rename('program.gone', 'program.c')
    results.say(status == 1 and 'program.c' in out and out.endswith('\n0 passed, 1 failed\n'),
                'a build that fails is a failure, and shows why', out)
    status, out, err = run('typo')
    results.say((status, out) == (2, '') and err.startswith('Usage: check ') and err.count('\n') == 1,
                'a way that is not known is refused in a line', err)


def check_progress(results):
    """The tool says how far it is, in another way on a terminal than in a file."""
    controller, terminal = pty.openpty()
    with subprocess.Popen(['tools/check', 'kernels'], stdout=terminal, env=environment()) as child:
        os.close(terminal)
        text = wait_for(rb'test: 1/2 done, last fails \(\d+ s\)', lambda: os.read(controller, 1000))
        child.send_signal(signal.SIGINT)
        text += wait_for(b'interrupted', lambda: os.read(controller, 1000))
    os.close(controller)
    results.say(re.search(rb'\r\x1b\[K\[kernels\] test: 1/2 done', text),
                'a terminal sees step, count and time', text)
    with subprocess.Popen([sys.executable, '-c', OFTEN, 'kernels'], stdout=subprocess.PIPE,
                          env=environment()) as child:
        text = wait_for(rb'test: 1/2 done, last fails \(\d+ s\)\n',
                        lambda: os.read(child.stdout.fileno(), 1000))
        child.send_signal(signal.SIGINT)
        text += child.stdout.read()
    results.say(re.search(rb'^\[kernels\] test: 1/2 done, last fails \(\d+ s\)$', text, re.MULTILINE) and
                b'\r' not in text, 'a file gets a line now and then', text)
    results.say(b'[kernels] fails: ERROR, see the end of this way\n' in text.partition(b'1/2 done')[0],
                'a failed test is named while others run', text)


def wait_for(wanted, read):
    """Read until a text was there. Returns what was read."""
    text = b''
    while not re.search(wanted, text):
        try:
            more = read()
        except OSError:
            more = b''
        if not more:
            break
        text += more
    return text


def has_ended(pid):
    """Whether a process has ended. The kernel may take a moment."""
    for _ in range(100):
        if not os.path.exists(f'/proc/{pid}'):
            return True
        time.sleep(0.1)
    return False


def start(**how):
    """Start the tool, and wait until a test waits. Returns its process and the pids of the test."""
    if os.path.exists('mark'):
        os.unlink('mark')
    child = subprocess.Popen(['tools/check', 'kernels'], stdout=subprocess.PIPE, text=True,
                             env=environment(), **how)
    while child.poll() is None and not (os.path.exists('mark') and os.path.getsize('mark')):
        time.sleep(0.1)
    with open('mark', encoding='utf-8') as mark:
        return child, [int(pid) for pid in mark.read().split()]


def check_interrupts(results):
    """After a signal neither a program nor a file is left."""
    for name, number in (('Ctrl-C', signal.SIGINT), ('SIGTERM', signal.SIGTERM),
                         ('SIGHUP', signal.SIGHUP)):
        child, pids = start()
        with child:
            child.send_signal(number)
            out = child.stdout.read()
        results.say(child.returncode == 130 and out.endswith('check: interrupted\n'),
                    f'{name} ends the tool at once', (child.returncode, out))
        results.say(all(map(has_ended, pids)), f'after {name} no program of a test is left', pids)
        results.say(not os.listdir('tmp'), f'after {name} no file is left', os.listdir('tmp'))
    child, pids = start(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    with child:
        child.send_signal(signal.SIGHUP)
        # The tool ends when its tests have ended.
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        out = child.stdout.read()
    results.say(child.returncode == 1 and out.endswith('\n0 passed, 2 failed\n'),
                'the tool goes on after SIGHUP if nohup started it', out)
    with subprocess.Popen(['tools/check', 'gcc'], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=environment()) as child:
        child.stdout.close()
        err = child.stderr.read()
    results.say((child.returncode, err) == (1, b'check: standard output: Broken pipe\n') and
                not os.listdir('tmp'), 'the tool ends with a line when nobody reads its output', err)


def main():
    if len(sys.argv) != 2:
        print('usage: run.py SOURCE_DIR', file=sys.stderr)
        return 2
    source = os.path.abspath(sys.argv[1])
    results = Results()
    # nohup and shells let their children ignore these.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with tempfile.TemporaryDirectory() as where:
        os.chdir(where)
        make_project(source)
        check_counts(results)
        check_progress(results)
        check_interrupts(results)
        os.chdir('/')
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
