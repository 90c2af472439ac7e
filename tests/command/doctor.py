#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""coherent doctor, on trees of files that stand for other machines: doctor.py PROGRAM."""
import os
import re
import sys
import tempfile

import common

BDF = '0000:01:00.0'
RELEASE = '6.12.1-test'


def machine(root, release=RELEASE, cpu='GenuineIntel', cmdline='quiet'):
    """A machine with a kernel and its headers, and nothing else."""
    common.write(root, 'proc/sys/kernel/osrelease', release + '\n')
    common.write(root, 'proc/cpuinfo', f'processor\t: 0\nvendor_id\t: {cpu}\n')
    common.write(root, 'proc/cmdline', cmdline + '\n')
    os.makedirs(os.path.join(root, 'lib/modules', release, 'build'))


def with_vfio(root, **kwargs):
    """A machine on which all works."""
    machine(root, **kwargs)
    common.device(root, BDF, group=7, driver='vfio-pci')
    common.write(root, f'{common.PCI}/{BDF}/vfio-dev/vfio0/dev')
    common.write(root, 'sys/bus/pci/drivers/vfio-pci/module')
    common.write(root, 'sys/module/vfio_iommu_type1/parameters/dma_entry_limit', '1234\n')
    common.write(root, 'sys/module/vfio/parameters/enable_unsafe_noiommu_mode', 'Y\n')
    common.write(root, 'sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages', '5\n')
    for node in ('vfio', '7', 'devices/vfio0', 'noiommu-9'):
        common.write(root, f'dev/vfio/{node}')
    common.write(root, 'dev/iommu')


class Doctor:
    """Runs coherent doctor on a tree that a function makes."""

    def __init__(self, command):
        self.command = command

    def problems(self, kind, make, change=None):
        """The problems of a kind, each with its advice, and the exit status."""
        with tempfile.TemporaryDirectory() as root:
            make(root)
            if change:
                change(root)
            answer, done = self.command.json('doctor', kind, f'--sysroot={root}',
                                             **common.as_nobody(root, self.command.program))
        if not answer:
            return done.stderr, -1
        (row,) = answer['kinds']
        found = [(problem['problem'],
                  [piece.get('command') or piece.get('step') for piece in problem['advice']])
                 for problem in row['problems']]
        if row['works'] == bool(found):
            return 'works does not fit the problems', -1
        return found, done.returncode

    def works(self, kind, make, name, change=None):
        found, status = self.problems(kind, make, change)
        self.command.say((found, status) == ([], 0), f'{kind} works: {name}', found)

    def says(self, kind, make, name, wanted, change=None):
        """There is one problem, with these words and this advice."""
        found, status = self.problems(kind, make, change)
        text, advice = wanted
        self.command.say(status == 1 and len(found) == 1 and text in found[0][0] and
                         any(re.search(advice, line) for line in found[0][1]),
                         f'{kind} does not work: {name}', found)


def remove(path):
    def change(root):
        path_here = os.path.join(root, path)
        if os.path.isdir(path_here) and not os.path.islink(path_here):
            os.rename(path_here, os.path.join(root, 'gone'))
        else:
            os.unlink(path_here)
    return change


def replace(path, text):
    return lambda root: common.write(root, path, text)


def vfio(doctor):
    doctor.works('vfio', with_vfio, 'a device is bound')
    no_group = 'the kernel has no IOMMU group'
    doctor.says('vfio', machine, 'no IOMMU, Intel', (no_group, 'intel_iommu=on'))
    doctor.says('vfio', lambda root: machine(root, cpu='AuthenticAMD'), 'no IOMMU, AMD',
                (no_group, r'^sed .*amd_iommu=on .*update-grub'))
    doctor.says('vfio', lambda root: machine(root, cmdline='a intel_iommu=on b'),
                'no IOMMU, but the command line is right', (no_group, 'in the firmware'))
    doctor.says('vfio', lambda root: machine(root, cpu='Other'), 'no IOMMU, another CPU',
                (no_group, 'in the firmware$'))
    doctor.says('vfio', lambda root: None, 'an empty tree', (no_group, 'firmware'))
    doctor.says('vfio', with_vfio, 'vfio-pci is not loaded',
                ('vfio-pci is not loaded', '^modprobe vfio-pci$'),
                remove('sys/bus/pci/drivers/vfio-pci'))
    doctor.says('vfio', with_vfio, 'type1 is not loaded',
                ('vfio_iommu_type1 is not loaded', '^modprobe vfio_iommu_type1$'),
                remove('sys/module/vfio_iommu_type1'))
    doctor.says('vfio', with_vfio, 'no /dev/vfio/vfio',
                ('there is no /dev/vfio/vfio', 'docker run'), remove('dev/vfio/vfio'))
    doctor.says('vfio', with_vfio, 'no node of the group',
                ('there is no /dev/vfio/7', 'docker run'), remove('dev/vfio/7'))
    doctor.says('vfio', lambda root: common.device(root, '0000:01:00.1', group=7, driver='vfio-pci')
                or with_vfio(root), 'two devices have no node of their group',
                ('there is no /dev/vfio/7', 'docker run'), remove('dev/vfio/7'))
    doctor.says('vfio', with_vfio, 'no device is bound',
                ('no PCI device is bound to vfio-pci', '^coherent devices$'),
                remove(f'{common.PCI}/{BDF}'))
    doctor.says('vfio', with_vfio, 'no permission',
                ('may not open /dev/vfio/7', r'^chown \d+ /dev/vfio/7$'),
                lambda root: os.chmod(os.path.join(root, 'dev/vfio/7'), 0))


def without_iommu(root):
    """VFIO's no-IOMMU mode has made a group for a device that is bound."""
    common.device(root, '0000:02:00.0', group=0, driver='vfio-pci')
    common.write(root, 'dev/vfio/noiommu-0')


def mixed(doctor):
    """A device in no-IOMMU mode is not behind an IOMMU, and has no node of its own number."""
    for kind in ('vfio', 'iommufd'):
        doctor.says(kind, lambda root: machine(root) or without_iommu(root), 'a no-IOMMU group',
                    ('the kernel has no IOMMU group', 'firmware'))
        doctor.works(kind, lambda root: with_vfio(root) or without_iommu(root),
                     'another device is in no-IOMMU mode')


def iommufd(doctor):
    doctor.works('iommufd', with_vfio, 'a device is bound')
    doctor.says('iommufd', lambda root: with_vfio(root, release='6.1.0-9'), 'an old kernel',
                ('Linux 6.1.0-9', 'newer kernel'))
    doctor.says('iommufd', with_vfio, 'no /dev/iommu',
                ('there is no /dev/iommu', '^modprobe iommufd$'), remove('dev/iommu'))
    doctor.says('iommufd', with_vfio, 'no node of the device',
                ('there is no /dev/vfio/devices/vfio0', 'docker run'),
                remove('dev/vfio/devices/vfio0'))


def noiommu(doctor):
    doctor.says('noiommu', with_vfio, 'the mode is off',
                ('no-IOMMU mode is off', 'echo 1 >/sys/module/vfio/'),
                replace('sys/module/vfio/parameters/enable_unsafe_noiommu_mode', 'N\n'))
    doctor.says('noiommu', with_vfio, 'no hugepage is free', ('no hugepage', 'nr_hugepages'),
                replace('sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages', '0\n'))
    doctor.works('noiommu', with_vfio, 'a device is bound')


def status(command):
    """All kinds but noiommu work, if this machine has QEMU."""
    with tempfile.TemporaryDirectory() as root:
        with_vfio(root)
        replace('sys/module/vfio/parameters/enable_unsafe_noiommu_mode', 'N\n')(root)
        answer, done = command.json('doctor', f'--sysroot={root}')
        named = command.run('doctor', 'sim', 'noiommu', f'--sysroot={root}')
    bad = {row['kind'] for row in answer['kinds'] if not row['works']}
    command.say('noiommu' in bad and done.returncode == bool(bad - {'noiommu'}),
                'noiommu does not count for the exit status', f'{done.returncode} {bad}')
    command.say(named.returncode == 1, 'noiommu counts if it is named', named.stdout)


def kernel(doctor):
    doctor.works('kernel', machine, 'the headers are there')
    doctor.says('kernel', machine, 'no headers',
                ('no headers', f'^apt-get install linux-headers-{RELEASE}$'),
                remove(f'lib/modules/{RELEASE}'))
    doctor.says('kernel', lambda root: machine(root, release='5.10.0'), 'an old kernel',
                ('Linux 5.10.0', 'newer kernel'))

    def hostile(root):
        common.write(root, 'proc/sys/kernel/osrelease', '6.9; rm -rf x\n')

    found, _ = doctor.problems('kernel', hostile)
    doctor.command.say('rm -rf' not in str(found[0][1]),
                       'a command for root has nothing odd from a file', found)


def programs(command):
    """PATH decides whether QEMU is there."""
    with tempfile.TemporaryDirectory() as empty:
        env = dict(os.environ, PATH=empty)
        answer, done = command.json('doctor', 'qemu', 'vhost-user', env=env)
    texts = [str(row['problems']) for row in answer['kinds']] if answer else [done.stderr] * 2
    command.say('there is no qemu-system-x86_64' in texts[0] and
                "'command': 'apt-get install qemu-system-x86'" in texts[0] and done.returncode == 1,
                'QEMU is not installed', texts[0])
    command.say("'command': 'apt-get install qemu-system-common'" in texts[1],
                'the storage daemon is not installed', texts[1])


def fabric(command):
    """libfabric finds its providers itself, and an environment variable hides them."""
    def row(**env):
        answer, done = command.json('doctor', 'fabric', env=dict(os.environ, **env))
        (found,) = answer['kinds']
        # A kind that does not work has advice for each reason.
        command.say(done.returncode != found['works'] and found['works'] == (not found['problems'])
                    and all(problem['advice'] for problem in found['problems']),
                    f'fabric with {env}: the status fits', f'{done.returncode} {found}')
        return found, {part['part']: part for part in found['parts']}

    missing = common.fabric_missing(command, 'fabric:tcp')
    if 'built without libfabric' in missing:
        found, parts = row()
        command.say("'command': 'apt-get install libfabric-dev'" in str(found['problems']) and
                    not parts, 'fabric: the library was built without it', found)
        return
    with tempfile.TemporaryDirectory() as folder:
        common.write(folder, 'libfabric.so.1')
        found, parts = row(LD_LIBRARY_PATH=folder)
    command.say(len(found['problems']) == 1 and not parts and
                "'command': 'apt-get install libfabric1'" in str(found['problems']),
                'fabric: libfabric cannot be loaded', found)
    if missing:
        command.skip('fabric: providers', missing)
        return
    found, parts = row()
    command.say(list(parts) == ['tcp', 'net', 'sockets', 'udp', 'verbs'] and
                parts['tcp']['works'] and not parts['tcp']['problems'] and
                all(part['works'] or part['problems'][0]['advice'] for part in parts.values()),
                'fabric: each provider works, or has advice', parts)
    variables = {'FI_MR_CACHE_MAX_COUNT': '0', 'FI_UNIVERSE_SIZE': '64'}
    told = [parts['verbs'], row(**variables)[1]['verbs']]
    command.say(told[0]['works'] or [[name in str(part) for name in variables] for part in told] ==
                [[True, True], [False, False]], 'fabric: verbs needs two variables', told)
    found, parts = row(FI_TCP_ZEROCOPY_SIZE='65536')
    command.say(not parts['tcp']['works'] and
                'unset FI_TCP_ZEROCOPY_SIZE' in str(parts['tcp']['problems']),
                'fabric: tcp pins pages', parts)
    found, parts = row(FI_PROVIDER='tcp')
    command.say(found['works'] and parts['tcp']['works'] and not parts['sockets']['works'] and
                "'command': 'unset FI_PROVIDER'" in str(parts['sockets']['problems']),
                'fabric: one provider is enough', parts)
    found, parts = row(FI_PROVIDER='none')
    command.say(len(found['problems']) == len(parts) == 5 and not found['works'],
                'fabric: no provider works', found)
    done = command.run('doctor', 'fabric', env=dict(os.environ, FI_PROVIDER='tcp'))
    for line in ('    tcp: yes', '    udp: no', '            run: unset FI_PROVIDER'):
        command.say(line in done.stdout.splitlines(), f'fabric: the text has: {line}', done.stdout)


def trees(doctor):
    """Trees that no kernel has."""
    def odd(root):
        with_vfio(root)
        for path in ('proc/cpuinfo', 'proc/cmdline', 'proc/sys/kernel/osrelease'):
            common.write(root, path, b'\xff\x00\x1b[31m\n' * 1000)
        os.unlink(os.path.join(root, 'sys/module/vfio_iommu_type1/parameters/dma_entry_limit'))
        os.mkfifo(os.path.join(root, 'sys/module/vfio_iommu_type1/parameters/dma_entry_limit'))
        common.link(root, f'{common.PCI}/0000:02:00.0/iommu_group', '../$(reboot)')
        common.link(root, f'{common.PCI}/0000:02:00.0/driver', 'vfio-pci')

    with tempfile.TemporaryDirectory() as root:
        odd(root)
        done = doctor.command.run('doctor', f'--sysroot={root}')
    doctor.command.say(done.returncode == 1 and '\x1b' not in done.stdout and not done.stderr and
                       'reboot)' not in done.stdout, 'an odd tree does no harm', done.stdout)
    done = doctor.command.run('doctor', 'vfio', '--sysroot=' + '/.' * 2040)
    doctor.command.say(done.returncode == 1 and not done.stderr, 'a path that is too long is empty',
                       done.stderr)


def limits(command):
    with tempfile.TemporaryDirectory() as root:
        with_vfio(root)
        common.write(root, 'proc/sys/vm/max_map_count', '70000\n')
        done = command.run('doctor', 'sim', f'--sysroot={root}')
        answer, _ = command.json('doctor', 'sim', f'--sysroot={root}')
    rows = {row['limit']: row for row in answer['limits']}
    command.say((rows['mappings']['value'], rows['maps']['value'], rows['hugepages']['value']) ==
                (1234, 70000, 5), 'the limits are those of the tree', rows)
    command.say('as root: sysctl vm.max_map_count' in done.stdout,
                'the text says how to raise them', done.stdout)
    command.say(done.returncode == 0, 'a limit does not change the exit status')


def tests(command):
    command.refuses(2, 'doctor: there is no kind "vfoi"; did you mean "vfio"?', 'doctor', 'vfoi')
    done = command.run('doctor', 'sim')
    command.say(not done.returncode and 'sim   yes' in done.stdout, 'sim works', done.stdout)
    doctor = Doctor(command)
    vfio(doctor)
    mixed(doctor)
    iommufd(doctor)
    noiommu(doctor)
    status(command)
    kernel(doctor)
    programs(command)
    fabric(command)
    trees(doctor)
    limits(command)


if __name__ == '__main__':
    sys.exit(common.main(tests))
