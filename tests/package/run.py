#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Build the packages for Debian in a chroot, and install, use, upgrade and remove them in another.

usage: run.py SOURCE_DIR [ubuntu]

make deb in a bare chroot says what to install. With just that it builds the packages, twice the same
in two folders, and lintian accepts them. In the other chroot the tools run with what their package
depends on. The packages of the version before this one are installed there, and projects of CMake,
Meson and a plain compiler use them. After an upgrade they do so again, and after a purge no file is
left. The documentation has no dead link. Modules are built, but not loaded. With "ubuntu" the chroots
are of Ubuntu, where the packages are built once, installed and used. Prints TAP.
"""
import glob
import hashlib
import os
import re
import shutil
import sys
import tempfile

from chroot import Chroot, Failed, OutOfReach, copy_tree, previous, run_test
# chroot.py knows where this is.
from tap import read

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '../site'))

from links import dead_links, pages_of  # noqa: E402

PACKAGES = ('libcoherent0', 'libcoherent-dev', 'coherent-tools', 'coherent-dkms', 'libcoherent-doc')
TOOLS = ('coherent-tools',)
# A developer of drivers has these, and the headers of the kernel.
USERS = ('gcc', 'libc6-dev', 'cmake', 'meson', 'pkg-config')
# dkms makes these for itself when it builds the first module.
OF_DKMS = re.compile(r'var/lib/dkms/mok\.(key|pub)$')


def make_deb(chroot, tree):
    """Builds packages from a tree in a chroot. Returns the output, and the files by their names."""
    out = os.path.join(tree, 'build/deb')
    _, told = chroot.run(os.path.join(tree, 'tools/deb'))
    return told, {os.path.basename(path): path for path in glob.glob(out + '/*coherent*_*')}


def digests(made):
    """Returns the hash of each file that must not depend on the folder of the build."""
    found = {}
    for name, path in made.items():
        if name.endswith(('.deb', '.dsc', '.tar.xz')):
            with open(path, 'rb') as file:
                found[name] = hashlib.sha256(file.read()).hexdigest()
    return found


def check_first_build(results, source, chroot, work):
    """Builds the packages in a bare chroot. Returns them."""
    tree = copy_tree(source, os.path.join(work, 'one', 'tree'))
    code, told = chroot.run(os.path.join(tree, 'tools/deb'))
    results.say(code == 2 and told.count('\n') == 1 and not os.path.exists(tree + '/build'),
                'a bare system: make deb says in one line what to install', told)
    chroot.install(*told.partition('apt-get install ')[2].split())
    told, made = make_deb(chroot, tree)
    ours = [name for name in PACKAGES if any(path.startswith(name + '_') for path in made)]
    results.say(list(PACKAGES) == ours, 'make deb builds all packages with just that', told)
    if list(PACKAGES) != ours:
        raise Failed('there are no packages to install')
    return made


def check_build(results, source, chroot, work):
    """Builds the packages. Returns those of this version and of the one before."""
    source = copy_tree(source, os.path.join(work, 'source'))
    made = check_first_build(results, source, chroot, work)
    other = copy_tree(source, os.path.join(work, 'two', 'in', 'another', 'folder'))
    told, again = make_deb(chroot, other)
    one, two = digests(made), digests(again)
    results.say(one == two and len(one) > len(PACKAGES),
                f'{len(one)} files are the same if they are built in another folder',
                f'{sorted(set(one.items()) ^ set(two.items()))}\n{told}')
    chroot.install('lintian')
    [changes] = [path for name, path in made.items() if name.endswith('.changes')]
    code, told = chroot.run('lintian', '--allow-root', '--fail-on', 'error,warning', changes)
    results.say(not code, 'lintian has no complaint about the source and the packages', told)
    old = copy_tree(source, os.path.join(work, 'old'), previous)
    told, before = make_deb(chroot, old)
    return made, before


def debs(made, packages=PACKAGES):
    return [path for name, path in sorted(made.items())
            if name.endswith('.deb') and name.split('_')[0] in packages]


def depends(chroot, made, packages):
    """Installs what packages depend on besides each other."""
    for path in debs(made, packages):
        _, told = chroot.run('dpkg-deb', '-f', path, 'Depends')
        wanted = [one.strip() for one in told.split(',') if one.strip() and 'coherent' not in one]
        code, out = chroot.apt('satisfy', ', '.join(wanted)) if wanted else (0, '')
        if code:
            raise OutOfReach('apt-get satisfy in a chroot: ' + out.strip().splitlines()[-1])


def check_tools(results, chroot, made):
    """Runs the tools in the bare chroot, with only what their package depends on."""
    depends(chroot, made, TOOLS)
    code, told = chroot.run('dpkg', '-i', *debs(made, TOOLS))
    for command in ('coherent selftest sim:edu,step', 'coherent-lint --version',
                    'coherent-migrate --version'):
        code, told = (code, told) if code else chroot.run(*command.split())
        results.say(not code, f'{command} needs no more than its package depends on', told)
    chroot.run('dpkg', '--purge', *TOOLS)


def check_projects(results, chroot, work, title, number):
    """Builds programs with the version that is installed, and runs them."""
    with tempfile.TemporaryDirectory(dir=work) as where:
        shutil.copytree(os.path.join(HERE, '../install/consumer'), where, dirs_exist_ok=True)
        shutil.copy(os.path.join(HERE, '../install/hello.c'), where)
        # The project asks for this version, and the chroot may have the version before.
        path = os.path.join(where, 'CMakeLists.txt')
        text = read(path)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(re.sub(r'(find_package\(coherent) [\d.]+', r'\1 ' + number, text))
        for name, script in (
                ('a CMake project', 'cmake -S . -B c && cmake --build c && c/hello && c/hello-static'),
                ('a Meson project', 'meson setup m && meson compile -C m && m/hello'),
                ('a plain program', 'cc hello.c -o hello -lcoherent && ./hello'),
                ('pkg-config', 'cc $(pkg-config --cflags coherent) hello.c -o hello '
                               '$(pkg-config --libs coherent) && ./hello'),
                ('an example', 'cc /usr/share/doc/libcoherent-dev/examples/chain.c -o chain -lcoherent '
                               '&& ./chain'),
                ('coherent-lint', 'coherent-lint hello.c --'),
                ('the command coherent', 'coherent selftest sim:edu,step')):
            code, told = chroot.run('sh', '-ec', script, cwd=where)
            results.say(not code, f'{title}: {name} works', told)


def check_modules(results, chroot, title, wanted):
    """Checks that DKMS built one module, of one version, and knows no other version."""
    [kernel] = os.listdir(os.path.join(chroot.root, 'lib/modules'))
    chroot.run('dkms', 'autoinstall', '-k', kernel)
    _, told = chroot.run('dkms', 'status')
    built = {os.path.basename(path).split('.')[0] for path in glob.glob(
        os.path.join(chroot.root, 'lib/modules', kernel, 'updates/**/*.ko*'), recursive=True)}
    versions = set(re.findall(r'^libcoherent/([\d.]+), .*: installed', told, re.M))
    results.say(built == {'libcoherent'} and versions == {wanted} and
                len(told.splitlines()) == 1, f'{title}: dkms builds the module for {kernel}',
                f'{built}\n{told}')


def check_documents(results, chroot):
    """Checks that each link of the documentation leads to a file of its package."""
    site = os.path.join(chroot.root, 'usr/share/doc/libcoherent-doc/html')
    pages = pages_of(site)
    dead = list(dead_links(site, pages))
    results.say(len(pages) > 100 and not dead, f'the {len(pages)} pages have no dead link', dead)


def check_life(results, chroot, work, made, before):
    """Installs the packages of a version, upgrades them to this one and removes them."""
    chroot.install(*USERS, 'linux-headers-amd64')
    depends(chroot, made, PACKAGES)
    [kernel] = os.listdir(os.path.join(chroot.root, 'lib/modules'))
    chroot.run('depmod', kernel)
    clean = chroot.files()
    program = os.path.join(work, 'hello')
    hello = os.path.join(work, 'hello.c')
    shutil.copy(os.path.join(HERE, '../install/hello.c'), hello)
    for title, packages in (('before', before), ('after the upgrade', made)):
        code, told = chroot.run('dpkg', '-i', *debs(packages))
        number = debs(packages)[0].split('_')[1]
        results.say(not code and 'warning' not in told, f'{title}: {number} is installed', told)
        check_projects(results, chroot, work, title, number)
        check_modules(results, chroot, title, number)
        check_documents(results, chroot)
        if packages is before:
            chroot.run('cc', hello, '-o', program, '-lcoherent')
        code, told = chroot.run(program)
        results.say(not code, f'{title}: a program built with the version before runs', told)
        libraries = [os.path.basename(path) for path in glob.glob(
            os.path.join(chroot.root, 'usr/lib/*/libcoherent.so.*.*'))]
        results.say(libraries == ['libcoherent.so.' + number], f'{title}: there is one library', libraries)
    code, told = chroot.run('dpkg', '--remove', *PACKAGES)
    left = {path for path in chroot.files() - clean if not OF_DKMS.search(path)}
    results.say(not code and 'warning' not in told and not left, 'a removal leaves no file', f'{told}{left}')
    code, told = chroot.run('dpkg', '--purge', *PACKAGES)
    left = {path for path in chroot.files() - clean if not OF_DKMS.search(path)}
    lost = clean - chroot.files()
    results.say(not code and not left and not lost, 'a purge leaves all files as they were before',
                f'{told}left: {left}\nlost: {lost}')


def check_ubuntu(results, chroot, work, made):
    """Installs the packages and uses them."""
    chroot.install(*USERS, 'linux-headers-generic')
    depends(chroot, made, PACKAGES)
    code, told = chroot.run('dpkg', '-i', *debs(made))
    results.say(not code and 'warning' not in told, 'the packages are installed', told)
    number = debs(made)[0].split('_')[1]
    check_projects(results, chroot, work, 'Ubuntu', number)
    check_modules(results, chroot, 'Ubuntu', number)
    check_documents(results, chroot)


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ['ubuntu']):
        print('usage: run.py SOURCE_DIR [ubuntu]', file=sys.stderr)
        return 2
    source = os.path.abspath(sys.argv[1])
    is_ubuntu = len(sys.argv) == 3

    def check(results, base, work):
        builder = Chroot(base, work, 'builder')
        user = Chroot(base, work, 'user')
        if is_ubuntu:
            made = check_first_build(results, source, builder, work)
            check_tools(results, user, made)
            check_ubuntu(results, user, work, made)
        else:
            made, before = check_build(results, source, builder, work)
            check_tools(results, user, made)
            check_life(results, user, work, made, before)

    return run_test('the packages', check, is_ubuntu)


if __name__ == '__main__':
    sys.exit(main())
