#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""coherent trace runs a program and shows what its devices did: trace.py PROGRAM DRIVER.

DRIVER is tests/timeline/program.c.
"""
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile

import common


def files(command, driver, folder):
    done = command.run('trace', '--', driver, 'steps', cwd=folder)
    command.say(not done.returncode and done.stdout == 'The trace is in coherent-trace.json; '
                'ui.perfetto.dev shows it.\n', 'the trace has a name', done.stdout + done.stderr)
    for again in range(2):
        path = os.path.join(folder, 'a%p%b.json')
        done = command.run('trace', '-o', path, '--', driver, 'steps')
        with open(path, encoding='utf-8') as file:
            marks = [event for event in json.load(file) if event['ph'] == 'i']
        command.say(not done.returncode and len(marks) == 16,
                    ('-o names the file', 'an old trace gives way')[again], done.stderr)
    diary = os.path.join(folder, 'diary')
    common.write(folder, 'diary', 'my diary\n')
    command.refuses(2, f'trace: {diary} is not a trace, so it stays as it is; give another file '
                    'with -o', 'trace', '--output', diary, '--', driver, 'steps')
    with open(diary, encoding='utf-8') as file:
        command.say(file.read() == 'my diary\n', 'a file of another kind stays as it is')
    others(command, driver, folder)
    for path in (os.path.join(folder, 'missing/t'), ''):
        command.refuses(1, f'trace: "{path}" cannot be made: No such file or directory; give another '
                        'file with -o', 'trace', '-o', path, '--', 'sh', '-c', 'echo it runs >&2',
                        cwd=folder)
    command.complains(1, 'Is a directory', 'trace', '-o', folder, '--', driver, 'steps')


def others(command, driver, folder):
    """A link, a FIFO or a device must not be lost or waited for."""
    link, fifo, target = (os.path.join(folder, name) for name in ('link', 'fifo', 'target'))
    common.write(folder, 'target', '')
    os.symlink(target, link)
    os.mkfifo(fifo)
    command.complains(1, 'symbolic link', 'trace', '-o', link, '--', driver, 'steps')
    command.complains(2, 'is not a trace', 'trace', '-o', fifo, '--', driver, 'steps', timeout=60)
    command.complains(2, 'is not a trace', 'trace', '-o', '/dev/null', '--', driver, 'steps')
    command.say(os.path.islink(link) and os.path.exists('/dev/null') and not os.path.getsize(target),
                'a link and a device stay as they are')
    os.mkdir(os.path.join(folder, 'sub'))
    done = command.run('trace', '-o', 'here.json', '--', 'sh', '-c', f'cd sub && exec {driver} steps',
                       cwd=folder)
    command.say(not done.returncode and os.path.exists(os.path.join(folder, 'here.json')),
                'a program that changes its folder has its trace here', done.stdout + done.stderr)


def texts(command, driver, folder):
    done = command.run('trace', '--text', '--', driver, 'steps', cwd=folder,
                       env=dict(os.environ, TMPDIR=folder))
    command.say(not done.returncode and 'tests/timeline/program.c:' in done.stdout and
                'permission read-only' in done.stdout and 'vector 0' in done.stdout and
                'is in' not in done.stdout, '--text prints the events', done.stdout + done.stderr)
    command.say(not os.listdir(folder), '--text leaves no file', os.listdir(folder))
    answer, done = command.json('trace', '--text', '--', driver, 'steps')
    command.say(answer is None, 'an option behind -- is for the program', done.stdout)
    done = command.run('trace', '--json', '--text', '--', driver, 'steps')
    answer = json.loads(done.stdout)
    command.say([event['event'] for event in answer['events']][:4] ==
                ['open', 'new box', 'expose', 'reclaim'] and answer['status'] == 0,
                'the events come in their order', answer)
    if not os.geteuid():
        done = command.run_without_proc('trace', '--text', '--', driver, 'steps')
        if done:
            command.say((done.returncode, done.stderr) ==
                        (1, 'coherent: trace: /proc is not mounted; give a file for the trace with '
                            '-o\n'), '--text needs /proc', done.stderr)
    times = [float(event['seconds']) for event in answer['events']]
    command.say(times == sorted(times) and times[0] == 0, 'times begin with the first event', times)


def interrupted(command, driver, folder):
    with subprocess.Popen([command.program, 'trace', '--text', '--', driver, 'wait'], cwd=folder,
                          stderr=subprocess.PIPE, start_new_session=True,
                          env=dict(os.environ, TMPDIR=folder)) as child:
        child.stderr.readline()
        child.terminate()
        child.wait()
        # The driver is in the session of the command.
        os.killpg(child.pid, signal.SIGKILL)
    command.say(child.returncode == -signal.SIGTERM and not os.listdir(folder),
                '--text leaves no file if a signal ends it', (child.returncode, os.listdir(folder)))


def outputs(command, driver, folder):
    script = f'echo from the program; exec {driver} steps'
    done = command.run('trace', '--json', '--text', '--', 'sh', '-c', script)
    command.say(done.stdout.startswith('{') and 'from the program\n' in done.stderr,
                'the JSON is without the output of the program', done.stderr)
    done = command.run('trace', '--text', '--', 'sh', '-c', script)
    command.say(done.stdout.startswith('SECONDS') and 'from the program\n' in done.stderr,
                'the events are without the output of the program', done.stdout)
    done = command.run('trace', '-o', folder + '/t', '--', 'sh', '-c', script)
    command.say(done.stdout.startswith('from the program\n'),
                'without them the output of the program is where it was', done.stderr)


def closed_streams(command, driver):
    """The trace must not take the place of a standard stream, to which the program may write."""
    script = f'echo from the program; echo and its errors >&2; exec {driver} steps'
    for closed in ('2>&-', '0<&- 2>&-'):
        done = subprocess.run(['sh', '-c', f'exec "$@" {closed}', 'sh', command.program, 'trace', '--text',
                               '--', 'sh', '-c', script], check=False, capture_output=True, text=True)
        command.say(not done.returncode and done.stdout.startswith('SECONDS') and
                    'expose' in done.stdout, f'--text works with {closed}', done.stdout)
    done = subprocess.run(['sh', '-c', 'exec "$@" >&-', 'sh', command.program, '--version'], check=False,
                          capture_output=True, text=True)
    command.say((done.returncode, done.stderr) ==
                (1, 'coherent: standard output: Bad file descriptor\n'),
                'a closed standard output is an error', f'{done.returncode} {done.stderr}')


def full_disks(command, driver, folder):
    """The limit of a file stands for a full disk. Each driver has two devices, which report.

    With a limit of 0 the start of a program with ThreadSanitizer ends it by SIGXFSZ.
    """
    def small(limit):
        return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    path = os.path.join(folder, 'full.json')
    done = command.run('trace', '-o', path, '--', driver, 'steps', preexec_fn=small(1))
    command.say(done.returncode == 1 and f'trace: {path} cannot be written: File too large\n' in
                done.stderr and 'opened no device' not in done.stderr,
                'a trace that cannot begin is an error', f'{done.returncode} {done.stderr}')
    for more in ([], ['--text']):
        done = command.run('trace', '-o', path, *more, '--', driver, 'steps', preexec_fn=small(2000))
        with open(path, encoding='utf-8') as file:
            lines = len(json.load(file))
        command.say(done.returncode == 1 and lines > 3 and f'trace: {path} had no room for all '
                    'events, so the last ones are missing\n' in done.stderr and
                    f'The trace is in {path}' in done.stdout,
                    f'a trace that is cut off is an error {more}', f'{done.returncode} {done.stderr}')
    done = command.run('trace', '-o', path, '--', driver, 'steps')
    command.say(not done.returncode and 'had no room' not in done.stderr, 'the next trace is whole',
                done.stderr)


def statuses(command, driver, folder):
    path = os.path.join(folder, 's.json')
    for script, status in (('exit 7', 7), ('kill -9 $$', 137), ('exit 0', 0)):
        done = command.run('trace', '-o', path, '--', '/bin/sh', '-c', f'{driver} two; {script}')
        command.say(done.returncode == status, f'the status of "{script}" is {status}',
                    f'{done.returncode} {done.stderr}')
    command.refuses(2, 'trace: -- PROGRAM [ARGUMENT...] is missing; see coherent trace --help',
                    'trace')
    for program, why in (('/nothing', 'No such file or directory'), ('/', 'Permission denied'),
                         ('', 'No such file or directory')):
        command.refuses(1, f'trace: "{program}" cannot be run: {why}', 'trace', '-o', path, '--',
                        program)
    command.say(os.path.getsize(path), 'an old trace stays if the program cannot be run')
    for status in (126, 127):
        done = command.run('trace', '-o', path, '--', '/bin/sh', '-c', f'exit {status}')
        command.say((done.returncode, done.stderr) ==
                    (status, 'coherent: trace: /bin/sh opened no device\n'),
                    f'a program that ends with {status} was run', f'{done.returncode} {done.stderr}')
    done = command.run('trace', '-o', path, '--', '/bin/sh', '-c', 'exit 3')
    command.say((done.returncode, done.stderr) == (3, 'coherent: trace: /bin/sh opened no device\n'),
                'a program without a device gets a line', done.stderr)
    # The kernel keeps no status for a program that ignores SIGCHLD, and exec() passes that on.
    done = command.run('trace', '-o', path, '--', '/bin/sh', '-c', 'exit 3',
                       preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    command.say(done.returncode == 3, 'the status is known if the caller ignores SIGCHLD',
                f'{done.returncode} {done.stderr}')
    for status in (0, 3):
        done = command.run('trace', '--json', '--', '/bin/sh', '-c', f'exit {status}', cwd=folder)
        answer = json.loads(done.stdout or 'null')
        command.say((done.returncode, answer) == (status, {'status': status, 'events': []}),
                    f'without a device and with status {status} there is JSON too', done.stdout)


def main():
    command, driver = common.Command(sys.argv[1]), os.path.abspath(sys.argv[2])
    for check in (files, texts, interrupted, outputs, full_disks, statuses):
        with tempfile.TemporaryDirectory() as folder:
            check(command, driver, folder)
    closed_streams(command, driver)
    return command.end()


if __name__ == '__main__':
    sys.exit(main())
