#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Check that `make install` installs everything and that it works.

usage: run.py SOURCE_DIR BUILD_DIR

Installs the build directory into a temporary folder. Prints TAP.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Results  # noqa: E402

# The checks of the macros name these functions, and nothing calls them.
UNCALLED = {'coherent_padding', 'coherent_takes', 'coherent_dot', 'coherent_index', 'coherent_number',
            'coherent_object', 'coherent_given'}
FUNCTION = re.compile(r'^(?!#|\s|typedef|COHERENT_(?:INLINE|OVERLOAD|IN_KERNEL))'
                      r'[^#\n;{}=]*?\b(coherent_\w+)\([^;{}]*\)\s*;', re.M)
MACRO = re.compile(r'^#define (coherent_(?!base_)\w+)\(', re.M)
# A build without the tests needs these.
PARTS = ('meson.build', 'meson_options.txt', 'include', 'src', 'command', 'examples', 'bench', 'tools')
STRICT = ['-std=gnu11', '-Wall', '-Wextra', '-Wpedantic', '-Werror', '-fsyntax-only', '-x', 'c']

LEAK = '''#include <coherent.h>
int leak(struct coherent_device *dev)
{
	COHERENT(int) mem = COHERENT_EMPTY;
	return coherent_zeroed(&mem, dev, 1);
}
'''
DRIVER = '''struct desc { int len; };
struct nic { struct desc *ring; dma_addr_t address; };
void start(struct nic *n)
{
	n->ring = dma_alloc_coherent(dev, 64, &n->address, GFP_KERNEL);
}
void stop(struct nic *n)
{
	dma_free_coherent(dev, 64, n->ring, n->address);
}
'''


def run_command(command, **env):
    """Runs a command. Returns its exit status and output."""
    done = subprocess.run(command, check=False, text=True, env=dict(os.environ, **env),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def files_below(top):
    return {os.path.relpath(os.path.join(where, name), top)
            for where, _, names in os.walk(top) for name in names}


def symbols(library, *flags):
    _, out = run_command(['nm', '-g', '--defined-only', *flags, library])
    names = {line.split()[-1].split('@')[0] for line in out.splitlines() if ' ' in line}
    return names - {'LIBCOHERENT_0.2'}


def without_comments(path):
    with open(path, encoding='utf-8') as header:
        return re.sub(r'/\*.*?\*/', '', header.read(), flags=re.S)


def check_programs(results, stage, libdir):
    """Builds a program with the flags of pkg-config, and with the static library."""
    program = os.path.join(stage, 'hello')
    source = os.path.join(HERE, 'hello.c')
    environment = {'PKG_CONFIG_SYSROOT_DIR': stage,
                   'PKG_CONFIG_PATH': os.path.join(libdir, 'pkgconfig')}
    code, flags = run_command(['pkg-config', '--cflags', '--libs', 'coherent'], **environment)
    code, out = run_command(['cc', source, '-o', program, *flags.split()])
    results.say(not code, 'a program can be built with the flags of pkg-config', flags + out)
    code, out = run_command([program], LD_LIBRARY_PATH=libdir)
    results.say(not code, 'the program runs', f'{code}: {out}')
    for compiler in ('g++', 'clang++'):
        code, out = run_command([compiler, '-std=c++17', os.path.join(HERE, 'hello.cpp'), '-o',
                                 program, *flags.split()])
        results.say(not code, f'{compiler} builds a program with the flags of pkg-config', out)
        code, out = run_command([program], LD_LIBRARY_PATH=libdir)
        results.say(not code, f'the program of {compiler} runs', f'{code}: {out}')
    _, flags = run_command(['pkg-config', '--cflags', '--libs', '--static', 'coherent'],
                           **environment)
    flags = flags.replace('-lcoherent', os.path.join(libdir, 'libcoherent.a'))
    code, out = run_command(['cc', source, '-o', program, *flags.split()])
    results.say(not code and not run_command([program])[0],
                'a program with the static library builds and runs', out)
    _, out = run_command(['nm', program])
    names = {line.split()[-1] for line in out.splitlines()}
    unused = [name for name in names if re.match(r'coherent_.*(pool|serve|loan)', name)]
    results.say('sim_open' in names and not unused,
                'a program has of the static library only what it uses', unused)


def check_uninstalled(results, stage, build_dir):
    """Builds a program with the flags of pkg-config for a library that is not installed."""
    program = os.path.join(stage, 'hello')
    folder = os.path.join(build_dir, 'meson-uninstalled')
    _, flags = run_command(['pkg-config', '--cflags', '--libs', 'coherent'],
                           PKG_CONFIG_PATH=folder)
    code, out = run_command(['cc', os.path.join(HERE, 'hello.c'), '-o', program, *flags.split()])
    results.say(not code, 'a program can be built before the install', flags + out)


def check_examples(results, source, stage, libdir):
    """Compiles the examples where nobody gives them the options of the build."""
    environment = {'PKG_CONFIG_SYSROOT_DIR': stage,
                   'PKG_CONFIG_PATH': os.path.join(libdir, 'pkgconfig')}
    _, flags = run_command(['pkg-config', '--cflags', 'coherent'], **environment)
    code, out = run_command(['cc', '-Wall', '-Werror', '-fsyntax-only', *flags.split(),
                             *glob.glob(os.path.join(source, 'examples', '*.c'))])
    results.say(not code, 'the examples compile with the flags of pkg-config', out)
    for path in sorted(glob.glob(os.path.join(source, 'examples', '*.c'))):
        with open(path, encoding='utf-8') as file:
            text = file.read()
        if not re.search(r'^int main\(', text, re.M):
            continue
        name = os.path.basename(path)
        # The examples that consist of several files say how they are built.
        named = re.search(r'^ \*\tcc -o (.*)', text, re.M)
        words = named[1] if named else f'x {name} $(pkg-config --cflags --libs coherent)'
        code, out = run_command(['sh', '-c', f'cd "$1/examples" && cc -o "$2"/{words}', 'sh',
                                 os.path.abspath(source), stage], **environment)
        results.say(not code, f'examples/{name} builds as it says', out)


def check_lint(results, stage, man):
    """Checks that the installed coherent-lint works, with the headers that were installed."""
    tool = glob.glob(os.path.join(stage, '**', 'bin', 'coherent-lint'), recursive=True)
    source = os.path.join(stage, 'leak.c')
    with open(source, 'w', encoding='utf-8') as file:
        file.write(LEAK)
    code, out = run_command([*tool, source, '--'])
    results.say(code == 1 and "mem 'mem' from coherent_zeroed() at line 5 is never freed" in out,
                'the installed coherent-lint finds a leak', out)
    code, out = run_command([*tool, os.path.join(HERE, 'hello.c'), '--'])
    results.say(not code and not out, 'it accepts a program', out)
    results.say(os.path.exists(os.path.join(man, 'man1', 'coherent-lint.1')), 'it has a man page')


def check_migrate(results, stage, man):
    """Checks that the installed coherent-migrate works. It needs Coccinelle."""
    tool = glob.glob(os.path.join(stage, '**', 'bin', 'coherent-migrate'), recursive=True)
    source = os.path.join(stage, 'driver.c')
    with open(source, 'w', encoding='utf-8') as file:
        file.write(DRIVER)
    code, out = run_command([*tool, 'table', source])
    results.say(not code and 'driver.c:5: n->ring: 64; line 9; simple' in out,
                'the installed coherent-migrate lists an allocation', out)
    code, out = run_command([*tool, 'bugs', source])
    results.say(not code and not out, 'it finds no bug', out)
    results.say(os.path.exists(os.path.join(man, 'man1', 'coherent-migrate.1')), 'it has a man page')


def check_command(results, stage, man):
    """Checks the installed command, which has no library beside it, its pages and its completion."""
    tool = glob.glob(os.path.join(stage, '**', 'bin', 'coherent'), recursive=True)
    code, out = run_command([*tool, 'selftest', 'sim:edu,step'])
    results.say(not code and 'All results are as expected.' in out,
                'the installed command coherent tests a device', out)
    code, out = run_command([*tool, 'lint', os.path.join(HERE, 'hello.c'), '--'])
    results.say(not code and not out, 'coherent lint runs the installed coherent-lint', out)
    code, out = run_command([*tool, '--complete'])
    pages = ['coherent.1'] + [f'coherent-{name}.1' for name in out.split() if name[0] != '-']
    missing = [page for page in pages if not os.path.exists(os.path.join(man, 'man1', page))]
    results.say(len(pages) > 5 and not missing, 'each of its subcommands has a man page', missing)
    script = glob.glob(os.path.join(stage, '**', 'completions', 'coherent'), recursive=True)
    code, out = run_command(['bash', '-c', '. "$1" && complete -p coherent', 'bash', *script])
    results.say(not code and '-F _coherent coherent' in out, 'bash completes it', out)


def check_symbols(results, headers, libdir):
    declared = {name for header in headers for name in FUNCTION.findall(without_comments(header))}
    declared -= UNCALLED
    for library, flags in (('libcoherent.so', ['-D']), ('libcoherent.a', [])):
        found = symbols(os.path.join(libdir, library), *flags)
        results.say(found == declared,
                    f'{library} exports all that the headers declare, and no more',
                    f'only there: {found - declared}\nonly declared: {declared - found}')


def check_headers(results, include, headers):
    for header in headers:
        name = os.path.relpath(header, include)
        for compiler in ('gcc', 'clang'):
            unit = f'#include <{name}>\n#include <{name}>\nextern int not_empty;\n'
            done = subprocess.run([compiler, *STRICT, '-I', include, '-'], input=unit, text=True,
                                  check=False, capture_output=True)
            results.say(not done.returncode, f'{compiler}: {name} compiles alone, and twice',
                        done.stderr)


def check_man(results, headers, man):
    pages = sorted(glob.glob(os.path.join(man, 'man*', '*')))
    wanted = {name for header in headers
              for pattern in (FUNCTION, MACRO) for name in pattern.findall(without_comments(header))
              if not re.search(r'/(mem|check|field|order|padding)\.h$', header)}
    have = {os.path.basename(page)[:-2] for page in pages}
    missing = {name for name in wanted if not name.startswith('coherent_base_')} - have
    results.say(not missing, 'each function and macro has a man page', missing)
    topics = {'coherent', 'coherent-devices', 'coherent-errors', 'coherent-qemu', 'coherent-sim'}
    results.say(topics <= have, 'each topic has a man page of section 7', topics - have)
    _, out = run_command(['groff', '-Kutf8', '-Tutf8', '-man', '-ww', '-z', *pages])
    results.say(pages and not out, f'groff does not warn about {len(pages)} pages', out)


def check_merged(results, source, libdir):
    """Checks that a program needs no option for a static library made with -flto."""
    program = os.path.join(libdir, 'hello')
    code, out = run_command(['cc', '-I', os.path.join(source, 'include'),
                             os.path.join(HERE, 'hello.c'), '-o', program,
                             os.path.join(libdir, 'libcoherent.a'), '-pthread'])
    results.say(not code and not run_command([program])[0],
                'a program with that static library builds and runs', out)


def copy_sources(source, folder):
    """Copies what a build without the tests needs into a new folder. Returns the folder."""
    os.makedirs(folder)
    for name in PARTS:
        run_command(['cp', '-r', os.path.join(source, name), folder])
    return folder


def build(source, where, *options):
    """Builds the libraries from a copy of the sources in another folder. Returns their bytes."""
    tree = copy_sources(source, os.path.join(where, 'tree'))
    run_command(['meson', 'setup', os.path.join(tree, 'b'), tree, '-Dtests=disabled', *options])
    code, out = run_command(['ninja', '-C', os.path.join(tree, 'b'), 'src/libcoherent.a',
                             'src/libcoherent.so.0.2.0'])
    bytes_of = {}
    for name in ('libcoherent.a', 'libcoherent.so.0.2.0'):
        path = os.path.join(tree, 'b', 'src', name)
        if not code:
            with open(path, 'rb') as library:
                bytes_of[name] = library.read()
    return bytes_of, out


def main():
    if len(sys.argv) != 3:
        print('usage: run.py SOURCE_DIR BUILD_DIR', file=sys.stderr)
        return 2
    source, build_dir = sys.argv[1:]
    results = Results()
    with tempfile.TemporaryDirectory() as stage:
        code, out = run_command(['meson', 'install', '-C', build_dir, '--no-rebuild', '--quiet',
                                 '--destdir', stage])
        results.say(not code, 'the install succeeds', out)
        (include,) = glob.glob(os.path.join(stage, '**', 'include'), recursive=True)
        (archive,) = glob.glob(os.path.join(stage, '**', 'libcoherent.a'), recursive=True)
        libdir = os.path.dirname(archive)
        man = os.path.join(os.path.dirname(include), 'share', 'man')
        headers = sorted(glob.glob(os.path.join(include, '**', '*.h'), recursive=True))
        results.say(files_below(include) == files_below(os.path.join(source, 'include')) -
                    {'meson.build'}, 'all headers are installed', files_below(include))
        check_programs(results, stage, libdir)
        check_uninstalled(results, stage, build_dir)
        check_examples(results, source, stage, libdir)
        check_symbols(results, headers, libdir)
        check_headers(results, include, headers)
        check_lint(results, stage, man)
        check_migrate(results, stage, man)
        check_command(results, stage, man)
        check_man(results, headers, man)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        first, out = build(source, os.path.join(one, 'a'))
        # A packager has other compilers and other options than the tests.
        second, warned = build(source, os.path.join(two, 'elsewhere', 'b'), '-Dc_args=-Wpadded')
        for name in ('libcoherent.a', 'libcoherent.so.0.2.0'):
            results.say(name in first and first[name] == second.get(name),
                        f'{name} is the same if it is built in another folder', out)
        results.say(second and '-Wpadded' in warned, 'a warning does not stop the build', warned)
        merged, out = build(source, os.path.join(one, 'merged'), '-Db_lto=true', '-Dwerror=true')
        results.say(merged, 'the libraries build with link-time optimisation', out)
        check_merged(results, source, os.path.join(one, 'merged', 'tree', 'b', 'src'))
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
