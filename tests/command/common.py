# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The tests of the command "coherent" share these: results, runs, and trees of files."""
import fcntl
import json
import os
import pty
import select
import shutil
import struct
import subprocess
import sys
import termios

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Results  # noqa: E402

PCI = 'sys/bus/pci/devices'


class Command:
    """The command, and the results of its tests so far. Prints TAP."""

    def __init__(self, program):
        self.program = os.path.abspath(program)
        self.results = Results()

    def say(self, good, name, why=''):
        self.results.say(good, name, why)

    def skip(self, name, reason):
        self.results.skip(name, reason)

    def end(self):
        return self.results.close()

    def run(self, *args, **options):
        options.setdefault('stdin', subprocess.DEVNULL)
        options.setdefault('executable', self.program)
        return subprocess.run([self.program, *args], check=False, capture_output=True, text=True,
                              errors='surrogateescape', **options)

    def json(self, *args, **options):
        """Run with --json. Returns the answer and the run; the answer is None if it is not JSON."""
        done = self.run(*args, '--json', **options)
        try:
            return json.loads(done.stdout), done
        except ValueError:
            return None, done

    def refuses(self, status, line, *args, **options):
        """Test that the command prints one line on standard error, and nothing else."""
        done = self.run(*args, **options)
        self.say((done.returncode, done.stdout, done.stderr) == (status, '', f'coherent: {line}\n'),
                 f'coherent {" ".join(map(ascii, args))} ends with {status} and says why',
                 f'{done.returncode} {done.stdout!r} {done.stderr!r}')

    def run_without_proc(self, *args):
        """Runs the command where /proc is empty. Returns None if sanitizers make it need /proc."""
        script = 'mount -t tmpfs none /proc && exec "$@"'
        for words in (['--version'], args):
            done = subprocess.run(['unshare', '-m', 'sh', '-c', script, 'sh', self.program, *words],
                                  check=False, capture_output=True, text=True)
            if words == ['--version'] and (done.returncode or done.stderr):
                return None
        return done

    def complains(self, status, words, *args, **options):
        """The same for a line of which only some words are known."""
        done = self.run(*args, **options)
        self.say(done.returncode == status and not done.stdout and done.stderr.count('\n') == 1 and
                 done.stderr.startswith('coherent: ') and words in done.stderr,
                 f'coherent {" ".join(map(ascii, args))} ends with {status} and says: {words}',
                 f'{done.returncode} {done.stdout!r} {done.stderr!r}')

    def in_terminal(self, columns, *args):
        """Run in a terminal of that width. Returns the exit status and the lines."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
        with subprocess.Popen([self.program, *args], stdin=slave, stdout=slave,
                              stderr=slave) as child:
            os.close(slave)
            text = b''
            while True:
                select.select([master], [], [])
                try:
                    more = os.read(master, 65536)
                except OSError:
                    break
                if not more:
                    break
                text += more
            os.close(master)
        return child.returncode, text.decode().replace('\r\n', '\n').splitlines()


def fabric_missing(command, name):
    """Why a device of fabric: does not open here; an empty text if it does."""
    done = command.run('probe', name)
    return done.stderr.strip() if done.returncode else ''


def as_nobody(root, program):
    """Options that run a copy of the command without privileges. Files of mode 0 stay closed."""
    if os.geteuid():
        return {}
    copy = shutil.copy(program, os.path.join(root, 'program'))
    os.chmod(root, 0o755)
    for where, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = os.path.join(where, name)
            if not os.path.islink(path) and os.stat(path).st_mode & 0o777:
                os.chmod(path, 0o777)
    return {'user': 65534, 'group': 65534, 'extra_groups': [], 'executable': copy}


def write(root, path, text=''):
    """Make a file below a folder."""
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as file:
        file.write(text if isinstance(text, bytes) else text.encode())


def link(root, path, target):
    """Make a link below a folder. The target need not exist."""
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.symlink(target, path)


def config(msi=0, msix=0, kind=0, size=256):
    """The configuration space of a device, with the capabilities MSI and MSI-X."""
    space = bytearray(256)
    space[0x0e] = kind
    at = 0x40
    entries = []
    if msi:
        entries.append((5, (msi.bit_length() - 1) << 1))
    if msix:
        entries.append((17, msix - 1))
    if entries:
        space[0x06] = 0x10
        space[0x34] = at
    for number, (capability, control) in enumerate(entries):
        space[at] = capability
        space[at + 1] = at + 0x20 if number + 1 < len(entries) else 0
        space[at + 2:at + 4] = control.to_bytes(2, 'little')
        at += 0x20
    return bytes(space[:size])


def device(root, address, group=None, driver=None, bars=(), space=None, pci_class='0x020000'):
    """Make a PCI device below a folder."""
    where = os.path.join(PCI, address)
    for name, text in (('vendor', '0x8086'), ('device', '0x10d3'), ('class', pci_class),
                       ('dma_mask_bits', '64')):
        write(root, os.path.join(where, name), text + '\n')
    lines = [f'0x{first:016x} 0x{last:016x} 0x{flags:016x}' for first, last, flags in bars]
    lines += ['0x0 0x0 0x0'] * (13 - len(lines))
    write(root, os.path.join(where, 'resource'), '\n'.join(lines) + '\n')
    write(root, os.path.join(where, 'config'), config(msix=5) if space is None else space)
    if group is not None:
        link(root, os.path.join(where, 'iommu_group'), f'/sys/kernel/iommu_groups/{group}')
        os.makedirs(os.path.join(root, f'sys/kernel/iommu_groups/{group}'), exist_ok=True)
    if driver:
        link(root, os.path.join(where, 'driver'), f'../../../bus/pci/drivers/{driver}')


def main(tests, *more):
    """Run the tests of a file. Its arguments are the program, and those that @more names."""
    if len(sys.argv) != 2 + len(more):
        print(f'usage: {os.path.basename(sys.argv[0])} {" ".join(("PROGRAM", *more))}',
              file=sys.stderr)
        return 2
    command = Command(sys.argv[1])
    tests(command, *sys.argv[2:])
    return command.end()
