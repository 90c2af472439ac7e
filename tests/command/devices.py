#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""coherent devices, on trees of files that stand for other machines: devices.py PROGRAM."""
import os
import shutil
import sys
import tempfile

import common

SYSFS = '/sys/bus/pci/devices'
MEMORY, PORTS, WIDE = 0x40200, 0x40101, 0x14220c


def list_devices(command, make, *args):
    """Returns {address: row}, the text, and the error of a tree."""
    with tempfile.TemporaryDirectory() as root:
        make(root)
        answer, done = command.json('devices', f'--sysroot={root}', *args)
        text = command.run('devices', f'--sysroot={root}', *args)
    rows = {row['address']: row for row in answer['devices']} if answer else {}
    return rows, text.stdout, done.stderr + text.stderr


def commands(row):
    return [piece['command'] for piece in row['needs'] if 'command' in piece]


def usual(root):
    """A network card and an unbound device in a group of their own, bridges, and a pair."""
    common.device(root, '0000:00:03.0', group=3, driver='e1000e',
                  bars=((0xfe000000, 0xfe01ffff, MEMORY), (0, 0, 0), (0xc000, 0xc01f, PORTS),
                        (0x100000000, 0x1ffffffff, WIDE)),
                  space=common.config(msi=8, msix=5))
    common.device(root, '0000:00:04.0', group=4, space=common.config(msi=16))
    common.device(root, '0000:00:00.0', group=1, pci_class='0x060000')
    common.device(root, '0000:00:1c.0', group=9, driver='pcieport', pci_class='0x060400',
                  space=common.config(kind=1))
    common.device(root, '0000:05:00.0', group=9, driver='vfio-pci')
    common.device(root, '0000:05:00.1', group=9, driver='snd_hda_intel')
    common.device(root, '10000:e1:00.0', group=10, driver='vfio-pci', space=common.config(size=64))
    common.write(root, 'dev/vfio/10')
    common.write(root, 'sys/bus/pci/drivers/vfio-pci/module')


def rows(command):
    found, text, errors = list_devices(command, usual)
    command.say(len(found) == 7 and not errors, 'all devices are listed', f'{found} {errors}')
    card = found['0000:00:03.0']
    command.say((card['vendor'], card['device'], card['class'], card['group'], card['driver'],
                 card['msi'], card['msix'], card['mask_bits'], card['ready']) ==
                ('8086', '10d3', '020000', '3', 'e1000e', 8, 5, 64, False), 'a card', card)
    command.say([(bar['index'], bar['bytes'], bar['io'], bar['wide']) for bar in card['bars']] ==
                [(0, 0x20000, False, False), (2, 32, True, False), (3, 1 << 32, False, True)],
                'its BARs', card['bars'])
    command.say(commands(card) == [
        f'echo vfio-pci >{SYSFS}/0000:00:03.0/driver_override; '
        f'echo 0000:00:03.0 >{SYSFS}/0000:00:03.0/driver/unbind; '
        'echo 0000:00:03.0 >/sys/bus/pci/drivers_probe'], 'what it needs', card['needs'])
    free = found['0000:00:04.0']
    command.say((free['driver'], free['msi'], free['msix']) == (None, 16, 0) and
                'unbind' not in str(free['needs']), 'a device without a driver', free)
    bridge = found['0000:00:1c.0']
    command.say('bridge' in str(bridge['needs']) and not commands(bridge), 'a bridge', bridge)
    host = found['0000:00:00.0']
    command.say('bridge' in str(host['needs']) and not commands(host), 'the bridge of the host',
                host)
    pair = found['0000:05:00.0']
    command.say(commands(pair) == [f'echo 0000:05:00.1 >{SYSFS}/0000:05:00.1/driver/unbind'] and
                'no /dev/vfio/9' in str(pair['needs']), 'the other device of a group', pair)
    far = found['10000:e1:00.0']
    command.say(far['ready'] and not far['needs'], 'a device is ready', far)
    for word in ('0: 128 KiB, 2: 32 B I/O, 3: 4 GiB', '5 MSI-X', '16 MSI', '8086:10d3'):
        command.say(word in text, f'the text has {word}', text)


def choice(command):
    found, _, errors = list_devices(command, usual, '00:03.0')
    command.say(list(found) == ['0000:00:03.0'] and not errors, 'one device, without its domain',
                f'{found} {errors}')
    with tempfile.TemporaryDirectory() as root:
        usual(root)
        root = f'--sysroot={root}'
        command.refuses(1, 'devices: there is no PCI device 0000:77:00.0; coherent devices lists '
                        'them', 'devices', root, '77:00.0')
        for text in ('card', '0000:00:20.0', '00:03.8', ' 00:03.0', '../00:03.0', ''):
            command.complains(2, 'is not a PCI address such as 0000:00:01.0; for a model of QEMU give '
                              '--qemu', 'devices', root, text)


def no_loaded_driver(root):
    usual(root)
    shutil.rmtree(os.path.join(root, 'sys/bus/pci/drivers'))
    shutil.rmtree(os.path.join(root, common.PCI, '0000:05:00.0'))
    os.unlink(os.path.join(root, common.PCI, '0000:00:04.0/iommu_group'))


def needs(command):
    found, _, _ = list_devices(command, no_loaded_driver)
    command.say(commands(found['0000:00:03.0'])[0].startswith('modprobe vfio-pci; echo'),
                'vfio-pci is loaded first', found['0000:00:03.0'])
    command.say('coherent doctor vfio' in str(found['0000:00:04.0']['needs']),
                'a device without a group', found['0000:00:04.0'])

    found, _, _ = list_devices(command, lambda root: usual(root) or
                               common.write(root, 'dev/vfio/noiommu-10'))
    needed = found['10000:e1:00.0']['needs']
    command.say('.level = COHERENT_NONE' in str(needed) and len(needed) == 1,
                'a device in no-IOMMU mode', needed)

    with tempfile.TemporaryDirectory() as root:
        usual(root)
        os.chmod(os.path.join(root, 'dev/vfio/10'), 0)
        answer, done = command.json('devices', f'--sysroot={root}', '10000:e1:00.0',
                                    **common.as_nobody(root, command.program))
    command.say(answer and [text.split()[0] + text.split()[-1]
                            for text in commands(answer['devices'][0])] == ['chown/dev/vfio/10'],
                'a node that is not permitted', done.stdout + done.stderr)


def odd(root):
    """Missing and malformed files, links that dangle or hold commands, loops, FIFOs."""
    os.makedirs(os.path.join(root, common.PCI, '0000:00:01.0'))
    where = os.path.join(common.PCI, '0000:00:02.0')
    for name in ('vendor', 'device', 'class', 'dma_mask_bits', 'resource', 'config'):
        common.write(root, os.path.join(where, name), b'\xff\x00-1\x1b[31m' * 1000)
    common.link(root, os.path.join(where, 'driver'), '/nowhere/\x1b[31m\udcff"evil\n')
    common.link(root, os.path.join(where, 'iommu_group'), '../../7; reboot')
    looped = bytearray(common.config(msi=1, msix=1))
    looped[0x61] = 0x40
    common.device(root, '0000:00:03.0', space=bytes(looped))
    common.device(root, '0000:00:04.0', space=b'')
    os.mkfifo(os.path.join(root, common.PCI, '0000:00:04.0/numa'))
    os.unlink(os.path.join(root, common.PCI, '0000:00:04.0/vendor'))
    os.mkfifo(os.path.join(root, common.PCI, '0000:00:04.0/vendor'))
    for name in ('evil\x1b[31m', '0000:00:05.0.bak', '0000:00:05', '$(reboot)'):
        os.makedirs(os.path.join(root, common.PCI, name))
    common.link(root, os.path.join(common.PCI, '0000:00:06.0'), '/nowhere')
    common.link(root, os.path.join(common.PCI, '0000:00:07.0/driver'), 'vfio-pci')
    common.link(root, os.path.join(common.PCI, '0000:00:07.0/iommu_group'), '../../7; reboot')
    os.makedirs(os.path.join(root, 'sys/kernel/iommu_groups/12/devices'))


def trees(command):
    found, text, errors = list_devices(command, odd)
    command.say(sorted(found) == [f'0000:00:0{i}.0' for i in (1, 2, 3, 4, 6, 7)] and not errors,
                'an odd tree is listed', f'{sorted(found)} {errors}')
    command.say(all(found['0000:00:01.0'][key] is None
                    for key in ('vendor', 'msi', 'driver', 'group')),
                'what is not known is null', found['0000:00:01.0'])
    command.say(found['0000:00:02.0']['driver'] == '\x1b[31m\ufffd"evil\n' and
                '\x1b' not in text and r'\x1b[31m' in text, 'a name with odd characters',
                found['0000:00:02.0'])
    for address in ('0000:00:02.0', '0000:00:07.0'):
        command.say('reboot' not in str(found[address]), 'no advice is made of a link',
                    found[address])
    command.say((found['0000:00:03.0']['msi'], found['0000:00:03.0']['msix']) == (1, 1),
                'a list of capabilities with a loop ends', found['0000:00:03.0'])
    for word in ('/nothing', '', __file__):
        for name in ('devices', 'doctor'):
            command.refuses(2, f'{name}: --sysroot={word} is not a folder', name,
                            f'--sysroot={word}')
    command.refuses(2, 'devices: give --qemu or --sysroot, not both', 'devices', '--qemu',
                    '--sysroot=/')
    with tempfile.TemporaryDirectory() as root:
        done = command.run('devices', f'--sysroot={root}')
    command.say((done.returncode, done.stdout) == (0, 'There are no PCI devices.\n'),
                'a tree without devices', done.stdout)


def large(root):
    """The devices have no files but the links, because it takes seconds to make more."""
    for i in range(1000):
        where = os.path.join(common.PCI, f'0000:{i // 256:02x}:{i % 256 // 8:02x}.{i % 8}')
        common.link(root, os.path.join(where, 'iommu_group'), '../groups/1')
        common.link(root, os.path.join(where, 'driver'), '../drivers/nvme')


def many(command):
    found, _, errors = list_devices(command, large)
    command.say(len(found) == 1000 and not errors, '1000 devices in one group', errors)
    command.say(len(found['0000:00:00.0']['needs']) == 10 and
                '991 more devices of group 1' in str(found['0000:00:00.0']['needs']),
                'most of a large group is only counted', found['0000:00:00.0']['needs'])
    with tempfile.TemporaryDirectory() as root:
        usual(root)
        for columns in (20, 80):
            status, lines = command.in_terminal(columns, 'devices', f'--sysroot={root}')
            long = [line for line in lines if len(line) > columns and '>/sys' not in line]
            command.say(not status and lines and not long,
                        f'the list fits {columns} columns, but for commands', '\n'.join(long))


def qemu(command):
    """A program in the place of QEMU, and the QEMU that is installed."""
    with tempfile.TemporaryDirectory() as folder:
        env = dict(os.environ, PATH=f'{folder}:/usr/bin:/bin')
        nothing = dict(os.environ, PATH=folder)
        command.refuses(1, 'devices: there is no qemu-system-x86_64; as root: apt-get install '
                        'qemu-system-x86', 'devices', '--qemu', env=nothing)
        path = os.path.join(folder, 'qemu-system-x86_64')
        lines = ['Network devices:', 'name "e1000", bus PCI, alias "e1000-82540em", desc "A card"',
                 'name "usb-net", bus usb-bus', 'name "x\x1b[1m", bus PCI', '', 'Odd', 'name "open']
        for text, status, words in (
                ("cat <<'END'\n" + '\n'.join(lines) + '\nEND', 0, ''),
                ('exit 3', 1, 'qemu-system-x86_64 -device help: '),
                ('echo nothing', 1, 'lists no PCI device models'),
                ('kill -9 $$', 1, 'qemu-system-x86_64 -device help: ')):
            common.write(folder, 'qemu-system-x86_64', f'#!/bin/sh\n{text}\n')
            os.chmod(path, 0o755)
            if status:
                command.complains(1, words, 'devices', '--qemu', env=env)
                continue
            answer, done = command.json('devices', '--qemu', env=env)
            command.say(answer and answer['models'] == [
                {'opens': 'qemu:e1000', 'model': 'e1000', 'category': 'Network devices',
                 'alias': 'e1000-82540em', 'description': 'A card'},
                {'opens': 'qemu:x\x1b[1m', 'model': 'x\x1b[1m', 'category': 'Network devices',
                 'alias': None, 'description': None}], 'the models of a QEMU', done.stdout)
            for name in ('e1000', 'e1000-82540em', 'qemu:e1000'):
                answer, done = command.json('devices', '--qemu', name, env=env)
                command.say(answer and [model['model'] for model in answer['models']] == ['e1000'],
                            f'the model {name} of a QEMU', done.stderr)
            command.complains(1, 'has no PCI device model "e2000"', 'devices', '--qemu', 'e2000',
                              env=env)
    if not shutil.which('qemu-system-x86_64'):
        command.skip('the models of the installed QEMU', 'it is not installed')
        return
    answer, done = command.json('devices', '--qemu')
    models = {model['model'] for model in answer['models']} if answer else set()
    command.say({'edu', 'nvme', 'e1000'} <= models and 'usb-hub' not in models,
                'the models of the installed QEMU', done.stderr)


def tests(command):
    for part in (rows, choice, needs, trees, many, qemu):
        part(command)


if __name__ == '__main__':
    sys.exit(common.main(tests))
