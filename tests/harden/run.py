#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""COHERENT_HARDEN=1 finds the mistakes of a driver, and names the object and both lines.

usage: run.py PROGRAM READS LIBRARY.a COMPILER SANITIZERS SOURCE_DIR

PROGRAM is program.c and READS is reads.c, with the library. SANITIZERS is "none", or those of the build.
A program with a sanitizer runs neither with few addresses nor with Valgrind or another sanitizer, and
Valgrind 3.19 does not read the debug information of clang. Prints TAP.
"""
import os
import re
import shutil
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Skip, run_tests  # noqa: E402

PROGRAM, READS, LIBRARY, COMPILER, SANITIZERS, SOURCE = sys.argv[1:]
TESTS = []
# The lines of program.c that allocate: a box, and a box of a pool.
ALLOCATED = ('driver.c:103', 'driver.c:105')


def test(function):
    TESTS.append(function)
    return function


def test_if(applies):
    return test if applies else lambda function: function


def run(*words, program=PROGRAM, before=(), **variables):
    return subprocess.run([*before, program, *words], capture_output=True, text=True, timeout=250,
                          check=False, env={**os.environ, 'COHERENT_HARDEN': '1', **variables})


def explanation(done):
    lines = [line for line in done.stderr.splitlines() if line.startswith('coherent: error: ')]
    assert len(lines) == 1, done.stderr
    return lines[0]


def dies(done):
    # A sanitizer handles the signal after the library, and ends the program with a status.
    assert done.returncode == -signal.SIGSEGV or SANITIZERS != 'none' and done.returncode, done
    return explanation(done)


def both(*words, **variables):
    """Runs a mistake with a box of whole pages, and with one of a pool."""
    return [(site, run(*words, *pool, **variables)) for site, pool in
            zip(ALLOCATED, ([], ['pool']))]


@test
def pointer_into_an_exposed_box_faults(folder):
    for site, done in both('write-after-expose'):
        line = dies(done)
        assert re.search(r'sim:edu: the (write|access) at \S*driver\.c:209 hit byte 4 of the box '
                         rf'allocated at {site}, which was exposed at \S*driver\.c:207$', line), line


@test
def access_by_memcpy_is_that_of_its_caller(folder):
    for site, done in both('copy-after-expose'):
        assert re.search(r'at \S*driver\.c:259 hit byte \d+ of the box allocated at '
                         rf'{site}, which was exposed at \S*driver\.c:256$', dies(done)), done
    assert re.search(r'the (read|access) at \S*driver\.c:258 hit', dies(run('copy-after-expose', FROM='1')))


@test
def pointer_into_a_freed_box_faults(folder):
    for site, done in both('read-after-free'):
        line = dies(done)
        assert re.search(r'the (read|access) at \S*driver\.c:306 hit byte 4 of the object allocated '
                         rf'at {site}, which was freed at \S*driver\.c:305$', line), line


@test
def pointer_into_a_freed_mem_faults(folder):
    line = dies(run('read-freed-mem'))
    assert re.search(r'at \S*driver\.c:410 hit byte 4 of the object allocated at driver\.c:406, which '
                     r'was freed at \S*driver\.c:409$', line), line


@test
def access_behind_an_object_faults(folder):
    for site, done in both('write-behind'):
        line = dies(done)
        assert re.search(r'at \S*driver\.c:50[56] hit the page behind the box of \d+ bytes allocated at '
                         rf'{site}$', line), line


@test
def access_to_an_unused_slot_faults(folder):
    assert re.search(r'at \S*driver\.c:563 hit ', dies(run('write-to-unused', 'pool')))


@test
def failed_expose_ends_a_box(folder):
    for site, done in both('write-after-failed-expose'):
        assert re.search(rf'at \S*driver\.c:607 hit byte 4 of the object allocated at {site}, which '
                         r'was freed at \S*driver\.c:606$',
                         [line for line in done.stderr.splitlines() if ' hit ' in line][0]), done


@test
def pointer_faults_after_the_close(folder):
    for site, done in both('write-after-close'):
        lines = [line for line in done.stderr.splitlines() if ' hit ' in line]
        assert len(lines) == 1 and done.returncode, done
        assert re.search(rf'at \S*driver\.c:709 hit byte 4 of the box allocated at {site}, which was '
                         r'exposed at \S*driver\.c:706$', lines[0]), lines


@test
def driver_without_mistakes_runs(folder):
    for device in 'sim:edu', 'sim:edu,step,lazy':
        for _, done in both('none', DEVICE=device):
            assert not done.returncode and done.stdout == 'no mistake\n', done
            assert ' hit ' not in done.stderr, done.stderr
    assert run('fork').stdout == 'no mistake\n'


@test
def device_works_after_too_many_objects(folder):
    with open('/proc/sys/vm/max_map_count', encoding='ascii') as file:
        if int(file.read()) > 100000:
            raise Skip('the limit of mappings is high')
    for _, done in both('too-many'):
        assert done.stdout == 'no mistake\n', done


@test
def handler_of_the_program_gets_the_signal(folder):
    done = run('handled')
    assert done.returncode == 3 and done.stdout == 'handled\n', done
    assert 'which was exposed at' in explanation(done), done.stderr


@test
def handler_of_the_program_is_called_as_it_asked_for(folder):
    done = run('handled-once')
    assert done.returncode and done.stdout == 'handled\n', done
    done = run('jump')
    assert not done.returncode and done.stdout == 'jumped\n', done


@test
def later_device_explains_before_the_handler_that_came_between(folder):
    done = run('above')
    assert done.returncode == 3 and done.stdout == 'handled\n', done
    assert 'which was exposed at' in explanation(done), done.stderr


@test
def handlers_do_not_call_each_other_for_ever(folder):
    for way in 'below', 'back':
        assert 'which was exposed at' in dies(run(way))
    done = run('below-later')
    assert done.returncode and 'coherent: error' not in done.stderr, done


@test
def signal_that_the_program_raises_ends_it(folder):
    done = run('raised')
    assert done.returncode and not done.stdout and 'coherent: error' not in done.stderr, done


@test
def other_faults_end_the_program_without_an_explanation(folder):
    done = run('elsewhere')
    assert done.returncode and 'coherent: error' not in done.stderr, done


@test
def option_and_variable_harden(folder):
    assert 'which was exposed at' in dies(run('write-after-expose', COHERENT_HARDEN='0', OPTION='1'))
    for value in '', '0':
        done = run('write-after-expose', COHERENT_HARDEN=value)
        assert not done.returncode and 'coherent: error' not in done.stderr, done
    done = run('write-after-expose', COHERENT_HARDEN='yes')
    assert 'COHERENT_HARDEN is "yes": 1 hardens devices, and 0 does not' in done.stderr, done.stderr
    assert 'which was exposed at' in dies(done)


@test
def program_with_raised_rights_ignores_the_variable(folder):
    if os.geteuid():
        raise Skip('only root can make a program set-user-ID of another user')
    os.chmod(folder, 0o777)
    program = shutil.copy(PROGRAM, folder + '/program')
    os.chown(program, 65534, 65534)
    os.chmod(program, 0o4755)
    if os.statvfs(folder).f_flag & os.ST_NOSUID:
        raise Skip('the temporary folder is mounted with nosuid')
    # The status may be that of LeakSanitizer, which refuses to look at such a program.
    assert 'coherent: error' not in run('write-after-expose', program=program).stderr


@test
def place_of_the_code_is_told_without_addr2line(folder):
    line = dies(run('write-after-expose', PATH=folder))
    assert re.search(r'at \S*program\+0x[0-9a-f]+ hit|at \S*test-harden\+0x[0-9a-f]+ hit', line), line
    assert 'of the box allocated at driver.c:103, which was exposed at ' in line, line


@test_if(SANITIZERS == 'none')
def addr2line_that_hangs_is_ended(folder):
    with open(folder + '/addr2line', 'w', encoding='utf-8') as script:
        script.write('#!/bin/sh\nexec sleep 1000\n')
    os.chmod(folder + '/addr2line', 0o755)
    line = dies(run('write-after-expose', PATH=folder + ':' + os.environ['PATH']))
    assert re.search(r'at \S*test-harden\+0x[0-9a-f]+ hit', line), line


@test_if(SANITIZERS == 'none')
def places_are_told_without_debug_information(folder):
    program = shutil.copy(PROGRAM, folder + '/program')
    subprocess.run(['strip', program], check=True)
    for name in 'write-after-expose', 'read-after-free':
        line = dies(run(name, program=program))
        assert re.search(r' at /\S*/program\+0x[0-9a-f]+ hit .* was (exposed|freed) at /\S*/program\+0x[0-9a-f]+'
                         r'( or \+0x[0-9a-f]+)+$', line), line


@test_if(SANITIZERS == 'none')
def handler_needs_little_stack(folder):
    assert 'which was exposed at' in dies(run('small-stack'))


@test_if(SANITIZERS == 'none')
def few_addresses_are_enough(folder):
    done = run('none', before=['sh', '-c', 'ulimit -v 1000000; exec "$@"', 'sh'])
    assert done.stdout == 'no mistake\n', done
    dies(run('write-after-expose', before=['sh', '-c', 'ulimit -v 1000000; exec "$@"', 'sh']))
    done = run('none', before=['sh', '-c', 'ulimit -v 100000; exec "$@"', 'sh'])
    assert done.returncode == 99 and 'coherent_device_open' in done.stderr, done


def unwritten(done):
    return [re.sub(r'\S*(driver\.c)', r'\1', line) for line in done.stderr.splitlines()
            if 'were not written' in line]


@test_if(SANITIZERS == 'none' and COMPILER == 'gcc')
def valgrind_tells_which_bytes_were_not_written(folder):
    if not shutil.which('valgrind'):
        raise Skip('valgrind is not installed')
    for site, done in both('leave-bytes', before=['valgrind', '-q', '--error-exitcode=9']):
        count, size = (1, 64) if site == ALLOCATED[1] else (100, 6400)
        assert not done.returncode, done
        assert unwritten(done) == [
            f'coherent: warning: sim:edu: 7 of {size} bytes of the box allocated at {site} were not '
            f'written before it was exposed at driver.c:808, from byte {count * 64 - 7} on'], done
    for _, done in both('none', before=['valgrind', '-q', '--error-exitcode=9'], COHERENT_HARDEN='0'):
        assert not done.returncode and not unwritten(done), done


@test_if(SANITIZERS == 'none')
def memory_sanitizer_tells_which_bytes_were_not_written(folder):
    if not shutil.which('clang'):
        raise Skip('clang is not installed')
    program = folder + '/program'
    subprocess.run(['clang', '-g', '-O1', '-fsanitize=memory', '-I', SOURCE + '/include',
                    SOURCE + '/tests/harden/program.c', LIBRARY, '-pthread', '-o', program],
                   check=True)
    for site, done in both('leave-bytes', program=program):
        assert not done.returncode and len(unwritten(done)) == 1, done
        assert f'7 of {64 if site == ALLOCATED[1] else 6400} bytes of the box' in unwritten(done)[0]


@test
def fields_that_are_read_twice_are_told(folder):
    with open(SOURCE + '/tests/harden/reads.c', encoding='utf-8') as file:
        wanted = [number for number, line in enumerate(file, 1) if line.endswith('/* again */\n')]
    done = run(program=READS)
    assert not done.returncode, done
    found = re.findall(r'warning: sim:edu: the driver read \d bytes? at byte \d+ of the mem allocated at '
                       r'\S*reads\.c:\d+ twice, at \S*reads\.c:(\d+) and at \S*reads\.c:(\d+), and the '
                       r'device may have changed them', done.stderr)
    assert [int(second) for _, second in found] == wanted, done.stderr
    assert all(first <= second for first, second in found), found
    assert not run(program=READS, COHERENT_HARDEN='0').stderr


def main():
    return run_tests(TESTS)


if __name__ == '__main__':
    sys.exit(main())
