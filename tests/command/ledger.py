#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""coherent ledger says which memory devices could reach: ledger.py PROGRAM DRIVER.

DRIVER is tests/timeline/program.c.
"""
import collections
import datetime
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time

import common


def drive(driver, what, path):
    subprocess.run([driver, what], env={**os.environ, 'COHERENT_LEDGER': path}, check=True,
                   stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def answers(command, driver, folder):
    path = os.path.join(folder, 'l')
    began = time.time()
    drive(driver, 'steps', path)
    ended = time.time()
    answer, done = command.json('ledger', path)
    rows = answer['exposures']
    command.say([row['reason'] for row in rows] == ['reclaimed', 'freed', 'device closed'] and
                answer['visible'] and not answer['unreadable'] and answer['devices'] == 1 and
                not answer['devices_without_protection'],
                'each exposure has the reason of its end', done.stdout)
    command.say([row['permission'] for row in rows] == ['read-only', 'read-write', 'read-write'] and
                rows[0]['bytes'] == 8192 and rows[0]['device'] == 'sim:edu' and
                rows[0]['where'].endswith('.c:1001'), 'each exposure has its object', rows)
    first = int(rows[0]['address'], 16)
    for address, count in ((first, 1), (first + 8191, 1), (first + 8192, 0), (first - 1, 0), (0, 0),
                           (2**64 - 1, 0)):
        answer, done = command.json('ledger', path, '--address', hex(address))
        command.say(answer['visible'] == bool(count) and len(answer['exposures']) == count,
                    f'--address finds {count} exposures of {hex(address - first)}', done.stdout)
    for row in rows:
        for end in ('begin', 'end'):
            answer, done = command.json('ledger', path, '--at', row[end])
            command.say(row in answer['exposures'], f'--at finds an exposure at the {end} that it has',
                        f'{row} {done.stdout}')
    for at, visible in ((began - 1, False), (ended + 1, False)):
        zone = datetime.timezone.utc
        date = datetime.datetime.fromtimestamp(at, zone).strftime('%Y-%m-%dT%H:%M:%S.%f')
        for word in (f'{at:.6f}', date, date + 'Z'):
            answer, done = command.json('ledger', path, '--at', word)
            command.say(answer['visible'] == visible, f'--at {word} finds what there was',
                        done.stdout)
    done = command.run('ledger', path, '--address', '0x5')
    command.say(not done.returncode and 'The ledger has no such exposure.\n' in done.stdout and
                ' records of 1 device that can be read, and 0 that cannot.\n' in done.stdout,
                'the text says that there is no exposure', done.stdout)
    status, lines = command.in_terminal(20, 'ledger', path)
    command.say(status == 0 and all(len(line) <= 20 for line in lines), 'the text fits 20 columns',
                '\n'.join(lines))


def kills(command, driver, folder):
    path = os.path.join(folder, 'l')
    with subprocess.Popen([driver, 'wait'], env={**os.environ, 'COHERENT_LEDGER': path},
                          stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        while os.path.getsize(path) < 3 * 65536:
            time.sleep(0.001)
        now = time.time()
        child.send_signal(signal.SIGKILL)
    answer, done = command.json('ledger', path, '--at', f'{now:.6f}')
    command.say(answer and answer['unreadable'] <= 1 and answer['records'] > 2000,
                'all records of a killed program are read', done.stderr)
    command.say(answer and answer['exposures'][0]['reason'] == 'lasts' and
                answer['exposures'][0]['end'] is None, 'what a killed program exposed lasts',
                done.stdout[:500])
    with open(path, 'rb') as file:
        data = bytearray(file.read())
    # The last record was not written whole.
    torn = bytearray(data)
    numbers = [(int.from_bytes(data[at + 16:at + 24], 'little'), at)
               for at in range(64, len(data), 64) if any(data[at:at + 64])]
    last = max(numbers)[0]
    for number, at in numbers:
        if number == last:
            torn[at:at + 4] = b'\0\0\0\0'
    with open(path, 'wb') as file:
        file.write(torn)
    more, done = command.json('ledger', path)
    command.say(more and more['unreadable'] >= 1 and more['records'] >= answer['records'] - 1,
                'a record that is not whole is counted', done.stderr)
    for name, bad in (('a record in the middle is damaged', data[:70000] + b'xyz' + data[70003:]),
                      ('the end is cut off', data[:2 * 65536 + 1000]),
                      ('the end of a record is cut off', data[:-1])):
        with open(path, 'wb') as file:
            file.write(bad)
        answer, done = command.json('ledger', path)
        command.say(done.returncode == 1 and done.stderr.count('\n') == 1 and
                    'it was cut off or damaged' in done.stderr and answer and
                    len(answer['exposures']) > 100,
                    f'the command tells that {name}, and what the other records say', done.stderr)
    with open(path, 'wb') as file:
        file.write(data[:2 * 64])
    command.say('has 1 record of 0 devices that' in command.run('ledger', path).stdout,
                'a count of one has no plural', done.stdout)
    # A device begins its blocks anew, so only the number of a record tells that others came later.
    # A record that is there twice would not be missing.
    times = collections.Counter(number for number, _ in numbers)
    single = sorted(pair for pair in numbers if times[pair[0]] == 1)
    _, at = single[len(single) // 2]
    with open(path, 'wb') as file:
        file.write(data[:at] + data[at + 64:])
    done = command.run('ledger', path, '--address', '0x5')
    command.say(done.returncode == 1 and 'The ledger has no' not in done.stdout and
                'The records that can be read have no such exposure.\n' in done.stdout,
                'records that are missing may have said more', done.stdout + done.stderr)


def cut_off(command, driver, folder):
    """A writer leaves whole blocks, so a shorter file was cut off, also between two records."""
    path = os.path.join(folder, 'l')
    drive(driver, 'steps', path)
    with open(path, 'rb') as file:
        data = file.read()
    for size, status in ((len(data), 0), (len(data) - 64, 1), (8192, 1), (128, 1), (64, 0)):
        with open(path, 'wb') as file:
            file.write(data[:size])
        answer, done = command.json('ledger', path)
        command.say(done.returncode == status and answer.get('cut_off') == bool(status) and
                    ('it was cut off or damaged' in done.stderr) == bool(status),
                    f'{size} bytes of a ledger end with {status}', f'{done.returncode} {done.stderr}')
    with open(path, 'wb') as file:
        file.write(data[:8192])
    done = command.run('ledger', path, '--address', '0x5')
    command.say(done.returncode == 1 and 'The records that can be read have no such' in done.stdout,
                'the part that is missing may have said more', done.stdout)


def kills_with_twin(command, driver, folder):
    """The memory was that of the program, and two devices could reach it."""
    path = os.path.join(folder, 'l')
    with subprocess.Popen([driver, 'share'], env={**os.environ, 'COHERENT_LEDGER': path},
                          stdout=subprocess.PIPE, text=True) as child:
        address = child.stdout.readline().strip()
        child.send_signal(signal.SIGKILL)
    answer, done = command.json('ledger', path)
    # The ledger does not order the devices.
    rows = sorted(answer['exposures'], key=lambda row: row['permission'])
    command.say([(row['permission'], row['reason'], row['end']) for row in rows] ==
                [('read-only', 'lasts', None), ('read-write', 'lasts', None)] and
                not answer['unreadable'] and answer['devices'] == 2,
                'adopted memory and a twin of a killed program are in the ledger', done.stdout)
    command.say(all(row['bytes'] == 4096 and 'program.c:' in row['where'] for row in rows) and
                len({row['where'] for row in rows}) == 2,
                'each has the place of its adopt or share', rows)
    answer, done = command.json('ledger', path, '--address', address)
    command.say(rows[0]['address'] == address and rows[0] in answer['exposures'],
                '--address finds the twin', done.stdout)


def checksum(record):
    """As ledger_checksum() in src/memory/ledger_layout.h."""
    factors = (0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f, 0x165667b19e3779f9, 0xd6e8feb86659fd93,
               0xff51afd7ed558ccd, 0xc4ceb9fe1a85ec53, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb)
    words = struct.unpack('=8Q', b'\0\0\0\0' + record[4:])
    products = [(word + i + 1) * factor % 2**64 for i, (word, factor) in
                enumerate(zip(words, factors))]
    total = sum(product ^ product >> 29 for product in products) % 2**64
    return ((total ^ total >> 32) * factors[0] % 2**64 >> 32) or 1


def devices_without_protection(command, driver, folder):
    path = os.path.join(folder, 'l')
    drive(driver, 'two', path)
    with open(path, 'rb') as file:
        data = bytearray(file.read())
    level = 10
    for at in [at for at in range(64, len(data), 64) if data[at + 4] == level]:
        assert checksum(data[at:at + 64]) == int.from_bytes(data[at:at + 4], 'little')
        # 2 is COHERENT_HIDDEN.
        data[at + 48:at + 56] = (2).to_bytes(8, 'little')
        data[at:at + 4] = checksum(data[at:at + 64]).to_bytes(4, 'little')
    with open(path, 'wb') as file:
        file.write(data)
    answer, done = command.json('ledger', path, '--address', '0x5')
    command.say(answer and answer['devices_without_protection'] == 2, 'devices without protection '
                'are counted', done.stdout + done.stderr)
    done = command.run('ledger', path, '--address', '0x5')
    command.say('The ledger has no such exposure.\nNothing kept 2 of the devices from memory that was '
                'not exposed.\n' in done.stdout, 'the text says which devices could reach more', done.stdout)


def number_of_missing(command, driver, folder):
    """The number of a record that was not checked can say that nearly 2^64 are missing."""
    path = os.path.join(folder, 'l')
    drive(driver, 'two', path)
    with open(path, 'rb') as file:
        data = bytearray(file.read())
    # A record of a third device.
    record = data[64:128]
    record[8:24] = bytes(8) + (2**64 - 1).to_bytes(8, 'little')
    record[:4] = checksum(record).to_bytes(4, 'little')
    data[-64:] = record
    with open(path, 'wb') as file:
        file.write(data)
    answer, done = command.json('ledger', path, '--address', '0x5')
    command.say(done.returncode == 1 and answer['missing'] == '0xfffffffffffffffe',
                'the number of missing records may need 64 bits', done.stdout)
    done = command.run('ledger', path, '--address', '0x5')
    command.say('The records that can be read have no such exposure.' in done.stdout,
                'the text does not deny what they may have said', done.stdout)


def lives(command, driver, folder):
    """The ledger of a running driver can be read."""
    path = os.path.join(folder, 'l')
    for turn in range(1, 4):
        # A driver may write faster than the command reads. Then only this limit ends the file.
        limit = ['prlimit', f'--fsize={turn << 25}', driver, 'wait']
        with subprocess.Popen(limit, env={**os.environ, 'COHERENT_LEDGER': path},
                              stdout=subprocess.PIPE) as child:
            child.stdout.readline()
            # The more there is before the block, the more the driver writes while the command reads.
            size = os.path.getsize(path)
            while os.path.getsize(path) < size + (2 << 20):
                time.sleep(0.001)
            answer, done = command.json('ledger', path, '--address', '0x5')
            child.send_signal(signal.SIGKILL)
        is_whole = answer and not answer['missing'] and not answer['cut_off']
        # The limit may have ended the file already.
        is_lost = bool(answer and answer.get('lost_from'))
        command.say(is_whole and (done.returncode, done.stderr.count('\n')) == (is_lost, is_lost),
                    'the ledger of a running driver is whole', f'{done.returncode} {done.stderr}')


def disk_is_full(command, driver, folder):
    """A driver that can write no more marks its block, and the records of others stay."""
    path = os.path.join(folder, 'l')
    drive(driver, 'two', path)
    before, _ = command.json('ledger', path)
    command.say(before.get('lost_from', 'missing') is None, 'a ledger that is whole has lost nothing', before)
    began = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec='milliseconds')
    limit = ['prlimit', f'--fsize={os.path.getsize(path) + 2 * 65536 + 1000}', driver, 'wait']
    with subprocess.Popen(limit, env={**os.environ, 'COHERENT_LEDGER': path}, text=True,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        report = child.stderr.readline()
        child.send_signal(signal.SIGKILL)
    answer, done = command.json('ledger', path, '--address', '0x5')
    command.say('what happens from now on is not in it' in report and done.returncode == 1 and
                done.stderr == f'coherent: ledger: {path}: 1 device could not write to it from '
                f'{answer.get("lost_from")} on, so what happened later is missing\n',
                'a line says which records are missing', f'{report} {done.returncode} {done.stderr}')
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec='milliseconds')
    # Times are late by some milliseconds.
    command.say(began[:19] <= answer.get('lost_from', '') <= now, 'it says since when',
                f'{began} {answer.get("lost_from")} {now}')
    command.say((answer['devices'], answer['unreadable'], answer['missing'], answer['cut_off']) ==
                (before['devices'] + 1, 0, 0, False) and answer['records'] > before['records'] + 2000,
                'all other records are there', done.stdout)
    done = command.run('ledger', path, '--address', '0x5')
    command.say(done.returncode == 1 and 'The records that can be read have no such' in done.stdout,
                'the text does not deny what was lost', done.stdout)


def mistakes(command, driver, folder):
    path = os.path.join(folder, 'l')
    drive(driver, 'two', path)
    with open(path, 'rb') as file:
        good = file.read()
    for text, words in ((b'', 'it is not a ledger, or it was cut off'),
                        (good[:63], 'it is not a ledger, or it was cut off'),
                        (b'my diary' * 100, 'it is not a ledger'),
                        (good[:40] + b'\7' + good[41:], 'it has version 7'),
                        (good[:60] + b'\7' + good[61:], 'its head is damaged')):
        with open(path, 'wb') as file:
            file.write(text)
        command.complains(1, words, 'ledger', path)
    command.complains(1, 'No such file or directory', 'ledger', folder + '/none')
    command.complains(1, 'it is not a file that can be read', 'ledger', folder)
    os.mkfifo(folder + '/fifo')
    command.complains(1, 'it is not a file that can be read', 'ledger', folder + '/fifo', timeout=60)
    command.refuses(2, 'ledger: FILE is missing; see coherent ledger --help', 'ledger')
    for word in ('', 'x', '-1', '0x1g', '0x10000000000000000'):
        command.refuses(2, f'ledger: --address {word}: it is not a device address', 'ledger', path,
                        f'--address={word}')
    for word in ('', 'x', '-1', '1e', '2026-13-01T00:00:00', '99999999999999999999',
                 '2026-02-31T00:00:00', '1960-01-01T00:00:00', '9999-12-31T00:00:00', '1.', '.5', '5.5e3'):
        command.complains(2, f'--at {word}: write a time as', 'ledger', path, f'--at={word}')


def main():
    command, driver = common.Command(sys.argv[1]), os.path.abspath(sys.argv[2])
    for check in (answers, kills, cut_off, kills_with_twin, devices_without_protection, number_of_missing, lives,
                  disk_is_full, mistakes):
        with tempfile.TemporaryDirectory() as folder:
            check(command, driver, folder)
    return command.end()


if __name__ == '__main__':
    sys.exit(main())
