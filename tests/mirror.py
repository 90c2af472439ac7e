#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""examples/mirror.c mirrors a log between two processes: mirror.py PROGRAM [PROVIDER...]. Prints TAP.

Without PROVIDER all providers are tested. libfabric takes a quarter of a second in each process, to
find what other providers could do here. So processes that do not need each other start together.
The two processes are first on one machine, and then in two network namespaces of this test, which
need root.
"""
import hashlib
import os
import random
import socket
import subprocess
import sys
import tempfile
import time

from tap import Results

PROVIDERS = ('tcp', 'net', 'sockets')
LOOPBACK = '127.0.0.1'
# These addresses are for examples, so no machine of a network has them.
NODES = ('192.0.2.1', '192.0.2.2')
SECONDS = 120
WORDS = [(), ('keep',), ('keep', 'a', 'b', 'c', 'd', 'e'), ('lose', 'a', 'b', 'c', 'd'),
         ('--reclaim', 'follow', 'a', 'b', 'c', 'd'), ('--what',),
         ('keep', 'fabric:none', 'b', 'c', 'd')]
GONE = 'mirror: the other node is gone\n'
WARNING = 'warning: fabric:sockets'


class Node:
    """A process of the program, which may be in a network namespace."""
    def __init__(self, program, *words, space=None):
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [*(('ip', 'netns', 'exec', space) if space else ()), program, *words], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def port(self):
        """Returns the port of a keeper, or '' if there is none."""
        line = self.process.stdout.readline()
        return line.split()[-1] if line.startswith('mirror: waits at port ') else ''

    def end(self):
        """Returns the exit status, what the program printed, and its messages.

        The library warns of the provider sockets each time.
        """
        try:
            said, messages = self.process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            said, messages = self.process.communicate()
        lines = [line for line in messages.splitlines(True) if WARNING not in line]
        return self.process.returncode, said, ''.join(lines)


def device(provider, address):
    return f'fabric:{provider},node={address}'


def make_log(path):
    """Write lines of many sizes, with any bytes, and more of them than slots of the ring."""
    source = random.Random(24)
    sizes = [source.choice((0, 1, 60, 4095, 4096, 70000, 200000)) for _ in range(200)]
    with open(path, 'wb') as log:
        for size in sizes:
            log.write(source.randbytes(size).replace(b'\n', b'\0') + b'\n')
    return len(sizes), sum(sizes) + len(sizes)


def digest(path):
    with open(path, 'rb') as data:
        return hashlib.sha256(data.read()).hexdigest()


def mirror(tests, program, where, provider, addresses=(LOOPBACK, LOOPBACK), spaces=(None, None)):
    """A log arrives, and then a record is reclaimed during its read."""
    log, copy = (os.path.join(where, name) for name in ('log', 'copy'))
    lines, size = make_log(log)
    title = f'{provider}, {"two namespaces" if spaces[0] else "one machine"}'
    keeper = Node(program, '--reclaim', 'keep', device(provider, addresses[0]), addresses[0], '0',
                  log, space=spaces[0])
    follower = Node(program, 'follow', device(provider, addresses[1]), addresses[0], keeper.port(),
                    copy, space=spaces[1])
    ends = [follower.end(), keeper.end()]
    tail = 'a record was reclaimed during its read'
    tests.say(ends == [(0, f'mirror: {lines} lines, {size} bytes {done}; {tail}\n', '')
                       for done in ('followed', 'kept')], f'{title}: {tail}', ends)
    tests.say(os.path.exists(copy) and digest(copy) == digest(log),
              f'{title}: log and copy have the same sha256', ends)
    if os.path.exists(copy):
        os.unlink(copy)


def mirror_between_spaces(tests, program, where, providers):
    spaces = [f'mirror-{os.getpid()}-{i}' for i in range(2)]
    steps = [f'netns add {spaces[0]}', f'netns add {spaces[1]}',
             f'link add mirror netns {spaces[0]} type veth peer name mirror netns {spaces[1]}']
    for space, address in zip(spaces, NODES):
        steps += [f'-n {space} link set lo up', f'-n {space} link set mirror up',
                  f'-n {space} address add {address}/24 dev mirror']
    try:
        for step in steps:
            done = subprocess.run(['ip', *step.split()], check=False, text=True,
                                  capture_output=True)
            if done.returncode:
                tests.skip('two namespaces', f'ip {step}: {done.stderr.strip()}')
                return
        for provider in providers:
            mirror(tests, program, where, provider, NODES, spaces)
    except FileNotFoundError:
        tests.skip('two namespaces', 'ip is not installed; apt install iproute2')
    finally:
        for space in spaces:
            if os.path.exists(f'/run/netns/{space}'):
                subprocess.run(['ip', 'netns', 'delete', space], check=False)


def start_both(program, where, provider):
    """Start both with a log that a pipe feeds, and wait until the first line is there.

    Returns both nodes and the pipe.
    """
    pipe, copy = (os.path.join(where, name) for name in ('pipe', 'copy'))
    if not os.path.exists(pipe):
        os.mkfifo(pipe)
    name = device(provider, LOOPBACK)
    keeper = Node(program, 'keep', name, LOOPBACK, '0', pipe)
    # The keeper opens the log before it waits. This open waits for that.
    feed = open(pipe, 'w', encoding='ascii')  # pylint: disable=consider-using-with
    follower = Node(program, 'follow', name, LOOPBACK, keeper.port(), copy)
    feed.write('first\n')
    feed.flush()
    while follower.process.poll() is None and not (os.path.exists(copy) and os.path.getsize(copy)):
        time.sleep(0.01)
    return keeper, follower, feed


def lose_a_node(tests, program, where, provider):
    keeper, follower, feed = start_both(program, where, provider)
    keeper.process.kill()
    end = follower.end()
    tests.say(end == (1, '', GONE), f'{provider}: the follower finds out that the keeper is gone',
              end)
    keeper.end()
    feed.close()
    os.unlink(os.path.join(where, 'copy'))
    keeper, follower, feed = start_both(program, where, provider)
    follower.process.kill()
    follower.end()
    # The ring has room for the first lines.
    with feed:
        feed.write('next\n' * 20)
    status, said, messages = keeper.end()
    tests.say(status == 1 and not said and 'mirror: ' in messages,
              f'{provider}: the keeper finds out that the follower is gone',
              (status, said, messages))


def meet_a_stranger(tests, program, where, provider):
    """The other node is another program."""
    name, copy, log = device(provider, LOOPBACK), os.path.join(where, 'copy'), sys.argv[0]
    hellos = (b'', b'\x10\0\0\0', bytes(160), b'\xff' * 160)
    servers = [socket.create_server((LOOPBACK, 0)) for _ in hellos]
    followers = [Node(program, 'follow', name, LOOPBACK, str(server.getsockname()[1]), copy)
                 for server in servers]
    for hello, server, follower in zip(hellos, servers, followers):
        with server, server.accept()[0] as link:
            link.sendall(hello)
        status, said, messages = follower.end()
        tests.say(status == 1 and not said and messages.splitlines()[-1].startswith('mirror: '),
                  f'a follower refuses {len(hello)} bytes of a stranger: {hello[:4]}',
                  (status, said, messages))
    keeper = Node(program, 'keep', name, LOOPBACK, '0', log)
    with socket.create_connection((LOOPBACK, int(keeper.port()))) as link:
        link.sendall(b'GET / HTTP/1.1\r\n')
        end = keeper.end()
    tests.say(end == (1, '', 'mirror: the other node is not a mirror\n'),
              'a keeper refuses another protocol', end)


def lose_output(tests, program, where, provider):
    name = device(provider, LOOPBACK)
    keeper = Node(program, 'keep', name, LOOPBACK, '0', sys.argv[0])
    follower = Node(program, 'follow', name, LOOPBACK, keeper.port(), '/dev/full')
    ends = follower.end(), keeper.end()
    tests.say(ends[0] == (1, '', 'mirror: No space left on device\n'),
              'a copy that cannot be written is an error', ends)
    for words in (('--help',), ('keep', name, LOOPBACK, '0', sys.argv[0])):
        with open('/dev/full', 'w', encoding='ascii') as full:
            done = subprocess.run([program, *words], check=False, text=True, stdout=full,
                                  stderr=subprocess.PIPE, timeout=SECONDS)
        tests.say(done.returncode == 1 and 'No space left on device' in done.stderr,
                  f'output that cannot be written is an error: {words[0]}', done)
    with socket.create_server((LOOPBACK, 0)) as server:
        port = str(server.getsockname()[1])
    end = Node(program, 'follow', name, LOOPBACK, port, os.path.join(where, 'copy')).end()
    tests.say(end == (1, '', 'mirror: Connection refused\n'), 'a keeper that is not there', end)
    end = Node(program, 'keep', name, LOOPBACK, '0', where + '/none').end()
    tests.say(end[0] == 2 and 'No such file' in end[2], 'a log that is not there', end)


def misuse(tests, program):
    for words in WORDS:
        end = Node(program, *words).end()
        tests.say(end[0] == 2 and not end[1] and len(end[2].splitlines()) == 1,
                  f'status 2 and one line: {" ".join(words)}', end)
    end = Node(program, '--help').end()
    tests.say(end[0] == 0 and end[1].startswith('Usage: mirror') and not end[2], '--help', end)


def usable(program, where, providers):
    """Returns the providers that work here, and why another does not."""
    found, why = [], ''
    nodes = [Node(program, 'follow', device(provider, LOOPBACK), LOOPBACK, '1',
                  os.path.join(where, 'copy')) for provider in providers]
    for provider, node in zip(providers, nodes):
        end = node.end()
        if end[0] == 1:
            found.append(provider)
        else:
            why = end[2].strip()
    return found, why


def main():
    if len(sys.argv) < 2 or not set(sys.argv[2:]) <= set(PROVIDERS):
        print('usage: mirror.py PROGRAM [PROVIDER...]', file=sys.stderr)
        return 2
    program, wanted, tests = sys.argv[1], sys.argv[2:] or PROVIDERS, Results()
    misuse(tests, program)
    with tempfile.TemporaryDirectory() as where:
        providers, why = usable(program, where, wanted)
        if len(providers) < len(wanted):
            tests.skip('all providers', why)
        for provider in providers:
            mirror(tests, program, where, provider)
            lose_a_node(tests, program, where, provider)
        if providers:
            meet_a_stranger(tests, program, where, providers[0])
            lose_output(tests, program, where, providers[0])
            mirror_between_spaces(tests, program, where, providers)
    return tests.close()


if __name__ == '__main__':
    sys.exit(main())
