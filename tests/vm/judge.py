#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Check that run.py accepts good runs of a VM and refuses bad ones. Prints TAP."""
import os
import sys

from run import judge

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Results  # noqa: E402

GOOD = """vm: starts
ok 1 - the device reads what is mapped
# blocked: 0x5000fff
ok 2 - and nothing else
1..2
vm: exit 0
dmesg: [    1.000000] Linux version 6.1
vm: done
"""
MODULE = """vm: exit 0
dmesg: [    1.000000] 1..1
dmesg: [    2.000000] ok 1 - the driver binds
vm: done
"""
KTAP = """vm: exit 0
vm: DMA-API errors 0
dmesg: [    1.000000] KTAP version 1
dmesg: [    1.000000] 1..1
dmesg: [    1.000000]     1..2
dmesg: [    2.000000]     ok 1 zeroed
dmesg: [    2.000000]     ok 2 exposed
dmesg: [    2.000000] ok 1 promises
vm: done
"""
WARNED = MODULE.replace('vm: done', """dmesg: [    3.000000] ------------[ cut here ]------------
dmesg: [    3.000000] coherent: 1 bytes are leaked
dmesg: [    3.000000] WARNING: CPU: 0 PID: 1 at object.h:1
dmesg: [    3.000000] Call Trace:
dmesg: [    3.000000] ---[ end trace 0000000000000000 ]---
vm: done""")
SPLATS = ('WARNING: CPU: 0 PID: 1 at kernel/dma/debug.c:1', 'BUG: KASAN: slab-out-of-bounds',
          'BUG: KCSAN: data-race in coherent_object_end / coherent_object_new',
          'Kernel panic - not syncing', 'INFO: possible circular locking dependency detected',
          'DMA-API: edu 0000:00:01.0: device driver frees DMA memory with different size',
          'general protection fault', 'UBSAN: array-index-out-of-bounds', 'INFO: task blocked')

KASAN = MODULE.replace('vm: done', """dmesg: [    3.000000] {0}
dmesg: [    3.000000] BUG: KASAN: slab-use-after-free in bug_init+0x1/0x2 [bugs]
dmesg: [    3.000000] Call Trace:
dmesg: [    3.000000] {0}
vm: done""".format('=' * 66))
RACES = KASAN.replace('KASAN: slab-use-after-free', 'KCSAN: data-race').replace('vm: done', """\
dmesg: [    3.000000] {0}
dmesg: [    3.000000] BUG: KCSAN: data-race in bug_init+0x1/0x2 [bugs]
dmesg: [    3.000000] {0}
vm: done""".format('=' * 66))
LEAK = MODULE.replace('dmesg', """unreferenced object 0xffff888001234567 (size 32):
  comm "insmod", pid 100, jiffies 4294900000
dmesg""", 1)
# (title, serial console, pages that QEMU refused, how QEMU ended, the verdict that must be bad,
# warnings that must be in the log).
CASES = [
    ('a good run', GOOD, {0x5000000}, '', None),
    ("a module's run, in the log", MODULE, set(), '', None),
    ('a failed test', GOOD.replace('ok 2', 'not ok 2'), {0x5000000}, '', 'and nothing else'),
    ('no test at all', 'vm: exit 0\nvm: done\n', set(), '', 'planned'),
    ('fewer tests than planned', GOOD.replace('1..2', '1..3'), {0x5000000}, '', 'planned'),
    ('an exit status', GOOD.replace('exit 0', 'exit 1'), {0x5000000}, '', 'ended'),
    ('no end', GOOD.replace('vm: done', ''), {0x5000000}, '', 'ended'),
    ('a QEMU that died', GOOD, {0x5000000}, 'status -6: aborted', 'ended'),
    ('a VM that hangs', GOOD, {0x5000000}, 'no end in 300 s', 'ended'),
    ('an expected fault that is missing', GOOD, set(), '', 'QEMU refused'),
    ('an unexpected fault', GOOD, {0x5000000, 0x1000000}, '', 'QEMU refused'),
    ('a fault elsewhere', GOOD, {0x6000000}, '', 'QEMU refused'),
    ('a fault that may come', GOOD.replace('vm: starts', '# perhaps blocked: 0x6000004'),
     {0x5000000, 0x6000000}, '', None),
    ('a fault that may come and does not', GOOD.replace('vm: starts', '# perhaps blocked: 0x6000000'),
     {0x5000000}, '', None),
    ('a fault that may come, but not there', GOOD.replace('vm: starts', '# perhaps blocked: 0x6000000'),
     {0x5000000, 0x7000000}, '', 'QEMU refused'),
    ('an expected fault that is missing beside one that may come',
     GOOD.replace('vm: starts', '# perhaps blocked: 0x6000000'), {0x6000000}, '', 'QEMU refused'),
    ('a module that does not load', 'vm: vfio-pci.ko does not load\n' + GOOD, {0x5000000}, '',
     'nothing in the log'),
    ('a good run of KUnit', KTAP, set(), '', None),
    ('a failed suite of KUnit', KTAP.replace('ok 1 promises', 'not ok 1 promises'), set(), '',
     'promises'),
    ('a misspelt parameter', MODULE.replace('1..1', "x: unknown parameter 'lvel' ignored\ndmesg: 1..1"),
     set(), '', 'nothing in the log'),
    ('an error that only the debug code of the DMA API counts',
     KTAP.replace('errors 0', 'errors 10'), set(), '', 'nothing in the log'),
    ('a warning', WARNED, set(), '', 'nothing in the log'),
    ('an expected warning', WARNED, set(), '', None, ['are leaked']),
    ('an expected warning that is missing', MODULE, set(), '', 'the kernel warns', ['are leaked']),
    ('an expected warning that comes once instead of twice', WARNED, set(), '', 'the kernel warns',
     ['are leaked', 'are leaked']),
    ('a report of KASAN', KASAN, set(), '', 'nothing in the log'),
    ('an expected report of KASAN', KASAN, set(), '', None, ['KASAN: slab-use-after-free']),
    ('an expected race that KCSAN reports twice', RACES, set(), '', None, ['KCSAN: data-race']),
    ('a race', RACES, set(), '', 'nothing in the log'),
    ('a leak', LEAK, set(), '', 'nothing in the log'),
    ('an expected leak', LEAK, set(), '', None, ['unreferenced object']),
    *((f'a splat: {line}', GOOD.replace('vm: done', f'dmesg: [    3.000000] {line}\nvm: done'),
       {0x5000000}, '', 'nothing in the log') for line in SPLATS),
]


def main():
    results = Results()
    for name, serial, faults, end, bad, *splats in CASES:
        verdicts = judge(serial, faults, end, '6.1', splats=sum(splats, []))
        wrong = [what for good, what in verdicts if not good]
        good = not wrong if bad is None else len(wrong) == 1 and bad in wrong[0]
        results.say(good, name, f'bad was {wrong}, should be {bad}')
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
