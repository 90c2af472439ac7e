#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""examples/e1000e.c exchanges packets with this test: e1000e.py PROGRAM. Prints TAP.

QEMU's network is a pair of UNIX sockets of datagrams, one packet each.
"""
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile

from tap import Results

DEVICE = 'qemu:e1000e,netdev=n0'
SECONDS = 60
# The kernel keeps ten packets for a socket. QEMU keeps the others, and loses them when the program
# ends.
IN_FLIGHT = 8
LENGTHS = (60, 61, 64, 590, 1514)
WORDS = [[], ['echo'], ['echo', '0'], ['echo', 'x'], ['echo', '1', '2'], ['ping', '1'],
         ['ping', '1', '59'], ['ping', '1', '1515'], ['ping', '1000001', '60'], ['pong', '1'],
         ['--colour', 'echo', '1'], ['--device']]


class Peer:
    """The other end of QEMU's network, and a program that uses it."""
    def __init__(self, program, where, *words):
        ours, theirs = (os.path.join(where, name) for name in ('ours', 'theirs'))
        for path in (ours, theirs):
            if os.path.exists(path):
                os.unlink(path)
        self.theirs = theirs
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(ours)
        netdev = (f'dgram,id=n0,local.type=unix,local.path={theirs},'
                  f'remote.type=unix,remote.path={ours}')
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [program, f'--device={DEVICE}', f'--netdev={netdev}', *words], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def send(self, packet):
        self.socket.sendto(packet, self.theirs)

    def receive(self):
        """Returns the next packet, or None if none comes in time."""
        ready, _, _ = select.select([self.socket], [], [], SECONDS)
        return self.socket.recv(65536) if ready else None

    def end(self):
        """Returns the exit status, what the program printed, and its messages."""
        try:
            said, messages = self.process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            said, messages = self.process.communicate()
        self.socket.close()
        return self.process.returncode, said, messages


def packet_of(number, length):
    payload = bytes((number * 13 + i * (number % 5 + 1)) % 256 for i in range(length - 14))
    return b'\xff' * 6 + b'\x52\x54\x00\xab\xcd\xef' + b'\x88\xb5' + payload


def echo(tests, program, where):
    packets = [packet_of(number, LENGTHS[number % len(LENGTHS)]) for number in range(300)]
    peer = Peer(program, where, 'echo', str(len(packets)))
    line = peer.process.stdout.readline()
    tests.say(line == f'{DEVICE}: waits for packets\n', 'echo says that it waits', line)
    came = []
    for number, packet in enumerate(packets):
        peer.send(packet)
        # At times the ring has several packets, at times one.
        left = IN_FLIGHT if number % 50 not in (0, 49) else 0
        while number - len(came) >= left and (not came or came[-1] is not None):
            came.append(peer.receive())
    while len(came) < len(packets) and came[-1] is not None:
        came.append(peer.receive())
    end = peer.end()
    tests.say(came == packets, f'echo returns all bytes of {len(packets)} packets',
              f'{len(came)} packets, {end}')
    tests.say(end == (0, f'{DEVICE}: {len(packets)} packets echoed, by copies\n', ''),
              'echo counts them', end)


def ping(tests, program, where, count, damage=None):
    """Returns each packet. Damages the packet with that number."""
    length = 300
    peer = Peer(program, where, 'ping', str(count), str(length))
    came = []
    while len(came) < count and (not came or came[-1] is not None):
        came.append(peer.receive())
        if came[-1] is not None:
            bad = len(came) - 1 == damage
            peer.send(came[-1][:200] + (b'!!' if bad else came[-1][200:202]) + came[-1][202:])
    end = peer.end()
    if damage is not None:
        tests.say(end == (1, '', f'e1000e: {DEVICE}: another packet came back\n'),
                  'ping finds a byte that changed on the way', end)
        return
    tests.say(all(packet and len(packet) == length for packet in came) and
              len(set(came)) == count, f'ping sends {count} packets of {length} bytes', len(came))
    tests.say(end == (0, f'{DEVICE}: {count} packets of {length} bytes came back, by copies; '
                      'a ring was full at times\n', ''), 'ping compares them', end)


def misuse(tests, program):
    for words in WORDS:
        done = subprocess.run([program, f'--device={DEVICE}', *words], check=False, text=True,
                              capture_output=True)
        lines = done.stderr.splitlines()
        tests.say(done.returncode == 2 and not done.stdout and len(lines) == 1 and
                  lines[0].startswith('e1000e: '), f'status 2 and one line: {" ".join(words)}',
                  done)
    done = subprocess.run([program, '--help'], check=False, text=True, capture_output=True)
    tests.say(not done.returncode and done.stdout.startswith('Usage: e1000e'), '--help', done)
    done = subprocess.run([program, '--device=qemu:edu', 'echo', '1'], check=False, text=True,
                          capture_output=True)
    tests.say(done.returncode == 2 and 'the device is not an 82574' in done.stderr,
              'another device is refused', done)


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith('-'):
        print('usage: e1000e.py PROGRAM', file=sys.stderr)
        return 2
    tests = Results()
    if not shutil.which('qemu-system-x86_64'):
        tests.skip('e1000e', 'there is no qemu-system-x86_64')
        return tests.close()
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as where:
        echo(tests, program, where)
        ping(tests, program, where, 150)
        ping(tests, program, where, 64, 20)
    misuse(tests, program)
    return tests.close()


if __name__ == '__main__':
    sys.exit(main())
