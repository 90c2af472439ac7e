#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""A configuration that cannot work ends with one sentence: refuses.py SOURCE_DIR. Prints TAP.

Configures the library for another system, CPU, compiler and C library, and a project of CMake with
an installation that has lost a file or has headers of another version.
"""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Results  # noqa: E402

CROSS = """[binaries]
c = '{compiler}'
ar = 'ar'
[properties]
needs_exe_wrapper = true
[host_machine]
system = '{system}'
cpu_family = '{cpu}'
cpu = '{cpu}'
endian = 'little'
"""
# meson reads the version of a compiler from its macros.
OLD_GCC = """#!/bin/sh
case " $* " in
*" -dM "*) gcc "$@" | sed 's/__GNUC__ .*/__GNUC__ 11/' ;;
*) exec gcc "$@" ;;
esac
"""
UCLIBC = """#!/bin/sh
exec gcc -D__UCLIBC__=1 "$@"
"""
CONSUMER = """cmake_minimum_required(VERSION 3.20)
project(consumer C)
find_package(coherent CONFIG REQUIRED)
"""


def write(path, text, mode=0o644):
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def run(command):
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def check_meson(results, source, where):
    """Configure for machines and with compilers that the library does not support."""
    old = write(os.path.join(where, 'old-gcc'), OLD_GCC, 0o755)
    uclibc = write(os.path.join(where, 'uclibc-gcc'), UCLIBC, 0o755)
    for name, compiler, system, cpu, sentence in (
            ('another system', 'gcc', 'freebsd', 'x86_64',
             'libcoherent needs Linux, and this build is for freebsd'),
            ('another CPU', 'gcc', 'linux', 'arm',
             'libcoherent runs on x86_64, aarch64, s390x, riscv64, and this build is for arm'),
            ('an old compiler', old, 'linux', 'x86_64',
             'libcoherent needs gcc 12 or clang 14, or a newer one, and this compiler is gcc 11'),
            ('another C library', uclibc, 'linux', 'x86_64',
             'libcoherent needs glibc or musl, and this C library is uClibc')):
        cross = write(os.path.join(where, 'cross.txt'),
                      CROSS.format(compiler=compiler, system=system, cpu=cpu))
        status, out = run(['meson', 'setup', '--cross-file', cross, os.path.join(where, name), source])
        errors = [line for line in out.splitlines() if 'ERROR: ' in line]
        results.say(status and len(errors) == 1 and sentence in errors[0],
                    f'{name} is refused with one sentence', out[-2000:])


def check_standards(results, source, where):
    """Compile a program for several standards of C."""
    program = write(os.path.join(where, 'standard.c'), '#include <coherent.h>\nint x;\n')
    for compiler in ('gcc', 'clang'):
        for standard, wanted in (('c90', True), ('c99', True), ('gnu99', False), ('c11', False),
                                 ('gnu17', False)):
            status, out = run([compiler, f'-std={standard}', '-fsyntax-only', '-I',
                               os.path.join(source, 'include'), program])
            results.say(bool(status) == wanted and wanted ==
                        ('coherent: compile with -std=c11, -std=gnu11 or newer' in out),
                        f'{compiler} -std={standard} is {"refused" if wanted else "accepted"}', out)


def check_pointers(results, source, where):
    """Compile a program for another CPU. A compiler for that needs more packages."""
    program = write(os.path.join(where, 'pointers.c'), '#include <coherent.h>\nint x;\n')
    os.makedirs(os.path.join(where, 'stub', 'gnu'))
    write(os.path.join(where, 'stub', 'gnu', 'stubs-32.h'), '')
    status, out = run(['gcc', '-U__x86_64__', '-U__SIZEOF_POINTER__', '-D__SIZEOF_POINTER__=4',
                       '-fsyntax-only', '-I', os.path.join(source, 'include'),
                       '-I', os.path.join(where, 'stub'), program])
    results.say(status and out.count('error: #error') == 1 and '32-bit systems are not supported' in out,
                'pointers of 32 bits are refused with one sentence', out)


def check_lib64(results, source, where):
    """Install where Debian does not look, as meson does without dpkg-architecture."""
    for libdir in ('lib64', 'lib'):
        status, out = run(['meson', 'setup', os.path.join(where, 'in ' + libdir), source,
                           '-Dtests=disabled', f'--libdir={libdir}'])
        warned = 'do not find libraries in lib64: install dpkg-dev' in out
        wanted = libdir == 'lib64' and os.path.exists('/etc/debian_version')
        results.say(not status and warned == wanted,
                    f'meson {"warns" if wanted else "does not warn"} of {libdir}', out[-2000:])


def install(source, where):
    """Install the library. Returns the folder, or None and what was printed."""
    build, prefix = os.path.join(where, 'build'), os.path.join(where, 'prefix')
    for command in (['meson', 'setup', build, source, '-Dtests=disabled', '-Dexamples=disabled',
                     '-Dbench=disabled', '-Dcommand=disabled', '-Dfabric=disabled',
                     '-Dkernel-doc-check=disabled', f'--prefix={prefix}', '--libdir=lib'],
                    ['meson', 'install', '-C', build]):
        status, out = run(command)
        if status:
            return None, out
    return prefix, out


def check_cmake(results, source, where):
    """Damage an installation in two ways."""
    prefix, out = install(source, where)
    results.say(prefix, 'the library installs without optional parts', out)
    project = os.path.join(where, 'consumer')
    os.makedirs(project)
    write(os.path.join(project, 'CMakeLists.txt'), CONSUMER)
    configure = ['cmake', '-S', project, '-B', os.path.join(where, 'cmake'),
                 f'-DCMAKE_PREFIX_PATH={prefix}']
    status, out = run(configure)
    results.say(not status, 'a whole installation is found', out)
    version = os.path.join(prefix, 'include/coherent/version.h')
    with open(version, encoding='utf-8') as header:
        text = header.read()
    write(version, text.replace('COHERENT_VERSION_MAJOR ', 'COHERENT_VERSION_MAJOR 7'))
    status, out = run(configure)
    said = ' '.join(out.split())
    results.say(status and 'has headers of version 7' in said and 'install libcoherent again' in said,
                'headers of another version are refused', out)
    write(version, text)
    os.unlink(os.path.join(prefix, 'lib/libcoherent.a'))
    status, out = run(configure)
    said = ' '.join(out.split())
    results.say(status and 'libcoherent.a is missing: install libcoherent again' in said,
                'an installation without a file is refused', out)


def main():
    if len(sys.argv) != 2:
        print('usage: refuses.py SOURCE_DIR', file=sys.stderr)
        return 2
    results = Results()
    with tempfile.TemporaryDirectory() as where:
        check_meson(results, os.path.abspath(sys.argv[1]), where)
        check_pointers(results, os.path.abspath(sys.argv[1]), where)
        check_standards(results, os.path.abspath(sys.argv[1]), where)
        check_lib64(results, os.path.abspath(sys.argv[1]), where)
        check_cmake(results, os.path.abspath(sys.argv[1]), where)
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
