#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""migrate finds planted bugs and converts drivers that still compile: run.py SOURCE_DIR. Prints TAP.

In bad.c a comment "want:" has a part of the finding that the next line must get. In refused.c, and
in the files of left/, a comment "left:" has a part of the reason why stage1 leaves the allocation
of the next line. In a file of left/ the reason can hold for each field of the file.
The driver and the examples of docs/migrate.md are compiled with the headers of Debian's Linux 6.1,
before and after the conversion.
"""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE_DIR = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(SOURCE_DIR, name) for name in ('tests', 'tests/vm')]

import kernels  # noqa: E402
from archive import Failed, OutOfReach  # noqa: E402
from tap import Results, read  # noqa: E402

TOOL = os.path.join(SOURCE_DIR, 'tools/migrate')
BLOCK = re.compile(r'^```(\w+) (\S+)\n(.*?)^```$', re.M | re.S)


def run(*arguments, where=HERE, env=None):
    return subprocess.run([sys.executable, TOOL, *arguments], cwd=where, check=False,
                          capture_output=True, text=True, env=env)


def marked(name, mark):
    """Return {line: text} of the comments in a file that belong to the line after them."""
    with open(os.path.join(HERE, name), encoding='utf-8') as file:
        return {number + 1: text for number, line in enumerate(file, 1)
                for text in re.findall(rf'/\* {mark}: (.*) \*/', line)}


def judge(results, name, wanted, found):
    """Compare {line: a part of a text} with {line: text}."""
    for line, text in sorted(wanted.items()):
        results.say(text in found.get(line, ''), f'{name}:{line}: {text}', found.get(line, 'nothing'))
    others = {line: text for line, text in found.items() if line not in wanted}
    results.say(wanted and not others, f'{name}: nothing else', str(others))


def bugs(results):
    done = run('bugs', '--json', 'bad.c')
    found = {each['line']: f'{each["rule"]}: ' + re.sub(r'\bline \d+', 'line N', each['message'])
             for each in json.loads(done.stdout or '[]')}
    judge(results, 'bugs: bad.c', marked('bad.c', 'want'), found)
    results.say(done.returncode == 1 and not done.stderr, 'bugs: the exit status is 1', done.stderr)
    text = run('bugs', 'bad.c').stdout.splitlines()
    results.say(len(text) == len(found) and all(re.match(r'bad\.c:\d+: \w+: ', line) for line in text),
                'bugs: each finding is a line', '\n'.join(text))
    done = run('bugs', 'good.c')
    results.say(not done.returncode and not done.stdout + done.stderr, 'bugs: nothing in good.c',
                done.stdout + done.stderr)
    with tempfile.TemporaryDirectory() as where:
        write(where, 'main.c', 'struct d { int len, own; };\nstruct n { struct d *r; };\n'
              'void f(struct n *n)\n{\n\tn->r = dma_alloc_coherent(n, 8, n, 0);\n}\n')
        write(where, 'tx.c', 'void g(struct d *d)\n{\n\td->len = 1;\n\td->own = 1;\n}\n')
        done = run('bugs', '.', where=where)
    results.say(done.returncode == 1 and done.stdout.startswith('tx.c:4: own:'),
                'bugs: a folder stands for the files beside those that allocate', done.stdout)


def table(results):
    rows = json.loads(run('table', '--json', 'driver').stdout)
    into = {row['into']: row for row in rows}
    results.say(len(rows) == 8, 'table: it lists each allocation of the driver', str(list(into)))
    row = into.get('ring->desc', {})
    results.say((row.get('file'), row.get('size'), row.get('simple'), len(row.get('freed', []))) ==
                ('driver/main.c', 'count * sizeof(*ring->desc)', True, 3),
                'table: a row has the file, the size and the frees', str(row))
    results.say(into['rings->managed']['freed'] == 'devres', 'table: devres frees a managed one')
    row = into['rings->pages.page[i][k]']
    results.say(not row['simple'] and 'does not free it' in row['why'],
                'table: a row says why an allocation is not simple', str(row))
    done = run('table', 'driver')
    results.say(not done.returncode and done.stdout.splitlines()[-1] == '8 allocations in 2 files, '
                '7 simple; all of them simple in 1 file', 'table: the last line counts',
                done.stdout)
    with tempfile.TemporaryDirectory() as where:
        write(where, 'one.c', 'void f(struct n *n)\n{\n\tn->r = dma_alloc_coherent(n, 8, n, 0);\n}\n')
        done = run('table', 'one.c', where=where)
    results.say(done.stdout.splitlines()[-1:] == ['1 allocation in 1 file, 0 simple; '
                                                  'all of them simple in 0 files'],
                'table: the last line has no plural for one', done.stdout)


def refused(results):
    done = run('stage1', 'refused.c', 'left')
    names = ['refused.c'] + [f'left/{name}' for name in sorted(os.listdir(os.path.join(HERE, 'left')))]
    for name in names:
        found = {int(line): re.sub(r'\bin line \d+', 'in line N', text) for line, text in
                 re.findall(rf'^migrate: {re.escape(name)}:(\d+): left as it is: (.*)$', done.stderr, re.M)}
        judge(results, f'stage1: {name}', marked(name, 'left'), found)
    results.say(done.returncode == 1 and not done.stdout,
                'stage1: no patch, and the exit status is 1', done.stdout)


def shared(results, where):
    """A source beside the one that allocates gives the pages of a field to a process."""
    write(where, 'n.h', 'struct d { int len; };\nstruct n { struct d *r; dma_addr_t h; };\n')
    write(where, 'main.c', '#include "n.h"\nvoid f(struct n *n)\n{\n\tn->r = dma_alloc_coherent(n, 8, &n->h, 0);'
          '\n}\nvoid g(struct n *n)\n{\n\tdma_free_coherent(n, 8, n->r, n->h);\n}\n')
    write(where, 'char.c', '#include "n.h"\nint m(struct n *n, struct vm_area_struct *vma)\n{\n'
          '\treturn dma_mmap_wc(n, vma, n->r, n->h, 8);\n}\n')
    done = run('stage1', '.', where=where)
    results.say(done.returncode == 1 and not done.stdout and 'main.c:4: left as it is: char.c: line 4 gives '
                'the pointer to dma_mmap_wc()' in done.stderr,
                'stage1: it reads the sources beside that give pages to a process', done.stdout + done.stderr)


def write(where, name, text, encoding='utf-8'):
    path = os.path.join(where, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding=encoding) as file:
        file.write(text)


def usage(results, where):
    def said(name, text, *arguments, env=None):
        done = run(*arguments, where=where, env=env)
        results.say(done.returncode == 2 and not done.stdout and text in done.stderr and
                    done.stderr.count('\n') == 1, f'usage: {name} is refused in a line',
                    f'{done.returncode} {done.stdout} {done.stderr}')

    done = run('--help')
    results.say(not done.returncode and done.stdout.startswith('Usage: migrate table|bugs [--json] PATH'),
                'usage: --help prints the commands', done.stderr)
    os.symlink(os.path.join(SOURCE_DIR, 'tools/migrate'), os.path.join(where, 'coherent-migrate'))
    done = [subprocess.run([os.path.join(where, 'coherent-migrate'), *words], check=False, text=True,
                           capture_output=True) for words in (['--help'], ['stage2'])]
    results.say(done[0].stdout.startswith('Usage: coherent-migrate table|bugs [--json] PATH...\n'
                                          '       coherent-migrate stage1 PATH...\n') and
                done[1].stderr.endswith('see coherent-migrate --help\n'),
                'usage: the command has the name by which it was called', str(done))
    with open(os.path.join(SOURCE_DIR, 'meson.build'), encoding='utf-8') as text:
        version = re.search(r"version: '(.*)'", text.read())[1]
    results.say(run('--version').stdout == f'coherent-migrate {version}\n',
                'usage: --version is that of the library')
    write(where, 'a.c', 'int a;\n')
    write(where, 'b.md', 'text\n')
    os.mkdir(os.path.join(where, 'empty'))
    said('no command', 'the command is missing')
    said('an unknown command', 'stage2 is not a command', 'stage2', 'a.c')
    said('an unknown option', 'unknown option --jsn', 'table', '--jsn', 'a.c')
    said('no file', 'table needs a file or a folder', 'table')
    said('a missing file', 'none.c: there is no such file or folder', 'bugs', 'none.c')
    said('a file that is not C', 'b.md is not a C source file', 'table', 'b.md')
    said('a folder without C files', 'empty has no C file', 'table', 'empty')
    said('--json of stage1', 'stage1 prints a patch', 'stage1', '--json', 'a.c')
    os.mkdir(os.path.join(where, 'bin'))
    for command in ('table', 'bugs', 'stage1'):
        said(f'{command} without Coccinelle', 'spatch is missing: install the package coccinelle',
             command, 'a.c', env={'PATH': os.path.join(where, 'bin')})
    write(where, 'bin/spatch', '#!/bin/sh\necho "Fatal error: no such rule" >&2\nexit 2\n')
    os.chmod(os.path.join(where, 'bin/spatch'), 0o755)
    said('a broken Coccinelle', 'a.c: Coccinelle fails: Fatal error: no such rule', 'table', 'a.c',
         env={'PATH': os.path.join(where, 'bin')})
    write(where, 'bin/spatch', '#!/bin/sh\necho timeout >&2\nexit 1\n')
    for command in ('table', 'bugs'):
        done = run(command, 'a.c', where=where, env={'PATH': os.path.join(where, 'bin')})
        results.say(done.returncode == 1 and 'a.c: ' in done.stderr,
                    f'usage: {command} ends with 1 if Coccinelle gives up on a file', done.stderr)
    for command, wanted in (('table', '0 allocations'), ('bugs', ''), ('stage1', '')):
        done = run(command, 'a.c', where=where)
        results.say(not done.returncode and done.stdout.startswith(wanted) and not done.stderr,
                    f'usage: {command} has nothing to say about a file that allocates nothing',
                    done.stdout + done.stderr)


def odd_files(results, where):
    """Run stage1 on text that is hard to read or to write back."""
    driver = ('struct s { struct d *r; /* \xe4 */ dma_addr_t h; };\nvoid f(struct s *s)\n{\n'
              '\ts->r = dma_alloc_coherent(s, /* \xe4 */ 8, &s->h, 0);\n}\n'
              'void g(struct s *s)\n{\n\tdma_free_coherent(s, 8, s->r, s->h);\n}\n')
    for name, text, encoding in (('latin.c', driver, 'latin-1'), ('utf.c', driver, 'utf-8'),
                                 ('crlf.c', driver.replace('\n', '\r\n'), 'utf-8'),
                                 ('feed.c', driver.replace('\nvoid', '\n\f\n/* \v\x1c\r\u2028 */\nvoid'), 'utf-8'),
                                 ('cut.c', driver.rstrip('\n'), 'utf-8'),
                                 ('aligned.c', driver.replace('*r;', '*r ____cacheline_aligned;'),
                                  'utf-8')):
        write(where, name, text, encoding)
        done = subprocess.run([sys.executable, TOOL, 'stage1', name], cwd=where, check=False, capture_output=True)
        applied = subprocess.run(['patch', '-p1', '-s', '--binary'], cwd=where, check=False,
                                 input=done.stdout, capture_output=True)
        with open(os.path.join(where, name), 'rb') as file:
            after = file.read()
        good = not (done.returncode or done.stderr or applied.returncode) and \
            after.count(b'coherent_migrate_') == 2 and after.count(b'r_mem;') == 1 and \
            after.count('\xe4'.encode(encoding)) == 2
        results.say(good, f'stage1: {name} is converted, and the rest of it stays',
                    done.stderr + applied.stdout + after)
    write(where, 'broken.c', 'void f(struct s *s)\n{\n\ts->r = dma_alloc_coherent(s, 8\n')
    done = run('stage1', 'broken.c', where=where)
    results.say(done.returncode == 1 and not done.stdout and 'broken.c:3: left as it is: ' in done.stderr,
                'stage1: a file that ends in a call is left as it is', done.stdout + done.stderr)


def names(results, where):
    """Run stage1 on files with names that are hard for patch: spaces, links, and other folders."""
    text = ('struct s { struct d *r; dma_addr_t h; };\nvoid f(struct s *s)\n{\n'
            '\ts->r = dma_alloc_coherent(s, 8, &s->h, 0);\n\tdma_free_coherent(s, 8, s->r, s->h);\n}\n')
    for name in ('two words.c', 'linked/a.c', 'up.c'):
        write(where, name, text)
    os.symlink('a.c', os.path.join(where, 'linked/b.c'))
    os.symlink('linked/a.c', os.path.join(where, 'c.c'))
    for given in (['two words.c'], ['c.c', 'linked']):
        done = run('stage1', *given, where=where)
        applied = subprocess.run(['patch', '-p1', '-s'], cwd=where, check=False, input=done.stdout,
                                 capture_output=True, text=True)
        results.say(not done.returncode and done.stdout.count('+++') == 1 and not applied.returncode,
                    f'stage1: the patch of {" and ".join(given)} applies', done.stderr + applied.stdout)
    rows = json.loads(run('table', '--json', 'c.c', 'linked', where=where).stdout)
    results.say(not rows, 'stage1: the file behind the links is converted', str(rows))
    done = run('stage1', '../up.c', where=os.path.join(where, 'linked'))
    results.say(done.returncode == 2 and not done.stdout and done.stderr.count('\n') == 1 and
                '../up.c would change' in done.stderr, 'stage1: it refuses a file that patch would refuse',
                done.stdout + done.stderr)


def convert(results, where, folder, name):
    """Apply the patch of stage1 to a folder. Return the patch."""
    done = run('stage1', folder, where=where)
    applied = subprocess.run(['patch', '-p1', '-s'], cwd=where, check=False, input=done.stdout,
                             capture_output=True, text=True)
    results.say(not done.returncode and not done.stderr and done.stdout and not applied.returncode,
                f'stage1: {name} is converted, and its patch applies', done.stderr + applied.stdout)
    again = run('stage1', folder, where=where)
    results.say(not again.returncode and not again.stdout,
                f'stage1: {name}: nothing is left for a second run', again.stdout + again.stderr)
    return done.stdout


def complaints(text, where):
    return [line.replace(where + '/', '') for line in text.splitlines()
            if re.search(r'\b(?:warning|error):', line)]


def compile_module(results, kernel, where, folder, title, *words):
    """Build a folder with W=1. Return what the compiler or sparse said."""
    try:
        said = complaints(kernel.make(os.path.join(where, folder), *(words or ['W=1', 'modules'])), where)
    except Failed as failed:
        said = str(failed).splitlines()
    if title:
        results.say(not said, title, '\n'.join(said))
    return said


def documented(results, kernel, where):
    """Check docs/migrate.md: its patch is that of stage1, and each form of its driver compiles."""
    with open(os.path.join(SOURCE_DIR, 'docs/migrate.md'), encoding='utf-8') as text:
        blocks = {name: (kind, code) for kind, name, code in BLOCK.findall(text.read())}
    folder = os.path.join(where, 'tests/migrate/nic')
    write(folder, 'Kbuild', 'ccflags-y := -I$(src)/../../../kernel/include -I$(src)/../../../include\n'
          'obj-m := driver.o\ndriver-y := nic.o ../../../kernel/coherent.o\n')
    write(folder, 'nic.c', blocks['nic.c'][1])
    findings = run('bugs', 'nic.c', where=folder).stdout
    results.say(findings == blocks['bugs'][1], 'docs/migrate.md: bugs finds what it says', findings)
    rows = run('table', 'nic.c', where=folder).stdout
    results.say(rows == blocks['table'][1], 'docs/migrate.md: table prints what it says', rows)
    if kernel:
        compile_module(results, kernel, where, 'tests/migrate/nic', 'docs/migrate.md: the driver compiles')
    patch = convert(results, folder, 'nic.c', 'the driver of docs/migrate.md')
    results.say(patch == blocks['stage1'][1], 'docs/migrate.md: stage1 prints its patch', patch)
    if not kernel:
        return
    compile_module(results, kernel, where, 'tests/migrate/nic',
                   'docs/migrate.md: the driver compiles after stage 1')
    for name, title in (('half.c', 'half of stage 2'), ('after.c', 'stage 2')):
        write(folder, 'nic.c', blocks[name][1])
        compile_module(results, kernel, where, 'tests/migrate/nic',
                       f'docs/migrate.md: the driver compiles after {title}')
        kernel.make(folder, 'clean')
        said = ''.join(re.findall(r'^.*?/(nic\.c:.*\n)', kernel.make(folder, 'C=1', 'modules'), re.M))
        wanted = blocks['sparse'][1] if name == 'half.c' else ''
        results.say(said == wanted, f'docs/migrate.md: sparse says after {title} what it should', said)


def main():
    if len(sys.argv) != 2:
        print('usage: run.py SOURCE_DIR', file=sys.stderr)
        return 2
    results = Results()
    for check in (bugs, table, refused):
        check(results)
    for check in (usage, odd_files, names, shared):
        with tempfile.TemporaryDirectory() as where:
            check(results, where)
    kernel = None
    try:
        with kernels.cache() as cache:
            kernel = kernels.get_kernel(cache, '6.1', 'amd64')
            kernel.headers()
    except OutOfReach as reason:
        results.skip('the drivers compile', reason)
    with tempfile.TemporaryDirectory() as where:
        kernels.copy_tree(SOURCE_DIR, where)
        shutil.copytree(os.path.join(HERE, 'driver'), os.path.join(where, 'tests/migrate/driver'))
        name = 'tests/migrate/driver'
        if kernel:
            compile_module(results, kernel, where, name, 'stage1: the driver compiles before it')
        convert(results, where, name, 'the driver')
        if kernel:
            compile_module(results, kernel, where, name, 'stage1: the driver compiles after it')
            kernel.make(os.path.join(where, name), 'clean')
            compile_module(results, kernel, where, name, 'stage1: sparse accepts the driver', 'C=1',
                           'modules')
            left = [path for path in glob.glob(os.path.join(where, name, '*.[ch]'))
                    if not path.endswith('.mod.c') and 'dma_alloc_' in read(path)]
            results.say(not left, 'stage1: no call of the DMA API is left', str(left))
        documented(results, kernel, where)
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
