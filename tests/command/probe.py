#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""coherent probe, on devices that need no hardware: probe.py PROGRAM."""
import re
import shutil
import sys
import tempfile

import common


def devices(command):
    answer, done = command.json('probe', 'sim:edu')
    command.say(answer and (answer['device'], answer['id'], answer['level'], answer['bars'],
                            answer['mask'], answer['unmap_is_fence'], answer['mappings'],
                            answer['memory_bytes'], answer['selftest']) ==
                ('sim:edu', 'edu, version 1.0', 'IOMMU', [{'index': 0, 'bytes': 1 << 20}],
                 '0xfffffff', True, None, None, True), 'sim:edu', done.stdout + done.stderr)
    answer, done = command.json('probe', 'sim:ring,mask=40,lazy,maps=7')
    command.say(answer and (answer['mask'], answer['unmap_is_fence'], answer['mappings'],
                            answer['selftest']) == ('0xffffffffff', False, 7, False) and
                'ring' in answer['id'], 'sim:ring', done.stdout + done.stderr)
    done = command.run('probe', 'sim:edu')
    command.say(answer and answer['ranges'] == [
        {'first': '0x1000', 'last': '0xfedfffff'}, {'first': '0xfef00000', 'last': '0xffffffffff'}],
                'the addresses of a device', answer)
    for line in ('device: sim:edu', 'device addresses: 0x1000 to 0xfffffff', 'level: IOMMU',
                 'BARs: 0: 1 MiB', 'interrupt vectors: 1',
                 'memory exposed at a time: no limit of its own',
                 'fence: an unmap is a fence'):
        command.say(line in done.stdout.splitlines(), f'the text has: {line}', done.stdout)
    if not shutil.which('qemu-system-x86_64'):
        command.skip('qemu:nvme', 'qemu-system-x86_64 is not installed')
        return
    answer, done = command.json('probe', 'qemu:nvme')
    command.say(answer and (answer['level'], answer['unmap_is_fence'], answer['selftest']) ==
                ('PEER', False, True) and
                re.fullmatch(r'1b36:0010, class 010802, NVMe controller, version 1\.[1-9]',
                             answer['id']) and
                answer['vectors'] > 1, 'qemu:nvme', done.stdout + done.stderr)
    command.say(answer and answer['memory_bytes'] == 62 << 20, 'the memory that QEMU has', answer)
    done = command.run('probe', 'qemu:edu,memory=0x80')
    line = 'memory exposed at a time: 126 MiB; the key memory sets it'
    command.say(line in done.stdout.splitlines(), f'the text has: {line}', done.stdout)
    answer, done = command.json('probe', 'qemu:e1000')
    command.say(answer and answer['id'] == '8086:100e, class 020000' and not answer['selftest'],
                'a model that is not known has its IDs', done.stdout + done.stderr)


def qemu_args(command):
    """A model gets a folder, and each mistake is one line."""
    for name in ('sim:edu', 'vfio:0000:01:00.0', 'edu', ''):
        command.refuses(2, 'probe: --qemu-arg is only for a device of qemu:, and '
                        f'"{name}" is not one', 'probe', name, '--qemu-arg=-netdev')
    command.refuses(2, 'probe: the option "--qemu-arg" needs a value; see coherent probe --help',
                    'probe', 'qemu:edu', '--qemu-arg')
    command.refuses(2, 'probe: there are more than 64 options', 'probe', 'qemu:edu',
                    *['--qemu-arg=-device', '--qemu-arg=edu'] * 33)
    if not shutil.which('qemu-system-x86_64'):
        command.skip('--qemu-arg', 'qemu-system-x86_64 is not installed')
        return
    name = 'qemu:virtio-9p-pci,fsdev=f,mount_tag=t'
    with tempfile.TemporaryDirectory() as folder:
        shared = f'local,id=f,path={folder},security_model=none'
        for args in (['--qemu-arg=-fsdev', f'--qemu-arg={shared}'],
                     ['--qemu-arg', '-fsdev', '--qemu-arg', shared]):
            answer, done = command.json('probe', *args, name)
            command.say(answer and answer['device'] == name and answer['id'].startswith('1af4:'),
                        f'a file system gets its folder by {args[0]}', done.stdout + done.stderr)
    for args, words in ((['-netdev'], '"-netdev" has no value'),
                        (['-M', 'pc'], '"-M" is not one of -audiodev'),
                        ([''], '"" is not one of'),
                        (['-fsdev', 'local,id=f'], 'security_model property not set')):
        command.complains(2, words, 'probe', 'qemu:edu', *[f'--qemu-arg={arg}' for arg in args])


def fabric(command):
    """An endpoint of libfabric has memory, and neither registers nor interrupts."""
    name = 'fabric:tcp,node=127.0.0.1'
    missing = common.fabric_missing(command, name)
    if missing:
        command.skip('fabric:tcp', missing)
        return
    answer, done = command.json('probe', name)
    command.say(answer and (answer['device'], answer['level'], answer['bars'], answer['vectors'],
                            answer['unmap_is_fence'], answer['mappings']) ==
                (name, 'PEER', [], 0, True, None) and
                re.fullmatch('endpoint of libfabric, provider tcp, 127.0.0.1, port [1-9][0-9]*',
                             answer['id']), 'fabric:tcp', done.stdout + done.stderr)
    done = command.run('probe', name)
    for line in ('BARs: -', 'interrupt vectors: 0', 'objects exposed at a time: no limit',
                 'fence: an unmap is a fence'):
        command.say(line in done.stdout.splitlines(), f'the text has: {line}', done.stdout)
    command.complains(1, 'libfabric has no provider "nope"', 'probe', 'fabric:nope')
    command.complains(2, 'there is no key "colour"', 'probe', 'fabric:tcp,colour=1')


def mistakes(command):
    command.refuses(2, 'probe: DEVICE is missing; see coherent probe --help', 'probe')
    command.refuses(2, 'probe: "b" is one argument too many; see coherent probe --help', 'probe',
                    'a', 'b')
    for name, status, words in (
            ('nope:x', 2, 'there is no scheme "nope"'), ('', 2, 'it is empty'), (':', 2, 'scheme'),
            ('sim:edu,colour=1', 2, 'there is no key "colour"'),
            ('vfio:bus', 2, 'not a PCI address'),
            ('sim:\x1b[31m\n', 2, 'there is no sim device "?[31m?"'),
            ('vfio:9999:00:00.0', 1, 'there is no PCI device 9999:00:00.0'),
            ('vhost-user:/nothing/socket', 1, 'No such file or directory')):
        command.complains(status, words, 'probe', name)
        command.complains(status, words, 'probe', name, '--json')


def terminal(command):
    status, lines = command.in_terminal(20, 'probe', 'sim:edu')
    command.say(not status and lines and not [line for line in lines if len(line) > 20],
                'the answer fits 20 columns', '\n'.join(lines))


def tests(command):
    devices(command)
    qemu_args(command)
    fabric(command)
    mistakes(command)
    terminal(command)


if __name__ == '__main__':
    sys.exit(common.main(tests))
