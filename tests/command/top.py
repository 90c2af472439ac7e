#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Test "coherent top" with a driver that runs, with one that has ended, and with wrong arguments.

usage: top.py COMMAND DRIVER PROGRAM

DRIVER makes known objects (driver.c). PROGRAM does not use the library, and waits for as many seconds as it is told. Prints TAP.
"""
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import time

import common
from common import Command

PATIENCE = 120


class Driver:
    """A driver that has its objects. It ends at the end of the block."""

    def __init__(self, program, *args):
        self.run = subprocess.Popen([program, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                    text=True)
        self.address = self.run.stdout.readline().strip()
        self.pid = str(self.run.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.run.stdin.close()
        self.run.wait(PATIENCE)
        self.run.stdout.close()

    def churn(self):
        self.run.stdin.write('x')
        self.run.stdin.flush()
        self.run.stdout.readline()


def check_counts(top, program):
    with Driver(program) as driver:
        answer, done = top.json('top', driver.pid)
        device = answer['devices'][0] if answer else {}
        top.say(done.returncode == 0 and not done.stderr and len(answer['devices']) == 1,
                'one device is found', f'{done.stderr} {answer}')
        want = {'pid': int(driver.pid), 'device': 'sim:edu,mask=48', 'level': 'IOMMU', 'boxes': 1,
                'mems': 12, 'ended': 1, 'reachable': 3 * 4096, 'private': 12288, 'faults': 1,
                'closed': False, 'missing': 0, 'changed': 0}
        top.say(all(device.get(key) == value for key, value in want.items()),
                'its objects, bytes and faults are right', f'{device}\n{want}')
        rows = {row['site']: row for row in answer['rows']}
        pooled = [row for row in rows.values() if row['mems'] == 10]
        faulty = [row for row in rows.values() if row['faults'] == 1]
        top.say(len(rows) == 6 and all(re.fullmatch(r'.*driver\.c:\d+', site) for site in rows),
                'each row has the site of an allocation', rows)
        top.say(len(pooled) == 1 and pooled[0]['reachable'] == 640,
                'the objects of a pool are counted at the site of their allocation', rows)
        free = [row for row in rows.values() if row['reachable'] == 4096 - 640]
        top.say(len(free) == 1 and not free[0]['mems'],
                'the rest of the memory of the pool counts where the pool was created', rows)
        top.say(len(faulty) == 1 and faulty[0]['mems'] == 1,
                'the fault is counted at the site of the object', rows)
        top.say([row['reachable'] for row in answer['rows']] ==
                sorted((row['reachable'] for row in answer['rows']), reverse=True),
                'the row with the most reachable bytes is the first', answer['rows'])
        check_objects(top, driver)
        check_options(top, driver)


def check_objects(top, driver):
    answer, _ = top.json('top', '--by=object', driver.pid)
    kinds = sorted(row['kind'] for row in answer['rows'])
    top.say(kinds == ['box', 'ended', 'free part of a pool'] + ['mem'] * 11 + ['mem, read-only'],
            'single objects have their kinds', kinds)
    top.say(driver.address in [row['address'] for row in answer['rows']],
            'a mem has the address that the driver knows', answer['rows'])
    answer, _ = top.json('top', '--by=object', '--limit=2', driver.pid)
    top.say(len(answer['rows']) == 2 and answer['count'] == 15,
            '--limit shows fewer rows, and their number is known', answer)


def check_twins(top, program):
    with Driver(program, '-s') as driver:
        answer, _ = top.json('top', '--by=object', driver.pid)
        rows = {row['kind']: row for row in answer['rows'] if row['device'] == 'sim:edu,mask=32'}
        top.say(sorted(rows) == ['twin', 'twin, read-only'] and
                all('driver.c:' in row['site'] and row['bytes'] == 4096 for row in rows.values()),
                'twins have a kind of their own', rows)
        device = answer['devices'][1]
        top.say(device['mems'] == 2 and device['reachable'] == 2 * 4096,
                'twins count as mems of their device', device)
        done = top.run('top', '--by=object', driver.pid)
        top.say('twin, read-only' in done.stdout, 'the table names them', done.stdout)


def check_devices(top, program):
    """The devices are rows with --by=device, and are sorted and limited as others are."""
    first, second = 'sim:edu,mask=48', 'sim:edu,mask=32'
    # The first device is closed, so that it reaches nothing.
    with Driver(program, '-s', '-l') as driver:
        for sort, want in (('reachable', [second, first]), ('private', [first, second]),
                           ('objects', [first, second])):
            answer, _ = top.json('top', '--by=device', f'--sort={sort}', driver.pid)
            top.say([device['device'] for device in answer['devices']] == want,
                    f'--by=device --sort={sort} sorts the devices', answer)
        answer, _ = top.json('top', '--by=device', '--limit=1', driver.pid)
        top.say([device['device'] for device in answer['devices']] == [second] and
                answer.get('count') == 2, '--by=device --limit=1 shows one device', answer)
        done = top.run('top', '--by=device', '--limit=1', driver.pid)
        top.say(first not in done.stdout and '\n1 more rows are left out; see --limit.\n' in done.stdout,
                'the text says that a device is left out', done.stdout)


def check_options(top, driver):
    for sort, site in (('private', lambda row: row['private'] == 12288),
                       ('objects', lambda row: row['mems'] == 10),
                       ('faults', lambda row: row['faults'] == 1)):
        answer, _ = top.json('top', f'--sort={sort}', driver.pid)
        top.say(site(answer['rows'][0]), f'--sort={sort} puts the right row first', answer['rows'])
    answer, _ = top.json('top', '--by=device', driver.pid)
    top.say('rows' not in answer, '--by=device has no other rows', answer)
    done = top.run('top', driver.pid)
    top.say(done.returncode == 0 and 'driver.c:' in done.stdout and '\033' not in done.stdout and
            re.search(r'PID +LEVEL +BOXES', done.stdout), 'the output is a plain table if it is no '
            'terminal', done.stdout)
    done = top.run('top')
    top.say(done.returncode == 0 and driver.pid in done.stdout,
            'without a PID the driver is found too', done.stdout)


def check_lives(top, program):
    with Driver(program, '-l') as driver:
        answer, done = top.json('top', driver.pid)
        top.say(done.returncode == 0 and answer['devices'][0]['closed'] and
                answer['devices'][0]['mems'] == 12,
                'a closed device with live objects is shown', f'{done.stderr} {answer}')
        top.say(answer['devices'][0]['reachable'] == 0 and
                not any(row['reachable'] for row in answer['rows']), 'it reaches nothing', answer)
        answer, done = top.json('top', '--by=object', driver.pid)
        top.say([row['bytes'] for row in answer['rows'] if row['kind'] == 'free part of a pool'] ==
                [4096 - 640], 'the free part of its pool has the same size', answer)
    with Driver(program, '-c') as driver, subprocess.Popen(
            [top.program, 'top', '--json', '--by=device', '--seconds=3', driver.pid],
            stdout=subprocess.PIPE, text=True) as child:
        began = time.monotonic()
        while child.poll() is None and time.monotonic() - began < PATIENCE:
            driver.churn()
        text = child.communicate()[0]
        top.say(re.search(r'"changed": [1-9]', text), 'changes are counted', text)
    with Driver(program, '-n', '100000') as driver:
        answer, _ = top.json('top', driver.pid)
        top.say(answer['devices'][0]['mems'] == 100002, '100,000 objects are counted', answer)


def check_container(top, program):
    """The driver is process 1 of its own PID namespace. The user names it by its number outside."""
    name = 'a driver in another PID namespace is found'
    if os.geteuid():
        top.skip(name, 'only root can make a PID namespace')
        return
    with Driver('unshare', '-p', '-f', program) as driver:
        with open(f'/proc/{driver.pid}/task/{driver.pid}/children', encoding='ascii') as children:
            inner = children.read().split()[0]
        answer, done = top.json('top', inner)
        top.say(answer and answer['devices'][0]['mems'] == 12, name, done.stderr)


class Screen:
    """A live table in a terminal of that size."""

    def __init__(self, top, lines, columns, pid):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', lines, columns, 0, 0))
        self.run = subprocess.Popen([top.program, 'top', '--seconds=0.05', pid], stdin=slave,
                                    stdout=slave, stderr=slave, env=dict(os.environ, TERM='xterm'))
        os.close(slave)
        self.text = b''

    def read(self, words):
        self.text += read_until(self.master, words)

    def press(self, keys):
        os.write(self.master, keys)

    def end(self):
        """Returns the exit status. The terminal must be as it was."""
        status = self.run.wait(PATIENCE)
        self.text += drain(self.master)
        os.close(self.master)
        return status if self.text.rstrip().endswith(b'\033[?1049l') else 'the screen stays'

    def frames(self):
        return self.text.split(b'\033[H\033[J')[1:]


def check_terminal(top, program):
    """A live table is drawn, keys change it, and q ends it, also in a small terminal."""
    for lines, columns in ((24, 120), (24, 80), (10, 20)):
        with Driver(program) as driver:
            screen = Screen(top, lines, columns, driver.pid)
            screen.read(b'sorted by reachable')
            screen.press(b's')
            screen.read(b'sorted by private')
            screen.press(b'bq')
            status = screen.end()
            top.say(status == 0, f'keys change the live table in {columns} columns, and q restores the '
                    'screen', f'{status} {screen.text[-400:]!r}')
            long = [frame for frame in screen.frames() if frame.count(b'\n') >= lines]
            top.say(not long, f'no frame has more than {lines} lines', long[:1])
            rows = [frame for frame in screen.frames() if b'driver.c:' in frame]
            top.say(rows or columns == 20, f'{columns} columns show sites', screen.text[-400:])
    with Driver(program) as driver:
        screen = Screen(top, 24, 80, driver.pid)
        screen.read(b'sorted by')
        screen.run.terminate()
        top.say(screen.end() == 0, 'SIGTERM restores the screen', screen.text[-100:])


def check_end(top, program):
    """A live table of a driver that has ended says so."""
    with Driver(program) as driver:
        screen = Screen(top, 24, 80, driver.pid)
        screen.read(b'driver.c:')
        driver.run.kill()
        screen.read(b'The process has no device any more')
        screen.press(b'q')
        status = screen.end()
        frame = screen.frames()[-1]
        top.say(status == 0 and b'no device any more' in frame and b'driver.c:' in frame and
                b'any more' not in screen.frames()[0], 'the last look stays when the driver ends',
                frame)


def read_until(master, words):
    text = b''
    end = time.monotonic() + PATIENCE
    while words not in text and time.monotonic() < end:
        text += os.read(master, 65536)
    return text


def drain(master):
    text = b''
    try:
        while more := os.read(master, 65536):
            text += more
    except OSError:
        pass
    return text


def check_refusals(top, program, other):
    ended = subprocess.run([program], input='', capture_output=True, text=True, check=True)
    del ended
    top.complains(1, 'there is no such process', 'top', '4194304')
    top.complains(1, 'there is no such process', 'top', '99999999999999999999')
    with subprocess.Popen([other, '60'], stdin=subprocess.DEVNULL) as child:
        top.complains(1, 'has no device of libcoherent open', 'top', str(child.pid))
        child.kill()
    for name, word in (('top', 'no-such-core'), ('top', ''), ('top', 'sim:edu'), ('map', 'edu')):
        top.refuses(1, f'"{word}": No such file or directory; give the number of a process or the '
                    'path of a core dump', name, word)
    top.complains(1, 'is not a core dump', 'top', __file__)
    top.complains(1, 'is not a core dump', 'top', '/')
    with tempfile.TemporaryDirectory() as folder:
        os.mkfifo(os.path.join(folder, 'fifo'))
        for name in ('top', 'map'):
            top.complains(1, 'is not a core dump', name, os.path.join(folder, 'fifo'), timeout=60)
    top.complains(2, 'did you mean "site"', 'top', '--by=sites')
    top.complains(2, 'did you mean "private"', 'top', '--sort=privat')
    top.complains(2, 'is not one of device, site, object', 'top', '--by=zzzzzz')
    top.complains(2, '--seconds=0', 'top', '--seconds=0')
    top.complains(2, '--limit=-1', 'top', '--limit=-1')
    if os.geteuid():
        top.skip('the process of another user is refused', 'only root can become one')
        return
    done = top.run_without_proc('top', '1')
    if done:
        top.say((done.returncode, done.stderr) == (1, 'coherent: process 1: /proc is not mounted, so '
                                                   'processes cannot be read\n'),
                'without /proc a process gets a line', done.stderr)
    with Driver(program) as driver, tempfile.TemporaryDirectory() as folder:
        nobody = common.as_nobody(folder, top.program)
        done = top.run('top', driver.pid, **nobody)
        top.say(done.returncode == 1 and 'belongs to another user' in done.stderr,
                'the process of another user is refused', f'{done.returncode} {done.stderr}')
        done = top.run('top', **nobody)
        top.say(done.returncode == 0 and 'No process' in done.stdout,
                'another user sees no process', f'{done.returncode} {done.stdout} {done.stderr}')


def main():
    if len(sys.argv) != 4:
        sys.exit('usage: top.py COMMAND DRIVER PROGRAM')
    top = Command(sys.argv[1])
    program, other = sys.argv[2:]
    check_counts(top, program)
    check_devices(top, program)
    check_twins(top, program)
    check_lives(top, program)
    check_container(top, program)
    check_terminal(top, program)
    check_end(top, program)
    check_refusals(top, program, other)
    return top.end()


if __name__ == '__main__':
    sys.exit(main())
