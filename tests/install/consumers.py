#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Check that programs can use an install in each usual way, and that it refuses ignored results.

usage: consumers.py SOURCE_DIR

The script installs the library with several prefixes. A project in consumer/ finds it with
pkg-config, with find_package() of CMake, or has it as a subproject of Meson. gcc and clang build
hello.c there, and must refuse ignored.c. How a compiler finds the headers must be one of the
layouts in which tests/compile_fail compiles all of its cases. Prints TAP.
"""
import json
import os
import re
import shlex
import shutil
import sys
import tempfile

from run import copy_sources, run_command

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Results  # noqa: E402

COMPILERS = ('gcc', 'clang')
SYSTEM = ('/usr', '/usr/local')
LAYOUTS = ('-I', '-isystem', '/usr/include', '/usr/local/include')
CALL = re.compile(r'^\tcoherent_', re.M)
# A project asks for one of these. The value is whether it gets version 0.2.0.
VERSIONS = {'': True, '0.1': False, '0.1.9': False, '0.2': True, '0.2.0 EXACT': True,
            '0.2.1': False, '0.3': False, '1.0': False, '99': False,
            '0.1...0.2': True, '0.2...<1': True, '0.1...<0.2.0': False, '0.3...1': False}


def call_lines():
    """Returns the numbers of the lines of ignored.c that must be an error."""
    with open(os.path.join(HERE, 'consumer/ignored.c'), encoding='utf-8') as file:
        return {number for number, line in enumerate(file, 1) if CALL.match(line)}


def refused(out):
    """Returns whether a compiler refused each ignored result."""
    return call_lines() == {int(line) for line in re.findall(
        r'ignored\.c:(\d+):\d+: error: ignoring return value', out)}


def project(folder):
    """Copies the project of a user to a new folder."""
    shutil.copytree(os.path.join(HERE, 'consumer'), folder)
    shutil.copy(os.path.join(HERE, 'hello.c'), folder)
    return folder


def link_missing(source, target):
    """Makes links in a folder, so that it also has what another folder has."""
    for entry in os.scandir(source):
        path = os.path.join(target, entry.name)
        if not os.path.lexists(path):
            os.symlink(entry.path, path)
        elif entry.is_dir() and not os.path.islink(path):
            link_missing(entry.path, path)


class Install:
    """The library, installed with a prefix. A prefix of the system is in a root of its own."""

    def __init__(self, build, prefix, folder):
        self.prefix = prefix
        self.system = prefix in SYSTEM
        self.root = stage = os.path.join(folder, 'stage')
        for command in (['meson', 'configure', build, f'-Dprefix={prefix}'],
                        ['ninja', '-C', build],
                        ['meson', 'install', '-C', build, '--no-rebuild', '--destdir', stage]):
            code, out = run_command(command)
            if code:
                sys.exit(f'{shlex.join(command)}: {out}')
        if not self.system:
            # Only relative paths are still right if somebody moves the tree.
            self.root = os.path.join(folder, 'moved')
            shutil.move(stage + prefix, self.root)
        files = {name: os.path.join(where, name) for where, _, names in os.walk(self.root)
                 for name in names}
        self.include = os.path.dirname(files['coherent.h'])
        self.libdir = os.path.dirname(files['libcoherent.a'])
        self.flags = [f'--sysroot={self.root}'] if self.system else []
        if self.system:
            for name in ('include', 'lib', 'lib64', 'local/include'):
                os.makedirs(os.path.join(stage, 'usr', name), exist_ok=True)
                if os.path.exists(os.path.join('/usr', name)):
                    link_missing(os.path.join('/usr', name), os.path.join(stage, 'usr', name))
            for name in ('lib', 'lib64'):
                os.symlink('usr/' + name, os.path.join(stage, name))

    def layout(self, words):
        """Returns the layout of tests/compile_fail that a compiler with these flags has."""
        if self.system:
            # gcc and clang ignore -I for a folder that they search anyway.
            return 'none' if '-isystem' in words else self.prefix + '/include'
        return layout_of(words, self.include)


def layout_of(words, include):
    """Returns the flag by which a compiler finds the headers in a folder."""
    pairs = [('-I', word[2:]) for word in words if word.startswith('-I')]
    pairs += [(word, path) for word, path in zip(words, words[1:]) if word == '-isystem']
    return next((flag for flag, path in pairs
                 if os.path.realpath(path) == os.path.realpath(include)), 'none')


def flags_of(build, source):
    """Returns the words of the command that compiles a source in a build folder."""
    with open(os.path.join(build, 'compile_commands.json'), encoding='utf-8') as file:
        (entry,) = [entry for entry in json.load(file) if entry['file'].endswith(source)]
    return [word.replace('-I', '-I' + entry['directory'] + '/') if word.startswith('-I.') else word
            for word in shlex.split(entry['command'])]


def judge(results, title, hello, ignored, layout):
    """Prints the results of a way. hello and ignored are pairs of exit status and output."""
    results.say(not hello[0], f'{title}: a program builds and runs', hello[1])
    results.say(ignored[0] and refused(ignored[1]), f'{title}: each ignored result is refused',
                ignored[1])
    results.say(layout in LAYOUTS, f'{title}: tests/compile_fail has this layout', layout)


def check_pkg_config(results, install, compiler, folder):
    """Builds with the flags of pkg-config."""
    options = [] if install.system else ['--define-variable=prefix=' + install.root]
    _, flags = run_command(['pkg-config', *options, '--cflags', '--libs', 'coherent'],
                           PKG_CONFIG_SYSROOT_DIR=install.root if install.system else '',
                           PKG_CONFIG_LIBDIR=os.path.join(install.libdir, 'pkgconfig'))
    words = [*install.flags, *flags.split()]
    program = os.path.join(folder, 'hello')
    hello = run_command([compiler, os.path.join(folder, 'hello.c'), '-o', program, *words])
    if not hello[0]:
        hello = run_command([program], LD_LIBRARY_PATH=install.libdir)
    ignored = run_command([compiler, os.path.join(folder, 'ignored.c'), '-c', '-o', '/dev/null',
                           *words])
    judge(results, f'{compiler}, pkg-config, {install.prefix}', hello, ignored,
          install.layout(words))


def check_cmake(results, install, compiler, folder):
    """Builds with find_package(), with the shared and with the static library."""
    build = os.path.join(folder, 'cmake')
    where = f'-DCMAKE_{"SYSROOT" if install.system else "PREFIX_PATH"}={install.root}'
    hello = run_command(['cmake', '-S', folder, '-B', build, where,
                         '-DCMAKE_EXPORT_COMPILE_COMMANDS=ON', f'-DCMAKE_C_COMPILER={compiler}'])
    for command in (['cmake', '--build', build], [os.path.join(build, 'hello')],
                    [os.path.join(build, 'hello-static')]):
        hello = hello if hello[0] else run_command(command, LD_LIBRARY_PATH=install.libdir)
    ignored = run_command(['cmake', '--build', build, '--target', 'ignored'], LC_ALL='C')
    layout = 'none' if hello[0] else install.layout(flags_of(build, 'ignored.c'))
    judge(results, f'{compiler}, find_package(), {install.prefix}', hello, ignored, layout)


def check_versions(results, install, folder):
    """Asks for versions of the library."""
    for version, found in VERSIONS.items():
        with open(os.path.join(folder, 'CMakeLists.txt'), 'w', encoding='utf-8') as file:
            file.write('cmake_minimum_required(VERSION 3.19)\nproject(version NONE)\n'
                       f'find_package(coherent {version} REQUIRED)\n')
        code, out = run_command(['cmake', '-S', folder, '-B', os.path.join(folder, 'build'),
                                 f'-Dcoherent_DIR={install.libdir}/cmake/coherent'])
        results.say(not code if found else code and 'version: 0.2.0' in out,
                    f'find_package(coherent {version}) is {"found" if found else "refused"}', out)


def check_static(results, build, top):
    """Installs the static library only. Returns the install."""
    run_command(['meson', 'configure', build, '-Ddefault_library=static'])
    install = Install(build, '/opt/static', top)
    shared = [name for _, _, names in os.walk(install.root) for name in names if '.so' in name]
    results.say(not shared, 'with default_library=static no shared library is installed', shared)
    return install


def check_subproject(results, tree, compiler, folder, *options):
    """Builds as a subproject of Meson, from sources without an install."""
    build = os.path.join(folder, 'meson')
    sources = os.path.join(folder, 'subprojects', 'libcoherent')
    os.makedirs(os.path.dirname(sources))
    shutil.copytree(tree, sources)
    hello = run_command(['meson', 'setup', '--wrap-mode=forcefallback', *options, build, folder],
                        CC=compiler)
    results.say(re.search(r'man pages +: no: not in a subproject$', hello[1], re.M),
                f'{compiler}: the summary of a subproject asks for no package for man pages', hello[1])
    for command in (['ninja', '-C', build, 'hello'], [os.path.join(build, 'hello')]):
        hello = hello if hello[0] else run_command(command)
    ignored = run_command(['ninja', '-C', build, 'libignored.a'], LC_ALL='C')
    layout = 'none' if hello[0] else layout_of(flags_of(build, 'ignored.c'),
                                               os.path.join(sources, 'include'))
    judge(results, ' '.join([compiler + ', a subproject of Meson', *options]), hello, ignored, layout)
    _, out = run_command(['readelf', '-d', os.path.join(build, 'hello')])
    results.say(('libcoherent.so' in out) == (not options),
                f'{compiler}: the program {"has" if options else "loads"} the library of a subproject',
                out)
    _, out = run_command(['meson', 'introspect', '--installed', build])
    names = json.loads(out[out.index('{'):]).values()
    more = [name for name in names if not re.search(r'/(include|lib\S*)/', name)]
    results.say(names and not more, f'{compiler}: a subproject installs only the library', more)


def check_detours(results, install, compiler, folder):
    """Lets the compiler read the program in other ways than at once from its source."""
    source = os.path.join(folder, 'ignored.c')
    header = os.path.join(folder, 'all.h')
    compiled = os.path.join(folder, 'all.h.gch')
    text = os.path.join(folder, 'ignored.i')
    flags = ['-isystem', install.include]
    with open(header, 'w', encoding='utf-8') as file:
        file.write('#include <coherent.h>\n#include <coherent/bar.h>\n')
    run_command([compiler, *flags, '-x', 'c-header', header, '-o', compiled])
    run_command([compiler, *flags, '-E', source, '-o', text])
    use = ['-Winvalid-pch', '-include', header] if compiler == 'gcc' else ['-include-pch', compiled]
    for title, command in (('a precompiled header', [compiler, *flags, *use, source]),
                           ('a preprocessed source', [compiler, text]),
                           ('-save-temps', [compiler, *flags, '-save-temps=obj', source]),
                           ('ccache', ['ccache', compiler, *flags, source]),
                           ('ccache again', ['ccache', compiler, *flags, source])):
        code, out = run_command([*command, '-c', '-o', os.path.join(folder, 'ignored.o')],
                                CCACHE_DIR=os.path.join(folder, 'ccache'))
        results.say(code and refused(out), f'{compiler}, {title}: each ignored result is refused',
                    out)


def main():
    if len(sys.argv) != 2:
        print('usage: consumers.py SOURCE_DIR', file=sys.stderr)
        return 2
    results = Results()
    with tempfile.TemporaryDirectory() as top:
        tree = copy_sources(sys.argv[1], os.path.join(top, 'tree'))
        build = os.path.join(top, 'build')
        others = [f'-D{part}=disabled' for part in ('tests', 'command', 'examples', 'bench')]
        run_command(['meson', 'setup', *others, build, tree])
        count = 0

        def new_project():
            nonlocal count
            count += 1
            return project(os.path.join(top, f'project{count}'))

        for number, prefix in enumerate(('/opt/coherent', *SYSTEM)):
            install = Install(build, prefix, os.path.join(top, f'install{number}'))
            for compiler in COMPILERS:
                check_pkg_config(results, install, compiler, new_project())
                check_cmake(results, install, compiler, new_project())
                if not install.system:
                    check_detours(results, install, compiler, new_project())
            if not install.system:
                check_versions(results, install, new_project())
        for compiler in COMPILERS:
            check_subproject(results, tree, compiler, new_project())
        install = check_static(results, build, os.path.join(top, 'static'))
        check_pkg_config(results, install, 'gcc', new_project())
        check_cmake(results, install, 'gcc', new_project())
        check_subproject(results, tree, 'gcc', new_project(), '-Ddefault_library=static')
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
