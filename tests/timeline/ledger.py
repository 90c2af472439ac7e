#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The ledger has each exposure and its end, also if the driver is killed.

usage: ledger.py PROGRAM

PROGRAM is program.c, a driver. Each test runs it and reads its ledger with a reader of its own.
Prints TAP.
"""
import os
import resource
import signal
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import run_tests  # noqa: E402

PROGRAM = sys.argv[1]
TESTS = []
HEAD, DEVICE, TEXT, EXPOSE, END, FENCE, CLOSE = range(1, 8)
LEVEL, LOST = 10, 11
IOMMU = 4
RECLAIMED, FREED, REFUSED, LEAKED = range(1, 5)


def test(function):
    TESTS.append(function)
    return function


def environment(ledger):
    return {**os.environ, 'COHERENT_LEDGER': ledger}


def run(what, ledger, **more):
    done = subprocess.run([PROGRAM, what], env=environment(ledger), capture_output=True, text=True,
                          timeout=100, check=False, **more)
    assert done.returncode == 0, f'status {done.returncode}, {done.stderr}'
    return done.stdout, done.stderr


def read(path):
    """Returns the records of each writer in their order, and how many records are not written whole."""
    with open(path, 'rb') as file:
        data = file.read()
    assert data[24:40] == b'coherent ledger\n', data[:64]
    writers, torn = {}, 0
    for at in range(64, len(data) - 63, 64):
        checksum, kind, permission, reason, flags, writer, number = struct.unpack_from(
            '=IBBBBQQ', data, at)
        if not checksum:
            torn += any(data[at:at + 64])
            continue
        writers.setdefault(writer, {})[number] = (kind, permission, reason, flags,
                                                  data[at + 24:at + 64])
    for records in writers.values():
        # Numbers go on from 1, so no record is missing.
        assert sorted(records) == list(range(1, len(records) + 1)), 'a record is missing'
    return [[records[number] for number in sorted(records)] for records in writers.values()], torn


def changes(records):
    """Returns (kind, permission, reason, address, bytes, place) of exposures and ends."""
    texts, found = {}, []
    for kind, permission, reason, _, rest in records:
        if kind == TEXT:
            key, first = struct.unpack_from('=QB', rest)
            part = rest[9:40].split(b'\0')[0]
            texts[key] = part if first else texts[key] + part
        elif kind in (EXPOSE, END):
            _, _, address, size, text = struct.unpack('=QQQQQ', rest)
            found.append((kind, permission, reason, address, size, texts.get(text)))
    return found


@test
def each_exposure_is_recorded_with_its_end(folder):
    ledger = folder + '/l'
    began = time.time_ns()
    run('steps', ledger)
    (records,), torn = read(ledger)
    assert not torn
    found = changes(records)
    assert [entry[:3] for entry in found] == [
        (EXPOSE, 1, 0), (END, 0, RECLAIMED), (EXPOSE, 0, 0), (END, 0, FREED), (EXPOSE, 0, 0),
        (END, 0, FREED)], found
    assert found[0][4:] == (8192, b'a "driver" \\ \xff \xc3\xa4.c:1001'), found[0]
    assert found[0][3:5] == found[1][3:5] and found[2][3:5] == found[3][3:5], found
    kinds = [record[0] for record in records if record[0] != TEXT]
    assert kinds[0] == DEVICE and FENCE in kinds and kinds.index(CLOSE) == len(kinds) - 2, kinds
    levels = [struct.unpack('=QQQQQ', record[4])[3] for record in records if record[0] == LEVEL]
    assert levels == [IOMMU], levels
    for kind, _, _, _, rest in records:
        if kind != TEXT:
            monotonic, real = struct.unpack_from('=QQ', rest)
            assert began - 10**8 <= real <= time.time_ns(), (began, real)
            assert monotonic < real


@test
def a_driver_that_is_killed_leaves_all_its_records(folder):
    for i in range(5):
        ledger = f'{folder}/{i}'
        with subprocess.Popen([PROGRAM, 'wait'], env=environment(ledger),
                              stdout=subprocess.PIPE) as driver:
            assert driver.stdout.readline() == b'ready\n'
            # More records than a block has, so that blocks were copied.
            while os.path.getsize(ledger) < (3 + i) * 65536:
                time.sleep(0.001)
            driver.send_signal(signal.SIGKILL)
        (records,), torn = read(ledger)
        assert torn <= 1, torn
        found = changes(records)
        assert len(found) > 2000 and found[0][0] == EXPOSE, len(found)
        live = found[0][3:5]
        assert not [entry for entry in found if entry[0] == END and entry[3:5] == live]
        for expose, end in zip(found[1::2], found[2::2]):
            assert expose[0] == EXPOSE and end[0] == END and expose[3:5] == end[3:5]


@test
def what_a_lazy_iommu_still_reaches_waits_for_a_fence(folder):
    for what, until_fence in (('lazy', 1), ('steps', 0)):
        run(what, folder + '/' + what)
        (records,), _ = read(folder + '/' + what)
        ends = [(reason, flags) for kind, _, reason, flags, _ in records if kind == END]
        assert {reason for reason, _ in ends} == {RECLAIMED, FREED}, ends
        assert {flags for _, flags in ends} == {until_fence}, ends


@test
def devices_and_programs_share_a_ledger(folder):
    ledger = folder + '/l'
    drivers = [subprocess.Popen([PROGRAM, 'two'], env=environment(ledger)) for _ in range(6)]
    assert [driver.wait() for driver in drivers] == [0] * 6
    writers, torn = read(ledger)
    assert len(writers) == 12 and not torn
    for records in writers:
        assert [entry[0] for entry in changes(records)] == [EXPOSE, END]


@test
def each_site_is_written_once(folder):
    run('sites', folder + '/l')
    (records,), _ = read(folder + '/l')
    # The name of the device is a text too, and all are short.
    assert [record[0] for record in records].count(TEXT) == 1 + 40, records
    found = changes(records)
    assert [entry[5] for entry in found if entry[0] == EXPOSE] == [
        b'site.c:%d' % (i % 40) for i in range(80)], found


@test
def the_name_may_have_the_process_id(folder):
    with subprocess.Popen([PROGRAM, 'two'], env=environment(folder + '/%p-%%p%x-%')) as driver:
        assert driver.wait() == 0
    assert os.listdir(folder) == [f'{driver.pid}-%p%x-%'], os.listdir(folder)


@test
def a_forked_child_records_nothing(folder):
    run('fork', folder + '/l')
    (records,), _ = read(folder + '/l')
    assert [entry[0] for entry in changes(records)] == [EXPOSE, END]
    assert len([record for record in records if record[0] == CLOSE]) == 1


@test
def another_file_stays_as_it_is(folder):
    ledger = folder + '/l'
    for text in (b'x', b'my diary\n' * 10000):
        with open(ledger, 'wb') as file:
            file.write(text)
        _, reports = run('two', ledger)
        assert reports.count('warning: ledger ') == 2 and 'it is not a ledger' in reports, reports
        with open(ledger, 'rb') as file:
            assert file.read() == text
    _, reports = run('two', folder + '/none/l')
    assert reports.count('No such file or directory') == 2, reports


@test
def a_ledger_that_grows_too_large_ends_with_a_report(folder):
    limit = 65536 + 1000

    def set_limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    with subprocess.Popen([PROGRAM, 'wait'], env=environment(folder + '/l'), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          preexec_fn=set_limit) as driver:
        line = driver.stderr.readline()
        driver.send_signal(signal.SIGKILL)
    assert 'File too large; what happens from now on is not in it' in line, line
    (records,), _ = read(folder + '/l')
    assert 1000 < len(records) <= 1024, len(records)
    # The last record of the block says that there would be more.
    assert [record[0] for record in records].index(LOST) == len(records) - 1, records[-1]


def main():
    return run_tests(TESTS)


if __name__ == '__main__':
    sys.exit(main())
