#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Boot a kernel with an IOMMU and run a test in it: run.py [--iommu intel|none] SOURCE.c

Takes Debian's stock cloud kernel, builds SOURCE.c as a static program, boots both
in QEMU under TCG with an edu device, and prints the program's TAP with a few
tests of its own: the run ended, the kernel did not complain, and QEMU itself saw
the accesses that had to be blocked. Kernels are kept in $XDG_CACHE_HOME/libcoherent.
"""
import argparse
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = ('vfio', 'vfio_iommu_type1', 'vfio-pci')
TOOLS = {'qemu-system-x86_64': 'qemu-system-x86', 'cpio': 'cpio', 'depmod': 'kmod', 'gcc': 'gcc',
         'busybox': 'busybox-static', 'gzip': 'gzip', 'dpkg': 'dpkg'}
SECONDS = 180
BAD = re.compile(r'BUG:|Oops|WARNING:|Call Trace|Kernel panic|general protection|does not load')


def skip(why):
    print(f'1..1\nok 1 - {os.path.basename(sys.argv[-1])} in a VM # SKIP {why}')
    sys.exit(0)


def run(command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


def missing_tools():
    path = os.environ.get('PATH', '') + ':/usr/sbin:/sbin'
    return [package for tool, package in TOOLS.items() if not shutil.which(tool, path=path)]


def kernel(cache):
    """The unpacked package of the stock cloud kernel, and its version."""
    depends = run(['apt-cache', 'depends', 'linux-image-cloud-amd64'])
    package = re.search(r'Depends: (linux-image-\S+)', depends)
    if not package:
        skip('apt knows no linux-image-cloud-amd64: run apt-get update')
    package = package[1]
    where = os.path.join(cache, package)
    if not os.path.isdir(where):
        os.makedirs(cache, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as unpacked:
            try:
                run(['apt-get', 'download', package], cwd=unpacked)
            except subprocess.CalledProcessError as error:
                skip(f'{package} is out of reach: {error.stderr.strip().splitlines()[-1]}')
            (deb,) = glob.glob(os.path.join(unpacked, '*.deb'))
            tree = os.path.join(unpacked, 'tree')
            run(['dpkg', '-x', deb, tree])
            run(['/sbin/depmod', '-b', tree, package.removeprefix('linux-image-')])
            os.rename(tree, where)
    return where, package.removeprefix('linux-image-')


def modules_of(tree, version):
    """Paths of the modules and of what they need, in the order to load them."""
    top = os.path.join(tree, 'lib', 'modules', version)
    needs = {}
    with open(os.path.join(top, 'modules.dep'), encoding='utf-8') as dep:
        for line in dep:
            path, others = line.split(':')
            needs[path] = others.split()
    paths = []
    for module in MODULES:
        name = re.compile(rf'/{module.replace("-", "[-_]")}\.ko$')
        for path in filter(name.search, needs):
            paths += [*reversed(needs[path]), path]
    return [os.path.join(top, path) for path in dict.fromkeys(paths)]


def initramfs(where, test, modules):
    root = os.path.join(where, 'root')
    for name in ('bin', 'dev', 'proc', 'sys', 'tmp', 'modules'):
        os.makedirs(os.path.join(root, name))
    shutil.copy(shutil.which('busybox'), os.path.join(root, 'bin'))
    os.symlink('busybox', os.path.join(root, 'bin', 'sh'))
    shutil.copy(os.path.join(HERE, 'init'), root)
    shutil.copy(test, os.path.join(root, 'test'))
    with open(os.path.join(root, 'modules', 'order'), 'w', encoding='utf-8') as order:
        for module in modules:
            shutil.copy(module, os.path.join(root, 'modules'))
            print(os.path.basename(module), file=order)
    packed = os.path.join(where, 'initramfs')
    run(['sh', '-c', 'find . | cpio -o -H newc --quiet | gzip -1 >"$0"', packed], cwd=root)
    return packed


def boot(where, image, packed, iommu):
    """All lines of the serial console, and the addresses that QEMU's IOMMU refused."""
    trace = os.path.join(where, 'trace')
    command = ['qemu-system-x86_64', '-M', 'q35', '-accel', 'tcg', '-cpu', 'qemu64', '-m', '512',
               '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot',
               '-serial', 'stdio', '-kernel', image, '-initrd', packed, '-append',
               'console=ttyS0 panic=-1 quiet intel_iommu=on no_timer_check vm.bind=0000:00:01.0',
               '-trace', f'vtd_dmar_fault,file={trace}']
    if iommu == 'intel':
        command += ['-device', 'intel-iommu,intremap=on']
    command += ['-device', 'edu,addr=1']
    try:
        serial = run(command, stdin=subprocess.DEVNULL, timeout=SECONDS, errors='replace')
    except subprocess.TimeoutExpired as error:
        serial = (error.stdout or b'').decode(errors='replace') + f'\nvm: no end in {SECONDS} s\n'
    faults = set()
    if os.path.exists(trace):
        with open(trace, encoding='utf-8', errors='replace') as lines:
            faults = {int(m, 16) & ~0xfff for m in re.findall(r'vtd_dmar_fault .*addr (0x\w+)',
                                                             lines.read())}
    return serial.replace('\r', ''), faults


def wanted_faults(source):
    """Addresses on which the program says that accesses are blocked."""
    with open(source, encoding='utf-8') as text:
        return {int(m, 16) for m in re.findall(r'^ \* blocked: (0x\w+)', text.read(), re.M)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--iommu', choices=('intel', 'none'), default='intel')
    parser.add_argument('source')
    options = parser.parse_args()
    if packages := missing_tools():
        skip(f'missing: apt-get install {" ".join(packages)}')
    cache = os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'),
                         'libcoherent')
    tree, version = kernel(cache)
    with tempfile.TemporaryDirectory() as where:
        test = os.path.join(where, 'test')
        run(['gcc', '-std=gnu11', '-O1', '-Wall', '-Wextra', '-Werror', '-static', options.source,
             '-o', test])
        packed = initramfs(where, test, modules_of(tree, version))
        serial, faults = boot(where, os.path.join(tree, 'boot', 'vmlinuz-' + version), packed,
                              options.iommu)
    found = re.findall(r'^(not ok|ok) \d+ - (.*)$', serial, re.M)
    wanted = wanted_faults(options.source)
    found += [
        ('ok' if 'vm: exit 0\n' in serial and 'vm: done' in serial else 'not ok',
         'the program and the VM ended as they should'),
        ('not ok' if BAD.search(serial) else 'ok', f'nothing in the log of Linux {version}'),
        ('ok' if faults == wanted else 'not ok',
         f'QEMU saw faults at {" ".join(map(hex, sorted(faults))) or "no address"}'),
    ]
    print(f'1..{len(found)}')
    for number, (result, name) in enumerate(found, 1):
        print(f'{result} {number} - {name}')
    if any(result != 'ok' for result, _ in found):
        print(''.join(f'# {line}\n' for line in serial.splitlines()[-60:]))
        print('# faults wanted:', ' '.join(map(hex, sorted(wanted))))
        sys.exit(1)


if __name__ == '__main__':
    main()
