#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The trace file of COHERENT_TRACE is complete JSON, whatever happens to the program.

usage: run.py PROGRAM TEST...

PROGRAM is program.c, a driver. Each test runs it and reads its trace. The programs TEST, which are
tests of the library, must pass as well if they are traced. Prints TAP.
"""
import glob
import json
import os
import resource
import shutil
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Skip, run_tests  # noqa: E402

PROGRAM = sys.argv[1]
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def run(what, trace, program=PROGRAM, **more):
    """Runs a driver to its end. Returns its output and its reports."""
    done = subprocess.run([program, what], env={**os.environ, 'COHERENT_TRACE': trace},
                          capture_output=True, text=True, timeout=100, check=False, **more)
    assert done.returncode == 0, f'status {done.returncode}, {done.stderr}'
    return done.stdout, done.stderr


def load(trace):
    with open(trace, encoding='utf-8') as file:
        return json.load(file)


def of_kind(events, kind, name=None):
    return [event for event in events if event['ph'] == kind and name in (None, event['name'])]


def track_names(events):
    return {event['tid']: event['args']['name'] for event in of_kind(events, 'M', 'thread_name')}


@test
def an_object_has_a_track_with_its_phases(folder):
    trace = folder + '/t.json'
    output, reports = run('steps', trace)
    assert not reports.count('COHERENT_TRACE') and not output, reports
    events = load(trace)
    assert events[0]['args']['devices'] == '00000001', events[0]
    names = track_names(events)
    assert names[0] == 'sim:edu', names
    assert names[1] == 'a "driver" \\ \ufffd ä.c:1001', names
    phases = [event for event in of_kind(events, 'X') if event['tid'] == 1]
    assert [event['name'] for event in phases] == ['box', 'mem', 'box', 'mem'], phases
    assert [event['args'].get('permission') for event in phases] == [
        None, 'read-only', None, 'read-write'], phases
    for event in phases:
        assert event['args']['bytes'] == 8192 and event['args']['where'] == names[1], event
        assert int(event['args']['address'], 16) % 4096 == 0, event
    for event, then in zip(phases, phases[1:]):
        assert abs(event['ts'] + event['dur'] - then['ts']) < 0.01, (event, then)


@test
def each_event_is_a_mark(folder):
    trace = folder + '/t.json'
    run('steps', trace)
    events = load(trace)
    marks = [event['name'] for event in of_kind(events, 'i')]
    assert marks == ['open', 'new box', 'expose', 'reclaim', 'expose', 'free', 'new box', 'expose',
                     'write', 'read', 'write', 'interrupt', 'fault', 'fence', 'close',
                     'free'], marks
    write, read = of_kind(events, 'i', 'write')[0], of_kind(events, 'i', 'read')[0]
    assert write['args'] == {'bar': 0, 'offset': '0x4', 'width': 4, 'value': '0x11111111'}, write
    assert read['args']['value'] == '0xeeeeeeee', read
    assert of_kind(events, 'i', 'interrupt')[0]['args'] == {'vector': 0}
    fault = of_kind(events, 'i', 'fault')[0]['args']
    assert fault == {'address': '0x7000000', 'bytes': 1, 'access': 'write', 'state': 'none'}, fault
    assert of_kind(events, 'i', 'fence')[0]['args'] == {'result': 0}


@test
def an_object_that_is_left_ends_its_phase_at_the_close(folder):
    trace = folder + '/t.json'
    run('steps', trace)
    events = load(trace)
    close = of_kind(events, 'i', 'close')[0]
    phases = [event for event in of_kind(events, 'X') if event['tid'] == 2]
    assert [event['name'] for event in phases] == ['box', 'mem', 'mem'], phases
    assert phases[1]['ts'] + phases[1]['dur'] <= close['ts'] + 0.01, (phases, close)


@test
def a_program_that_is_killed_leaves_each_whole_event(folder):
    """If the kernel ends the last write at the end of a page, the next program completes the file."""
    for i in range(10):
        trace = f'{folder}/{i}.json'
        with subprocess.Popen([PROGRAM, 'wait'], env={**os.environ, 'COHERENT_TRACE': trace},
                              stdout=subprocess.PIPE) as driver:
            assert driver.stdout.readline() == b'ready\n'
            driver.send_signal(signal.SIGKILL)
        run('two', trace)
        events = load(trace)
        live = of_kind(events, 'i', 'expose')[0]
        assert live['tid'] == 1 and live['args']['where'].startswith('tests/timeline/program.c:'), live
        # A reader that knows no JSON finds an event on each line.
        with open(trace, encoding='utf-8') as file:
            lines = file.read().splitlines()
        assert len(lines) == len(events) + 2 and json.loads(lines[3].rstrip(',')) == events[2]


@test
def the_name_has_the_process(folder):
    run('two', folder + '/%p-%%p-%x.json')
    files = glob.glob(folder + '/*')
    assert len(files) == 1 and files[0].endswith('-%p-%x.json'), files
    pid = int(os.path.basename(files[0]).split('-')[0])
    assert {event['pid'] for event in load(files[0])} == {0, pid}


@test
def devices_of_a_file_have_tracks_of_their_own(folder):
    trace = folder + '/t.json'
    for _ in range(2):
        run('two', trace)
    events = load(trace)
    assert events[0]['args']['devices'] == '00000004', events[0]
    tracks = [event['tid'] for event in of_kind(events, 'M', 'thread_name')]
    assert len(tracks) == 8 and len(set(tracks)) == 8, tracks
    assert len(of_kind(events, 'X', 'mem')) == 4
    assert max(tracks) < 2**32


@test
def drivers_write_at_the_same_time(folder):
    trace = folder + '/t.json'
    drivers = [subprocess.Popen([PROGRAM, 'steps'], env={**os.environ, 'COHERENT_TRACE': trace},
                                stderr=subprocess.DEVNULL) for _ in range(8)]
    assert [driver.wait() for driver in drivers] == [0] * 8
    events = load(trace)
    assert events[0]['args']['devices'] == '00000008', events[0]
    assert len(of_kind(events, 'i')) == 8 * 16, len(of_kind(events, 'i'))


@test
def a_forked_child_writes_nothing(folder):
    trace = folder + '/t.json'
    output, _ = run('fork', trace)
    events = load(trace)
    assert int(output) not in {event['pid'] for event in events}
    assert len(of_kind(events, 'i', 'close')) == 1 and len(of_kind(events, 'i', 'free')) == 1


def assert_no_trace(trace, says, **more):
    _, reports = run('two', trace, **more)
    lines = [line for line in reports.splitlines() if 'COHERENT_TRACE' in line]
    assert len(lines) == 2 and all('warning' in line and says in line for line in lines), reports


@test
def a_device_works_without_its_trace(folder):
    assert_no_trace(folder + '/none/t.json', 'No such file or directory')
    assert_no_trace(folder, 'Is a directory')
    assert_no_trace('/dev/null', 'it stays as it is')
    assert_no_trace(folder + '/' + 'x' * 5000, 'File name too long')
    _, reports = run('two', '')
    assert not reports, reports


@test
def a_file_of_another_kind_stays_as_it_is(folder):
    trace = folder + '/t.json'
    run('two', trace)
    with open(trace, 'rb') as file:
        good = file.read()
    for bad in (b'x', b'my diary\n' * 100, good[:40], good.replace(b'00000002', b'0000000x'),
                good + b'more'):
        with open(trace, 'wb') as file:
            file.write(bad)
        assert_no_trace(trace, 'it is neither empty nor a trace, so it stays as it is')
        with open(trace, 'rb') as file:
            assert file.read() == bad


@test
def half_a_line_at_the_end_is_cut_off(folder):
    """A program that is killed in a write leaves this."""
    trace = folder + '/t.json'
    run('two', trace)
    with open(trace, 'rb') as file:
        good = file.read()
    for bytes_ in range(len(good) - 1, len(good) - 1500, -37):
        with open(trace, 'wb') as file:
            file.write(good[:bytes_])
        _, reports = run('two', trace)
        assert 'COHERENT_TRACE' not in reports, reports
        assert len(load(trace)) > 3


@test
def a_trace_that_grows_too_large_ends_complete(folder):
    trace = folder + '/t.json'
    for limit in (2000, 2500, 3001):
        _, reports = run('steps', trace, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (limit, limit)))
        lines = [line for line in reports.splitlines() if 'COHERENT_TRACE' in line]
        assert len(lines) == 1 and 'File too large; the trace ends here' in lines[0], reports
        assert os.path.getsize(trace) <= limit and len(load(trace)) > 3
        # The first digit says that events are missing, also after another device.
        assert load(trace)[0]['args']['devices'] == '10000001', load(trace)[0]
        run('two', trace)
        assert load(trace)[0]['args']['devices'] == '10000003', load(trace)[0]
        os.remove(trace)


@test
def a_program_with_raised_rights_writes_no_trace(folder):
    if os.geteuid():
        raise Skip('only root can make a program set-user-ID of another user')
    os.chmod(folder, 0o777)
    program = folder + '/program'
    shutil.copy(PROGRAM, program)
    os.chown(program, 65534, 65534)
    os.chmod(program, 0o4755)
    if os.statvfs(folder).f_flag & os.ST_NOSUID:
        raise Skip('the temporary folder is mounted with nosuid')
    # The status may be that of LeakSanitizer, which refuses to look at such a program.
    done = subprocess.run([program, 'steps'], capture_output=True, text=True, timeout=100,
                          env={**os.environ, 'COHERENT_TRACE': folder + '/t.json',
                               'COHERENT_LEDGER': folder + '/l'}, check=False)
    assert 'is not freed' in done.stderr, done.stderr
    assert sorted(os.listdir(folder)) == ['program'] and 'COHERENT' not in done.stderr, done.stderr


def passes_if_it_is_traced(program):
    def check(folder):
        done = subprocess.run([program], env={**os.environ, 'COHERENT_TRACE': folder + '/t.json'},
                              capture_output=True, text=True, timeout=250, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        events = load(folder + '/t.json')
        assert of_kind(events, 'i', 'open') and of_kind(events, 'i', 'close')
    check.__name__ = f'{os.path.basename(program)} passes if it is traced'
    return check


def main():
    TESTS.extend(passes_if_it_is_traced(program) for program in sys.argv[2:])
    return run_tests(TESTS)


if __name__ == '__main__':
    sys.exit(main())
