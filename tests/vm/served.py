# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Devices of the simulator in a VM: "coherent serve" offers them, and QEMU's vfio-user-pci has them.

Only QEMU 11.1 or newer has that. So served.py unpacks QEMU of Debian's sid, with its libraries and
its loader.
"""
import contextlib
import json
import os
import re
import socket
import subprocess
import time

from archive import Archive, OutOfReach, reach

PACKAGE = 'qemu-system-x86'
# A server listens in this time.
SECONDS = 60


def names(devices):
    """Returns the devices that are names of simulated ones."""
    return [device for device in devices if device.startswith('sim:')]


class NewQemu:
    """QEMU of a newer suite."""

    def __init__(self, cache):
        archive = Archive(cache, 'sid')
        told = reach(['apt-get', 'install', '-s', '-y', '--no-install-recommends', *archive.options,
                      PACKAGE])
        version = re.sub(r'[^\w.]', '-', archive.version(PACKAGE))
        tree = archive.unpack(re.findall(r'^Inst (\S+)', told, re.M),
                              os.path.join(cache, f'qemu-{version}'))
        libraries = os.path.join(tree, 'usr/lib/x86_64-linux-gnu')
        self.command = [os.path.join(tree, 'usr/lib64/ld-linux-x86-64.so.2'), '--library-path',
                        f'{libraries}:{libraries}/systemd',
                        os.path.join(tree, 'usr/bin/qemu-system-x86_64'),
                        '-L', os.path.join(tree, 'usr/share/seabios'),
                        '-L', os.path.join(tree, 'usr/share/qemu')]
        self.environment = {**os.environ, 'QEMU_MODULE_DIR': os.path.join(libraries, 'qemu')}


def listens(path):
    with socket.socket(socket.AF_UNIX) as client:
        return not client.connect_ex(path)


def start(program, name, path):
    server = subprocess.Popen([program, 'serve', name, path], stdout=subprocess.DEVNULL)
    end = time.monotonic() + SECONDS
    while not listens(path):
        if server.poll() is not None or time.monotonic() > end:
            server.kill()
            raise OutOfReach(f'{program} does not serve {name}')
        time.sleep(0.01)
    return server


@contextlib.contextmanager
def servers(program, where, devices):
    """Serves the simulated devices among these while the block runs."""
    running = []
    try:
        for slot, device in enumerate(devices, 1):
            if device.startswith('sim:'):
                running.append(start(program, device, socket_path(where, slot)))
        yield
    finally:
        for server in running:
            server.terminate()
            server.wait()


def socket_path(where, slot):
    return os.path.join(where, f'device{slot}')


def option(where, slot):
    """Returns QEMU's options for the device of a slot."""
    address = {'type': 'unix', 'path': socket_path(where, slot)}
    return ['-device', json.dumps({'driver': 'vfio-user-pci', 'socket': address,
                                   'addr': f'{slot:x}'})]


def memory(megabytes):
    """Returns QEMU's options for memory in a file, which the devices use."""
    return ['-object', f'memory-backend-memfd,id=ram,size={megabytes}M,share=on',
            '-machine', 'memory-backend=ram']
