#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Boot a kernel with an IOMMU and run a test in it.

SOURCE is the .c of a program, which run.py builds as a static program; a program that is built
already, which it copies with its libraries; or a .sh. These get their devices from vfio-pci.
With --module SOURCE is a kernel module, which drives the devices itself. It is one .c, or a .ko
of this tree that the Kbuild beside it makes, as tests/kernel/coherent_test.ko. The VM runs in
QEMU under TCG.

run.py prints the TAP of the test. That of a module is in the kernel's log. It adds a few tests:
the run ended, the kernel did not complain, and QEMU refused accesses on the pages that lines
"# blocked: 0x..." of the test name, and on no others but those of "# perhaps blocked: 0x..."
lines. Kernels are kept in
$XDG_CACHE_HOME/libcoherent.
"""
import argparse
import dataclasses
import glob
import hashlib
import lzma
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import kernels
import newer
import served
from archive import Failed, OutOfReach, run_command

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE_DIR = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Results  # noqa: E402

TOOLS = {'cpio': 'cpio', 'gzip': 'gzip', 'dpkg': 'dpkg', 'gcc': 'gcc', 'depmod': 'kmod'}
VFIO = ('vfio', 'vfio_iommu_type1', 'vfio-pci')
# A VM must end in this time. One with KASAN or KCSAN needs longer. The timeouts of meson are longer.
SECONDS = 1000
LOGGED = r'^(?:dmesg: (?:\[[^]]*\] )?)?'
TAP = re.compile(LOGGED + r' *(not ok|ok) \d+ (?:- )?(.*)$', re.M)
PLAN = re.compile(LOGGED + r' *1\.\.(\d+)$', re.M)
BLOCKED = re.compile(LOGGED + r'# blocked: (0x\w+)$', re.M)
PERHAPS = re.compile(LOGGED + r'# perhaps blocked: (0x\w+)$', re.M)
BAD = re.compile(r'BUG:|Oops|WARNING:|Call Trace|Kernel panic|general protection|INFO: possible|'
                 r'INFO: task|DMA-API: .*(error|device driver)|KASAN|UBSAN|refcount_t:|'
                 r'does not load|unknown parameter|^vm: DMA-API errors (?!0$)|'
                 r'^unreferenced object', re.M)
SPLAT = re.compile(r'^[^\n]*-+\[ cut here \]-+\n.*?-+\[ end trace [^\n]*\n|'
                   r'^[^\n]*={60,}\n[^\n]*BUG: K[AC]SAN.*?={60,}\n|'
                   r'^unreferenced object.*?(?=^(?:dmesg|vm): )|'
                   r'^[^\n]*BUG: sleeping function.*?</TASK>\n', re.M | re.S)


@dataclasses.dataclass
class Machine:
    """The QEMU and the compiler of an architecture."""
    qemu: str
    package: str
    machine: str
    cpu: str
    console: str
    compiler: str
    compiler_package: str


@dataclasses.dataclass
class Iommu:
    """An IOMMU, and how QEMU logs the accesses that it refused.

    machine: is added to -M. fault: finds the address in QEMU's log.
    """
    arch: str
    log: list
    fault: str
    machine: str = ''
    device: str = ''
    command_line: str = ''
    modules: tuple = ()


MACHINES = {
    'amd64': Machine('qemu-system-x86_64', 'qemu-system-x86', 'q35', 'qemu64', 'ttyS0',
                     'gcc', 'gcc'),
    'arm64': Machine('qemu-system-aarch64', 'qemu-system-arm', 'virt,gic-version=3', 'cortex-a57',
                     'ttyAMA0', 'aarch64-linux-gnu-gcc', 'gcc-aarch64-linux-gnu'),
}
IOMMUS = {
    'intel': Iommu('amd64', ['-trace', 'vtd_dmar_fault'], r'vtd_dmar_fault .*addr (0x\w+)',
                   device='intel-iommu,intremap=on', command_line='intel_iommu=on'),
    # virtio-iommu does not remap interrupts. type1 wants the user to accept that.
    'virtio': Iommu('amd64', ['-trace', 'virtio_iommu_report_fault'],
                    r'virtio_iommu_report_fault .*address ?= ?(0x\w+)',
                    device='virtio-iommu-pci,addr=1e', command_line='vm.unsafe_interrupts',
                    modules=('virtio_iommu',)),
    'smmuv3': Iommu('arm64', ['-d', 'guest_errors'],
                    r'translation failed for iova=(0x\w+)', machine=',iommu=smmuv3'),
    'none': Iommu('', [], ''),
}


def busybox(kernel):
    """Returns a static busybox for the kernel's architecture."""
    if kernel.arch == 'amd64' and shutil.which('busybox'):
        return shutil.which('busybox')
    tree = kernel.archive.unpack(['busybox-static'],
                                 os.path.join(kernel.cache, f'busybox-{kernel.arch}'))
    return os.path.join(tree, 'bin/busybox')


def copy_module(path, to):
    name = os.path.basename(path).removesuffix('.xz')
    opener = lzma.open if path.endswith('.xz') else open
    with opener(path, 'rb') as packed, open(os.path.join(to, name), 'wb') as out:
        shutil.copyfileobj(packed, out)
    return name


def is_program(path):
    with open(path, 'rb') as file:
        return file.read(4) == b'\x7fELF' and not path.endswith('.ko')


def libraries(program, kernel):
    """Returns (path here, path in the VM) of a program's libraries and loader."""
    if kernel.arch == 'amd64':
        done = subprocess.run(['ldd', program], check=False, capture_output=True, text=True)
        return [(path, path) for path in re.findall(r'(/\S+) \(0x', done.stdout)]
    found = [f'/usr/aarch64-linux-gnu/lib/{name}' for name in ('ld-linux-aarch64.so.1', 'libc.so.6')]
    return [(path, f'/lib/{os.path.basename(path)}') for path in (*found, cmocka(kernel))]


def cmocka(kernel):
    """Returns the library that tests use, for the kernel's architecture."""
    tree = kernel.archive.unpack(['libcmocka0'], os.path.join(kernel.cache, f'cmocka-{kernel.arch}'))
    return glob.glob(os.path.join(tree, '**/libcmocka.so.0'), recursive=True)[0]


def build_with_library(where, kernel, source, more):
    """Builds a program with libcoherent and cmocka. Returns its path."""
    compiler = [MACHINES[kernel.arch].compiler, '-std=gnu11', '-O1', '-g', '-D_GNU_SOURCE',
                '-D_FILE_OFFSET_BITS=64', '-pthread', '-I', os.path.join(SOURCE_DIR, 'include'),
                '-idirafter', '/usr/include']
    objects = os.path.join(where, 'objects')
    os.makedirs(objects)
    compiler += ['-I', os.path.join(SOURCE_DIR, 'src')]
    for path in glob.glob('src/**/*.c', root_dir=SOURCE_DIR, recursive=True):
        run_command([*compiler, '-DCOHERENT_LIBRARY', '-c', os.path.join(SOURCE_DIR, path),
                     '-o', os.path.join(objects, path.replace('/', '_') + '.o')])
    test = os.path.join(where, 'test')
    run_command([*compiler, source, *more, os.path.join(SOURCE_DIR, 'tests/test.c'),
                 *glob.glob(os.path.join(objects, '*.o')), cmocka(kernel), '-o', test])
    return test


def is_dynamic(test, options):
    return options.library or test == options.source and is_program(test)


def siblings(test, options):
    """Returns the modules of the same folder that a module of this tree uses."""
    if not options.module:
        return []
    said = subprocess.run(['/sbin/modinfo', '-F', 'depends', test], check=True,
                          capture_output=True, text=True).stdout.strip()
    paths = [os.path.join(os.path.dirname(test), name + '.ko') for name in said.split(',')]
    return [path for path in paths if os.path.exists(path)]


def initramfs(where, kernel, test, modules, options):
    root = os.path.join(where, 'root')
    for name in ('bin', 'dev', 'proc', 'sys', 'tmp', 'modules'):
        os.makedirs(os.path.join(root, name))
    shutil.copy(busybox(kernel), os.path.join(root, 'bin/busybox'))
    os.symlink('busybox', os.path.join(root, 'bin', 'sh'))
    shutil.copy(os.path.join(HERE, 'init'), root)
    shutil.copy(os.path.join(os.path.dirname(HERE), 'tap.sh'), root)
    shutil.copy(test, root)
    needed = libraries(test, kernel) if is_dynamic(test, options) else []
    for path in options.file:
        shutil.copy(path, root)
        if is_program(path):
            needed += libraries(path, kernel)
    for source in options.program:
        name = os.path.basename(source).removesuffix('.c')
        build_static(kernel, source, os.path.join(root, name))
    for path, there in needed:
        os.makedirs(root + os.path.dirname(there), exist_ok=True)
        shutil.copy(path, root + there)
    if options.script:
        shutil.copy(options.script, os.path.join(root, 'script'))
    with open(os.path.join(root, 'modules', 'order'), 'w', encoding='utf-8') as order:
        for path in dict.fromkeys(path for name in modules for path in kernel.module_of(name)):
            print(copy_module(path, os.path.join(root, 'modules')), file=order)
        for path in siblings(test, options):
            print(copy_module(path, os.path.join(root, 'modules')), file=order)
    packed = os.path.join(where, 'initramfs')
    run_command(['sh', '-c', 'find . | cpio -o -H newc --quiet | gzip -1 >"$0"', packed], cwd=root)
    return packed


def devices(where, wanted):
    """Returns QEMU's options for devices at 00:01.0, 00:02.0 and on. Some devices get a disk."""
    options = []
    for slot, device in enumerate(wanted, 1):
        if device.startswith('sim:'):
            options += served.option(where, slot)
            continue
        if device.split(',')[0] in ('nvme', 'virtio-blk-pci') and 'drive=' not in device:
            disk = os.path.join(where, f'disk{slot}')
            with open(disk, 'wb') as out:
                out.truncate(16 << 20)
            options += ['-drive', f'file={disk},if=none,id=disk{slot},format=raw']
            device += f',drive=disk{slot}'
            device += ',serial=libcoherent' if device.startswith('nvme') else ''
        options += ['-device', f'{device},addr={slot:x}']
    return options


def boot(where, kernel, packed, options):
    """Returns (serial console, pages that QEMU's IOMMU refused, how QEMU ended)."""
    machine, iommu = MACHINES[kernel.arch], IOMMUS[options.iommu]
    log = os.path.join(where, 'log')
    # Debian sets init_on_alloc. Without it memory is zero only if the library asks for that. A VM
    # that the host does not run for a while looks like a stall. So RCU reports one after 300 s,
    # the longest time that it knows. That is before run.py ends the VM.
    command_line = [f'console={machine.console} panic=-1 quiet no_timer_check init_on_alloc=0 '
                    'rcupdate.rcu_cpu_stall_timeout=300',
                    iommu.command_line, options.append, f'vm.test={options.test}',
                    f'vm.times={options.times}', *(f'vm.args={word}' for word in options.args)]
    if not options.module:
        command_line += [f'vm.vfio=0000:00:{slot:02x}.0'
                         for slot, _ in enumerate(options.device, 1)]
    qemu = options.new_qemu
    command = [*(qemu.command if qemu else [machine.qemu]), '-M', machine.machine + iommu.machine, '-accel', 'tcg',
               '-cpu', options.cpu or machine.cpu, '-smp', str(options.cpus), '-m', '512', '-nodefaults',
               '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'stdio', '-kernel', kernel.image,
               '-initrd', packed, '-append', ' '.join(command_line), *iommu.log, '-D', log]
    if options.icount:
        command += ['-icount', 'shift=0']
    if iommu.device:
        # A served device learns from QEMU what the guest maps, and QEMU asks the guest for that.
        command += ['-device', iommu.device + (',caching-mode=on' if qemu else '')]
    for netdev in options.netdev:
        command += ['-netdev', netdev]
    command += devices(where, options.device)
    if qemu:
        command += served.memory(512)
    seconds = SECONDS * (4 if options.kernel in kernels.BUILT else 1)
    try:
        with served.servers(options.serve, where, options.device):
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  check=False, timeout=seconds, errors='replace',
                                  env=qemu.environment if qemu else None)
        serial, end = done.stdout, (done.stderr.strip().splitlines() or [''])[-1]
        end = f'status {done.returncode}: {end}' if done.returncode else ''
    except subprocess.TimeoutExpired as error:
        serial, end = (error.stdout or b'').decode(errors='replace'), f'no end in {seconds} s'
    faults = set()
    if iommu.fault and os.path.exists(log):
        with open(log, encoding='utf-8', errors='replace') as lines:
            faults = {int(m, 16) & ~0xfff for m in re.findall(iommu.fault, lines.read())}
    return serial.replace('\r', ''), faults, end


def build(where, kernel, options):
    """Builds the test. Returns the file to put into the VM."""
    if options.source.endswith('.ko'):
        return kernel.build_tree(SOURCE_DIR, options.source, os.path.join(where, 'tree'),
                                 *options.make)
    if options.module:
        os.makedirs(os.path.join(where, 'module'))
        return kernel.build_module(options.source, os.path.join(where, 'module'))
    if is_program(options.source) or options.source.endswith('.sh'):
        return options.source
    if options.library:
        return build_with_library(where, kernel, options.source, options.more)
    return build_static(kernel, options.source, os.path.join(where, 'test'))


def build_static(kernel, source, program):
    """Builds a program of one file. Returns its path."""
    run_command([MACHINES[kernel.arch].compiler, '-std=gnu11', '-O1', '-Wall', '-Wextra', '-Werror',
                 '-static', '-pthread', source, '-o', program])
    return program


def without(splats, serial):
    """Returns (result, title) of each expected warning, and the log without these warnings."""
    found = []
    for wanted in splats:
        matching = [m[0] for m in SPLAT.finditer(serial) if re.search(wanted, m[0])]
        found.append((bool(matching), f'the kernel warns: {wanted}'))
        # KCSAN reports a race each time that it sees one. Others report a mistake once.
        for splat in matching if 'KCSAN' in wanted else matching[:1]:
            serial = serial.replace(splat, '', 1)
    return found, serial


def judge(serial, faults, end, version, expected=(), splats=(), pages=None):
    """Returns (result, title) of each test, including those that run.py adds."""
    warned, serial = without(splats, serial)
    wanted, perhaps = ({int(address, 16) & ~0xfff for address in lines.findall(serial)}
                       for lines in (BLOCKED, PERHAPS))
    found = [(result == 'ok', name) for result, name in TAP.findall(serial)]
    found += [(bool(re.search(LOGGED + f'.*{line}', serial, re.M)), f'the log says: {line}')
              for line in expected] + warned
    planned = sum(map(int, PLAN.findall(serial))) + len(expected) + len(warned)
    ended = 'vm: exit 0\n' in serial and 'vm: done' in serial and not end
    return found + [
        (0 < planned == len(found), f'{planned} tests were planned and run'),
        (ended, 'the test and the VM ended as they should' + (end and f': {end}')),
        (not BAD.search(serial), f'nothing in the log of Linux {version}'),
        (wanted <= faults <= wanted | perhaps if pages is None else len(faults) == pages,
         f'QEMU refused accesses at {addresses(faults)}, as it should at '
         f'{addresses(wanted) if pages is None else f"{pages} pages"}')]


def addresses(pages):
    return ' '.join(map(hex, sorted(pages))) or 'no address'


def tests(options):
    """Returns (result, title) of each test, and the serial console."""
    with tempfile.TemporaryDirectory() as where:
        with kernels.cache() as cache:
            kernel = kernels.get_kernel(cache, options.kernel, options.arch)
            if options.module and kernels.SUITES.get(options.kernel):
                kernel = newer.with_modules(kernel)
            test = build(where, kernel, options)
            busybox(kernel)
            options.new_qemu = served.NewQemu(cache) if served.names(options.device) else None
        options.test = os.path.basename(test)
        modules = (*IOMMUS[options.iommu].modules, *(() if options.module else VFIO),
                   *options.load)
        packed = initramfs(where, kernel, test, modules, options)
        serial, faults, end = boot(where, kernel, packed, options)
        same = [same_start(os.path.join(where, 'disk1'), path) for path in options.disk]
    verdicts = judge(serial, faults, end, kernel.version, options.expect, options.splat,
                     options.refused)
    return same + verdicts, serial


def same_start(disk, path):
    """Returns whether the first device's disk now begins with a file, by sha256."""
    with open(path, 'rb') as file:
        wanted = file.read()
    with open(disk, 'rb') as file:
        found = file.read(len(wanted))
    sums = [hashlib.sha256(data).hexdigest() for data in (found, wanted)]
    return (sums[0] == sums[1], f'the disk begins with {os.path.basename(path)}, sha256 {sums[0]}')


class Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line."""
    def error(self, message):
        self.exit(2, f'{self.prog}: {message}; see {self.prog} --help\n')


def regex(text):
    try:
        re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f'{text}: {error}') from error
    return text


def times(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text}: not a number from 1 on')
    return int(text)


def word(text):
    if not text or re.search(r'\s', text):
        raise argparse.ArgumentTypeError(f'"{text}" is not one word')
    return text


def arguments():
    summary, _, rest = __doc__.partition('\n\n')
    parser = Parser(description=summary, epilog=rest,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--kernel', choices=(*kernels.SUITES, *kernels.BUILT), default='6.1',
                        help="Debian's cloud kernel of that series; 6.1-full is the one with all "
                        'drivers; or one built from its source with kernel.config; own-kasan has KASAN and KMEMLEAK, and own-kcsan has '
                        'KCSAN in modules (default: %(default)s)')
    parser.add_argument('--cpus', type=times, default=1, metavar='N',
                        help='number of CPUs of the VM (default: %(default)s)')
    parser.add_argument('--cpu', metavar='MODEL',
                        help="the model of QEMU's CPU (default: qemu64, or cortex-a57 on arm64)")
    parser.add_argument('--arch', choices=MACHINES, default='amd64',
                        help='architecture (default: %(default)s)')
    parser.add_argument('--iommu', choices=IOMMUS,
                        help='default: intel, or smmuv3 on arm64')
    parser.add_argument('--device', action='append', metavar='MODEL[,KEY=VALUE...]',
                        help="a PCI device of QEMU's; may be repeated (default: edu)")
    parser.add_argument('--serve', metavar='PROGRAM',
                        help='the command "coherent", which serves the devices whose MODEL is a name '
                        'such as sim:edu')
    parser.add_argument('--netdev', action='append', default=[], metavar='TYPE,KEY=VALUE...',
                        help='a network of QEMU for the devices; may be repeated')
    parser.add_argument('--append', default='', metavar='WORDS',
                        help='add WORDS to the kernel command line')
    parser.add_argument('--module', action='store_true', help='SOURCE is a kernel module')
    parser.add_argument('--library', action='store_true',
                        help='SOURCE is linked with libcoherent, tests/test.c and cmocka')
    parser.add_argument('--more', action='append', default=[], metavar='FILE',
                        help='with --library: another source; may be repeated')
    parser.add_argument('--times', type=times, default=1, metavar='N',
                        help='load and unload the module N times (default: %(default)s)')
    parser.add_argument('--make', action='append', default=[], type=word, metavar='WORD',
                        help='a word for the make of a .ko, as RUST=y; may be repeated')
    parser.add_argument('--args', action='append', default=[], type=word, metavar='WORD',
                        help='a parameter of the module or word of the program; may be repeated')
    parser.add_argument('--file', action='append', default=[], metavar='FILE',
                        help='copy FILE to / in the VM; may be repeated')
    parser.add_argument('--load', action='append', default=[], type=word, metavar='MODULE',
                        help='load MODULE of the kernel before the test; may be repeated')
    parser.add_argument('--program', action='append', default=[], metavar='FILE.c',
                        help='build FILE.c as a static program in / of the VM; may be repeated')
    parser.add_argument('--disk', action='append', default=[], metavar='FILE',
                        help='at the end, the disk of the first device must begin with FILE')
    parser.add_argument('--script', metavar='FILE',
                        help='a shell script that prints TAP while the module is loaded')
    parser.add_argument('--expect', action='append', default=[], type=regex, metavar='REGEX',
                        help='a line of the log must match; may be repeated')
    parser.add_argument('--splat', action='append', default=[], type=regex, metavar='REGEX',
                        help='a warning of the kernel must match, one for each; may be repeated')
    parser.add_argument('--icount', action='store_true',
                        help='the time of the VM is the number of instructions that it executed')
    parser.add_argument('--refused', type=int, metavar='N',
                        help='QEMU must refuse accesses on N pages; SOURCE does not name them')
    parser.add_argument('--verbose', action='store_true', help='print the serial console too')
    parser.add_argument('source', metavar='SOURCE')
    options = parser.parse_args()
    options.iommu = options.iommu or ('smmuv3' if options.arch == 'arm64' else 'intel')
    options.device = options.device or ['edu']
    if served.names(options.device) and not options.serve:
        parser.error('a simulated device needs --serve')
    if IOMMUS[options.iommu].arch not in ('', options.arch):
        parser.error(f'--iommu {options.iommu} is for {IOMMUS[options.iommu].arch}')
    if options.arch != 'amd64' and options.kernel in kernels.BUILT:
        parser.error(f'--kernel own is for amd64, not {options.arch}')
    options.source = os.path.abspath(options.source)
    if options.source.endswith('.ko'):
        kbuild = os.path.join(os.path.dirname(options.source), 'Kbuild')
        if not options.module:
            parser.error(f'{options.source} is a module; add --module')
        if os.path.relpath(os.path.dirname(options.source), SOURCE_DIR) not in kernels.TREE:
            parser.error(f'{options.source} is not in {", ".join(kernels.TREE)}; use a .c')
        if not os.path.isfile(kbuild):
            parser.error(f'{options.source} needs a {kbuild}')
    elif not os.path.isfile(options.source):
        parser.error(f'{options.source}: no such file')
    elif not options.module and not (options.source.endswith(('.c', '.sh')) or
                                     is_program(options.source)):
        parser.error(f'{options.source}: not a .c, a .sh or a program; a .ko needs --module')
    elif options.module and not re.fullmatch(r'[\w-]+\.c', os.path.basename(options.source)):
        parser.error(f'{options.source}: the .c of a module must not have spaces in its name')
    options.more = [os.path.abspath(path) for path in options.more]
    scripts = [options.script] if options.script else []
    for path in (*options.file, *options.program, *options.disk, *options.more, *scripts):
        if not os.path.isfile(path):
            parser.error(f'{path}: no such file')
    return options


def check_tools(machine):
    needed = TOOLS | {machine.qemu: machine.package, machine.compiler: machine.compiler_package}
    path = os.environ.get('PATH', '') + ':/usr/sbin:/sbin'
    missing = {package for tool, package in needed.items() if not shutil.which(tool, path=path)}
    if missing:
        raise OutOfReach(f'missing: apt-get install {" ".join(sorted(missing))}')


def main():
    options = arguments()
    results = Results()
    try:
        check_tools(MACHINES[options.arch])
        found, serial = tests(options)
    except OutOfReach as reason:
        results.skip(f'{os.path.basename(options.source)} in a VM', reason)
        return results.close()
    except OSError as error:
        print(f'run.py: {error}', file=sys.stderr)
        return 2
    except Failed as failed:
        found, serial = [(False, f'{os.path.basename(options.source)} in a VM')], str(failed)
    for good, name in found:
        results.say(good, name)
    if options.verbose or results.failed:
        print(''.join(f'# {line}\n' for line in serial.splitlines()[0 if options.verbose else -80:]))
    return results.close()


if __name__ == '__main__':
    # The exception ends QEMU and removes the directory.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
