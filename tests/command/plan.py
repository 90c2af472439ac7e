#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""coherent plan, beside limits that are known and beside the library itself.

usage: plan.py PROGRAM OBJECTS. OBJECTS is tests/command/objects.c.
"""
import os
import random
import shutil
import subprocess
import sys
import tempfile

import common

PAGE = 4096
# No limit of this machine counts.
FREE = ('--limit=memlock=4096T', '--limit=mappings=4096T')
# The largest number that a plan may have.
HUGE = (1 << 64) - 1
# A file must not be longer than this.
BYTES_MAX = 16 << 20
# So many devices are compared with a plan. Two programs start for each.
DEVICES = 20


class Plan:
    """Writes plans into a folder, and runs the command on them."""

    def __init__(self, command, folder):
        self.command, self.folder = command, folder

    def write(self, text):
        path = os.path.join(self.folder, 'plan')
        with open(path, 'wb') as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return path

    def answer(self, text, *args):
        return self.command.json('plan', self.write(text), *args)

    def fits(self, name, text, *args):
        answer, done = self.answer(text, *args)
        self.command.say(answer and done.returncode == 0 and answer['fits'] and
                         answer['first'] is None, f'it fits: {name}', done.stdout + done.stderr)

    def exceeds(self, name, wanted, text, *args):
        """The first limit that is exceeded, the line, the object, and by how much."""
        answer, done = self.answer(text, *args)
        first = answer['first'] if answer else None
        found = first and tuple(first.get(key) for key in ('limit', 'line', 'object', 'by'))
        self.command.say(done.returncode == 1 and found == wanted, f'it does not fit: {name}',
                         f'{found}, should be {wanted}; {done.stderr}')

    def refuses(self, words, text, *args):
        self.command.complains(2, words, 'plan', self.write(text), *args)


def limits(plan):
    plan.fits('exactly', '4 1M\n', FREE[1], '--limit=memlock=4M')
    plan.exceeds('a page of memlock', ('memlock', 1, 4, PAGE), '4 1M\n', FREE[1],
                 '--limit=memlock=4092K')
    plan.exceeds('sizes are rounded up', ('memlock', 2, 1, PAGE), '1 4097\n1 1\n', FREE[1],
                 '--limit=memlock=8K')
    plan.fits('a small object takes a page', '2 1\n', FREE[1], '--limit=memlock=8K')
    plan.exceeds('mappings', ('mappings', 3, 4, 2), '\n# comment\n5 4K # more\n', FREE[0],
                 '--limit=mappings=3')
    plan.exceeds('the last value counts', ('mappings', 1, 2, 1), '2 4K\n', *FREE,
                 '--limit=mappings=1')
    plan.fits('the last number of bits counts', '1 64K\n', *FREE, '--limit=bits=13', '--limit=bits=64')
    plan.exceeds('a smaller last number of bits counts', ('bits', 1, 1, 64 << 10), '1 64K\n', *FREE,
                 '--limit=bits=64', '--limit=bits=13')
    plan.exceeds('bytes', ('bytes', 2, 3, 1 << 20), '1 1M\n3 1M\n', *FREE, '--limit=bytes=3M')
    plan.exceeds('hugepages', ('hugepages', 1, 513, 1), '513 4K\n', *FREE, '--limit=hugepages=1')
    plan.fits('small objects share a hugepage', '512 4K\n', *FREE, '--limit=hugepages=1')
    plan.exceeds('maps count pages', ('maps', 1, 3, 4), '3 16K\n', *FREE, '--limit=maps=8')
    plan.exceeds('files', ('files', 1, 2, 1), '2 16K\n', *FREE, '--limit=files=1')
    plan.exceeds('of two limits the one that comes first', ('memlock', 1, 2, 3 * PAGE), '4 4K\n',
                 '--limit=mappings=2', '--limit=memlock=4K')
    plan.exceeds('and the other one', ('mappings', 1, 2, 3), '4 4K\n', '--limit=mappings=1',
                 '--limit=memlock=8K')
    plan.exceeds('a limit of 0', ('mappings', 1, 1, 1), '1 4K\n', FREE[0], '--limit=mappings=0')
    answer, done = plan.answer(f'{HUGE} {HUGE}\n{HUGE} 4K\n', '--limit=bits=64',
                               '--limit=memlock=1M', '--limit=mappings=5')
    plan.command.say(done.returncode == 1 and answer and
                     all(not row['fits'] and
                         row['object'] == (6 if row['limit'] == 'mappings' else 1)
                         for row in answer['limits']), 'a huge plan does not wrap', done.stdout)


def devices(plan):
    plan.exceeds('the mappings of a device', ('mappings', 1, 8, 3), '10 4K\n',
                 '--device=sim:edu,maps=7')
    plan.exceeds('the addresses of a device', ('bits', 1, 2, 12 << 10), '2 64K\n',
                 '--device=sim:edu,mask=17')
    plan.fits('addresses', '1 64K\n', '--device=sim:edu,mask=17')
    plan.fits('the level of a device', '1 64K IOMMU\n', '--device=sim:edu')
    answer, _ = plan.answer('1 64K iommu\n1 4K 8K peer\n', '--device=sim:edu')
    names = [row['limit'] for row in answer['limits']] if answer else []
    plan.command.say(names == ['level', 'bits'], 'limits that do not count are left out', names)
    if shutil.which('qemu-system-x86_64'):
        for size in ('32', '0x20'):
            plan.exceeds(f'QEMU with a memory of {size} MiB', ('bytes', 1, 31, 10 << 20),
                         '40 1M\n', f'--device=qemu:edu,memory={size}')
        plan.exceeds('QEMU with its usual memory', ('bytes', 1, 63, 1 << 20), '63 1M\n',
                     '--device=qemu:edu')
        plan.fits('a model that needs an argument', '1 1M\n',
                  '--device=qemu:virtio-9p-pci,fsdev=f,mount_tag=t', '--qemu-arg=-fsdev',
                  f'--qemu-arg=local,id=f,path={plan.folder},security_model=none')
    else:
        plan.command.skip('QEMU', 'qemu-system-x86_64 is not installed')
    plan.command.refuses(2, 'plan: --qemu-arg needs a device of qemu:', 'plan',
                         plan.write('1 1\n'), '--qemu-arg=-netdev')
    plan.refuses('--qemu-arg is only for a device of qemu:', '1 1\n', '--device=sim:edu',
                 '--qemu-arg=-netdev')
    plan.command.complains(2, 'there is no scheme "nope"', 'plan', plan.write('1 1\n'),
                           '--device=nope:x')
    plan.command.complains(1, 'there is no PCI device', 'plan', plan.write('1 1\n'),
                           '--device=vfio:9999:00:00.0')


def library(plan, objects):
    """The library itself agrees about addresses."""
    choose = random.Random(1)
    different = []
    for _ in range(DEVICES):
        bits = choose.choice((17, 18, 20))
        align = choose.choice((0, 4096, 8192, 65536))
        lines = [(choose.randint(1, 9), choose.randint(1, 40000), align)
                 for _ in range(choose.randint(1, 4))]
        name = f'sim:edu,mask={bits}'
        words = [str(word) for line in lines for word in line]
        made, state = subprocess.run([objects, name, *words], check=True, capture_output=True,
                                     text=True).stdout.split()
        text = ''.join(f'{count} {size} {align}\n' for count, size, align in lines)
        answer, _ = plan.answer(text, f'--device={name}')
        planned = sum(line[0] for line in lines)
        first = answer['first']
        if first:
            planned = sum(line[0] for line in lines[:first['line'] - 1]) + first['object'] - 1
        if (int(made), state) != (planned, 'full' if first else 'fits'):
            different.append(f'{name} {lines}: {made} {state}, planned {planned}')
    plan.command.say(not different, f'the library puts as many objects into {DEVICES} devices',
                     '\n'.join(different))


def mistakes(plan):
    for text in ('x 4K\n', '0 4K\n', '-1 4K\n', '+1 4K\n', '99999999999999999999 4K\n', '1x 4K\n'):
        plan.refuses('plan:1: ' + f'"{text.split()[0]}" is not a count from 1 to 2^64 - 1', text)
    for text in ('1 0\n', '1 4KB\n', '1 99999999T\n', '1 4k\n', '1 -4\n'):
        plan.refuses(f'"{text.split()[1]}" is not a size from 1 to 2^64 - 1, such as 4096 or 64K',
                     text)
    plan.refuses('plan:3: a line is COUNT SIZE [ALIGN] [LEVEL]', '1 1\n\n1\n')
    plan.refuses('plan:1: a line is COUNT SIZE [ALIGN] [LEVEL]', '1 1 4096 IOMMU more\n')
    plan.refuses('plan:1: a line is COUNT SIZE [ALIGN] [LEVEL]', '1 1 1 1 1 1 1 1 1\n')
    plan.refuses('"3" is not an alignment, which is a power of two', '1 1 3\n')
    plan.refuses('"FAST" is not a level: NONE, HIDDEN, PEER or IOMMU', '1 1 4096 FAST\n')
    plan.refuses('"FAST" is not a level', '1 1 FAST\n')
    plan.refuses('there are no objects in the file', '')
    plan.refuses('there are no objects in the file', '# 1 1\n \t\r\n')
    plan.refuses('plan:2: the file is not text', b'1 1\n\x00\x00\n')
    plan.refuses('there are more than 16 MiB in the file', b'\0' * (BYTES_MAX + 1))
    plan.command.complains(2, 'plan: -: there are more than 16 MiB in the file', 'plan', '-', stdin=None,
                           input='1 1\n' * (BYTES_MAX // 4 + 1))
    plan.refuses('plan:2: "x" is not a count', '#'.ljust(BYTES_MAX - 4) + '\nx y')
    plan.refuses(r'"\x1b[31m" is not a count', '\x1b[31m 1\n')
    plan.command.complains(2, '/nothing: No such file or directory', 'plan', '/nothing')
    plan.command.complains(2, 'Is a directory', 'plan', plan.folder)
    number = 'the value is not a number from 0 to 2^64 - 1'
    for value, words in (('memlock', 'write NAME=VALUE'), ('colour=1', 'there is no such limit'),
                         ('=1', 'there is no such limit'), ('maps=x', number),
                         ('maps=99999999999999999999', number),
                         ('bits=65', '13 to 64'), ('bits=12', '13 to 64')):
        plan.refuses(words, '1 1\n', f'--limit={value}')
    many = ['--limit=maps=1'] * 65
    plan.refuses('there are more than 64 options', '1 1\n', *many)


def text(plan):
    done = plan.command.run('plan', '-', '--limit=memlock=8K', FREE[1], stdin=None,
                            input='# no newline at the end\n3 4K')
    plan.command.say(done.returncode == 1 and
                     'exceeded from line 2, object 3 on, in the end by 4 KiB' in done.stdout and
                     'The limit "memlock" is exceeded first.' in done.stdout,
                     'standard input, as text', done.stdout + done.stderr)
    done = plan.command.run('plan', plan.write(f'{HUGE} 4K\n'), f'--limit=mappings={HUGE - 1}',
                            f'--limit=memlock={HUGE}')
    plan.command.say(f'exceeded from line 1, object {HUGE} on' in done.stdout,
                     'an object may have a number above 2^63', done.stdout)
    status, lines = plan.command.in_terminal(20, 'plan', plan.write('1 1\n'))
    plan.command.say(lines and not [line for line in lines if len(line) > 20],
                     'the table fits 20 columns', f'{status} {lines}')


def tests(command, objects):
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(command, folder)
        limits(plan)
        devices(plan)
        library(plan, objects)
        mistakes(plan)
        text(plan)


if __name__ == '__main__':
    sys.exit(common.main(tests, 'OBJECTS'))
