#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""coherent serve, and the other subcommands on the device that it serves: serve.py PROGRAM."""
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

import common


class Server:
    """A server, and the socket at which it listens."""

    def __init__(self, command, path, *args):
        self.path = path
        self.child = subprocess.Popen([command.program, 'serve', *args, path],
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while not self.listens() and self.child.poll() is None:
            time.sleep(0.01)

    def listens(self):
        with socket.socket(socket.AF_UNIX) as client:
            return not client.connect_ex(self.path)

    def stop(self, number=signal.SIGTERM):
        self.child.send_signal(number)
        return self.end()

    def end(self):
        out, err = self.child.communicate()
        return self.child.returncode, out, err


def ends(command, folder):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        path = os.path.join(folder, 'end')
        server = Server(command, path, 'sim:edu')
        mode = os.stat(path).st_mode & 0o777
        done = server.stop(number)
        command.say(done == (0, f'sim:edu is not at {path} any more\n', '') and mode == 0o600 and
                    not os.path.exists(path),
                    f'signal {number} ends a server and removes its socket', done)
    server = Server(command, path, 'sim:ring', '--json')
    done = server.stop()
    command.say(done[0] == 0 and '"socket"' in done[1], 'a server has an answer as JSON', done)


def uses(command, folder):
    path = os.path.join(folder, 'use')
    server = Server(command, path, 'sim:edu')
    name = f'vfio-user:{path}'
    answer, done = command.json('probe', name)
    command.say(answer and answer['vectors'] == 1 and '1234:11e8' in str(answer['id']),
                'coherent probe knows a served device', done)
    done = command.run('selftest', name)
    command.say(done.returncode == 0, 'coherent selftest drives a served device', done)
    command.complains(1, 'a server runs there', 'serve', 'sim:edu', path)
    done = server.stop()
    command.say(done[0] == 0 and not done[2], 'the server has nothing to report', done)
    # A server that was killed leaves its socket behind.
    server = Server(command, path, 'sim:edu')
    server.stop(signal.SIGKILL)
    server = Server(command, path, 'sim:edu', '--vendor=abcd', '--device=0012', '--class=020000',
                    '--revision=7')
    answer, done = command.json('probe', name)
    command.say(answer and 'abcd:0012' in str(answer['id']), 'options give the IDs',
                (answer, done))
    command.say(server.stop()[0] == 0, 'an abandoned socket is replaced')


def once(command, folder):
    path = os.path.join(folder, 'once')
    # The connection of the constructor has no message, so it does not count.
    server = Server(command, path, 'sim:edu', '--once')
    done = command.run('probe', f'vfio-user:{path}')
    command.say(done.returncode == 0, '--once waits for a client that says something', done)
    done = server.end()
    command.say(done[0] == 0 and not os.path.exists(path), '--once ends after a connection', done)


def mistakes(command, folder):
    path = os.path.join(folder, 'mistake')
    command.refuses(2, 'serve: DEVICE SOCKET is missing; see coherent serve --help', 'serve')
    command.complains(2, 'not the name of a sim: device', 'serve', 'qemu:edu', path)
    command.complains(2, 'there is no sim device "x"', 'serve', 'sim:x', path)
    command.complains(2, 'sim:custom needs a .model', 'serve', 'sim:custom', path)
    command.complains(2, 'step', 'serve', 'sim:edu,step', path)
    command.complains(1, 'No such file', 'serve', 'sim:edu', path + '/none/here')
    command.complains(1, 'File name too long', 'serve', 'sim:edu', path + 'x' * 200)
    for option, value in (('vendor', '10000'), ('device', 'x'), ('class', '-1'),
                          ('revision', '')):
        command.complains(2, f'--{option}={value} is not a hexadecimal number', 'serve', 'sim:edu',
                          path, f'--{option}={value}')


def main():
    command = common.Command(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        for test in (ends, uses, once, mistakes):
            test(command, folder)
    return command.end()


if __name__ == '__main__':
    sys.exit(main())
