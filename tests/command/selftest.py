#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""coherent selftest, on devices that need no hardware: selftest.py PROGRAM."""
import concurrent.futures
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import common

REACHED = ('write a mem', 'read a mem', 'write the last bytes of a mem', 'read a read-only mem')
REFUSED = ('write and read the bytes after a mem', 'write a box', 'read a box',
           'write a read-only mem', 'write a reclaimed mem', 'read a reclaimed mem',
           'write a mem that is reclaimed during the transfer')


def passes(command, name, level, not_offered=(), reasons=True, more=(), run=None):
    """A device does what it must. RUN is an earlier run of the command. Returns the rows."""
    answer, done = run or command.json('selftest', name)
    command.say(answer and done.returncode == 0 and answer['good'] and answer['level'] == level,
                f'{name} passes', done.stdout + done.stderr)
    rows = {row['try']: row for row in answer['tries']} if answer else {}
    wanted = {row: 'reached' for row in REACHED} | {row: 'refused' for row in REFUSED}
    wanted |= {row: 'refused' for row in more}
    wanted |= {row: 'not offered' for row in not_offered}
    command.say({row: rows[row]['actual'] for row in rows} == wanted, f'{name} tries all', rows)
    silent = [row for row in rows if rows[row]['actual'] == 'refused' and not rows[row]['reason']]
    command.say(not silent or not reasons, f'{name} gives the reasons', silent)
    return rows


def simulated(command):
    rows = passes(command, 'sim:edu,step', 'IOMMU')
    for name, words in (('write a box', 'box, not exposed yet'),
                        ('write a reclaimed mem', 'reclaimed'),
                        ('write a read-only mem', 'refused: read-only'),
                        ('write and read the bytes after a mem', 'byte 1 past the end')):
        command.say(words in rows.get(name, {}).get('reason', ''), f'{name}: {words}',
                    rows.get(name))
    passes(command, 'sim:edu,delay=20', 'IOMMU')
    passes(command, 'sim:edu,step,mask=40', 'IOMMU')
    # Old pages stay reachable here, so some accesses cause no fault. No object has these pages.
    passes(command, 'sim:edu,step,lazy', 'IOMMU', reasons=False)


def wrong(command):
    """The first write of the device is lost, so it does not reach a mem."""
    answer, done = command.json('selftest', 'sim:edu,step,drop-write=1')
    bad = [row['try'] for row in answer['tries'] if not row['good']] if answer else []
    command.say(done.returncode == 1 and bad == ['write a mem'] and not answer['good'],
                'a device that does not do what it must', f'{bad} {done.stderr}')
    done = command.run('selftest', 'sim:edu,step,drop-write=1')
    command.say(done.returncode == 1 and 'Some results are not as expected.' in done.stdout and
                not done.stderr, 'the text says so', done.stdout)
    for name, words in (('sim:edu,step,stuck=1', 'could not be tried: Connection timed out'),
                        ('sim:edu,step,unplug=30', 'could not be tried: No such device'),
                        ('sim:edu,step,fail-alloc=3', 'could not be tried: Cannot allocate memory'),
                        ('sim:edu,step,fail-alloc=1', 'the driver does not start: Cannot allocate'),
                        ('sim:edu,step,fail-bar=3', 'the driver does not start: Input/output'),
                        ('sim:edu,step,fail-map=1', 'the driver does not start: Input/output'),
                        ('sim:ring', 'has no driver for this device: ring device')):
        command.complains(1, words, 'selftest', name)
        command.complains(1, words, 'selftest', name, '--json')
    command.complains(2, 'there is no scheme "nope"', 'selftest', 'nope:x')


def qemu(command):
    if not shutil.which('qemu-system-x86_64'):
        command.skip('QEMU', 'qemu-system-x86_64 is not installed')
        return
    passes(command, 'qemu:edu', 'PEER')
    with tempfile.TemporaryDirectory() as folder:
        image = os.path.join(folder, 'disk')
        with open(image, 'wb') as file:
            file.write(bytes(range(256)) * 16384)
        passes(command, f'qemu:nvme,image={image}', 'PEER')
        with open(image, 'rb') as file:
            command.say(file.read() == bytes(range(256)) * 16384, 'the disk keeps its contents')
    name = 'qemu:nvme,drive=d'
    run = command.json('selftest', name, '--qemu-arg=-blockdev',
                       '--qemu-arg=driver=null-co,node-name=d,size=1048576,read-zeroes=on')
    passes(command, name, 'PEER', run=run)
    command.refuses(2, 'selftest: --qemu-arg is only for a device of qemu:, and "sim:edu" is not '
                    'one', 'selftest', 'sim:edu', '--qemu-arg=-device')
    command.complains(1, 'has no driver for this device', 'selftest', 'qemu:e1000')


def vhost_user(command):
    if not shutil.which('qemu-storage-daemon'):
        command.skip('vhost-user', 'qemu-storage-daemon is not installed')
        return
    with tempfile.TemporaryDirectory() as folder:
        image, path = os.path.join(folder, 'disk'), os.path.join(folder, 'socket')
        with open(image, 'wb') as file:
            file.write(bytes(range(256)) * 16384)
        with subprocess.Popen(
                ['qemu-storage-daemon', '--blockdev', f'driver=file,node-name=f,filename={image}',
                 '--export', 'type=vhost-user-blk,id=e,addr.type=unix,node-name=f,writable=on,'
                 f'addr.path={path}'], stderr=subprocess.DEVNULL) as daemon:
            while not os.path.exists(path) and daemon.poll() is None:
                time.sleep(0.01)
            passes(command, f'vhost-user:{path}', 'PEER',
                   not_offered=('read a read-only mem', 'write a read-only mem'))
            daemon.kill()
        with open(image, 'rb') as file:
            command.say(file.read() == bytes(range(256)) * 16384, 'the disk keeps its contents')


def fabric(command):
    """A second endpoint of the same provider is the peer."""
    with socket.create_server(('127.0.0.1', 0)) as server:
        port = server.getsockname()[1]
    names = (*(f'fabric:{provider},node=127.0.0.1' for provider in ('tcp', 'net', 'sockets')),
             f'fabric:tcp,manual,node=127.0.0.1,service={port}')
    # libfabric and the tries mostly wait, so the runs wait together.
    with concurrent.futures.ThreadPoolExecutor() as pool:
        runs = list(pool.map(lambda name: command.json('selftest', name), names))
    for name, run in zip(names, runs):
        missing = not run[0] and common.fabric_missing(command, name)
        if missing:
            command.skip(name, missing)
            continue
        passes(command, name, 'PEER', more=('read a mem that is reclaimed during the transfer',),
               run=run)
    for name, reason in (('fabric:udp,node=127.0.0.1', 'a malformed datagram'),
                         ('fabric:shm', 'checks no key')):
        if not common.fabric_missing(command, name):
            command.complains(1, reason, 'selftest', name)


def terminal(command):
    status, lines = command.in_terminal(20, 'selftest', 'sim:edu,step')
    command.say(not status and lines and not [line for line in lines if len(line) > 20],
                'the table fits 20 columns', '\n'.join(lines))


def tests(command):
    for part in (simulated, wrong, qemu, vhost_user, fabric, terminal):
        part(command)


if __name__ == '__main__':
    sys.exit(common.main(tests))
