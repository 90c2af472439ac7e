#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Check that clang-format has laid out the sources, that no file is too long, that each name in a script
is defined, that each source has an SPDX line, and that each program can be executed.

usage: format.py SOURCE_DIR

The public headers are mostly macros, which are laid out by hand. So only the width of their
comments is checked. Prints TAP.
"""
import glob
import os
import shutil
import subprocess
import sys

from tap import Results

WHERE = ('src/**/*.[ch]', 'command/**/*.[ch]', 'examples/**/*.[ch]', 'kernel/**/*.[ch]',
         'tests/**/*.[ch]', 'bench/**/*.[ch]')
BY_HAND = ('tests/object_code/access.c',)
LINES_MAX = 600
COLUMNS_MAX = 100
# Documents, pictures, and texts that a script puts elsewhere.
WITHOUT_SPDX = ('.md', '.svg', '.html', '.json', '.in', '.txt', '.gitignore')
FOLDERS = ('bench', 'command', 'examples', 'include', 'kernel', 'src', 'tests', 'tools')


def badly_laid_out():
    """Returns the number of files that clang-format checks, and its complaints, line by line."""
    files = sorted(name for pattern in WHERE for name in glob.glob(pattern, recursive=True)
                   if name not in BY_HAND and not name.endswith('.mod.c'))
    run = subprocess.run(['clang-format', '--style=file', '--dry-run', '-Werror', *files],
                         check=False, capture_output=True, text=True)
    lines = run.stderr.splitlines()
    if run.returncode and not lines:
        lines = [f'clang-format ends with {run.returncode}']
    return len(files), lines


def too_long():
    """Returns the number of files, and one line for each file that is too long."""
    names = sorted(os.path.join(where, name) for folder in FOLDERS
                   for where, _, names in os.walk(folder) for name in names
                   if not where.endswith('__pycache__'))
    wrong = []
    for name in names:
        with open(name, 'rb') as file:
            lines = sum(1 for _ in file)
        if lines > LINES_MAX:
            wrong.append(f'{name} has {lines} lines, at most {LINES_MAX} are allowed')
    return len(names), wrong


def too_wide():
    """Returns the number of public headers, and one line for each comment that is too wide."""
    names = sorted(glob.glob('include/**/*.h', recursive=True))
    wrong = []
    for name in names:
        with open(name, encoding='utf-8') as file:
            for number, line in enumerate(file, 1):
                columns = len(line.rstrip('\n').expandtabs(8))
                if line.lstrip().startswith(('*', '/*')) and columns > COLUMNS_MAX:
                    wrong.append(f'{name}:{number} has {columns} columns, '
                                 f'at most {COLUMNS_MAX} are allowed')
    return len(names), wrong


def mistaken():
    """Returns the number of scripts, and the complaints of pyflakes."""
    names = []
    for folder in FOLDERS:
        for where, _, files in os.walk(folder):
            for name in files:
                with open(os.path.join(where, name), 'rb') as file:
                    if name.endswith('.py') or file.readline().endswith(b'python3\n'):
                        names.append(file.name)
    done = subprocess.run(['pyflakes3', *sorted(names)], check=False, capture_output=True, text=True)
    return len(names), (done.stdout + done.stderr).splitlines()


def in_git():
    """Returns the files that git has, with the mode of each."""
    done = subprocess.run(['git', '-c', 'safe.directory=*', 'ls-files', '-s', '-z'], check=True,
                          capture_output=True, text=True)
    lines = [line.split('\t', 1) for line in done.stdout.split('\0') if line]
    return {name: fields.split()[0] for fields, name in lines if os.path.isfile(name)}


def not_executable():
    """Returns the number of programs, and one line for each that has only a mode or a first line."""
    programs = 0
    wrong = []
    for name, mode in in_git().items():
        # Something else makes a program of a template.
        if name.endswith('.in'):
            continue
        with open(name, 'rb') as file:
            starts = file.read(2) == b'#!'
        programs += starts
        if starts and mode != '100755':
            wrong.append(f'{name} begins with #! but is not executable: git update-index --chmod=+x')
        if not starts and mode == '100755':
            wrong.append(f'{name} is executable but does not begin with #!')
    return programs, wrong


def unlicensed():
    """Returns the number of files in git, and one line for each that has no SPDX line but needs one."""
    names = list(in_git())
    wrong = []
    for name in names:
        if name.startswith(('debian/', 'LICENSES/')) or name.endswith(WITHOUT_SPDX):
            continue
        with open(name, 'rb') as file:
            if b'SPDX-License-Identifier' not in file.read(2000):
                wrong.append(f'{name} has no SPDX line')
    return len(names), wrong


def main():
    if len(sys.argv) != 2:
        print('usage: format.py SOURCE_DIR', file=sys.stderr)
        return 2
    os.chdir(sys.argv[1])
    results = Results()
    for check, title in ((badly_laid_out, 'are formatted'), (too_long, f'have at most {LINES_MAX} lines'),
                         (too_wide, f'have comments of at most {COLUMNS_MAX} columns')):
        count, wrong = check()
        results.say(count and not wrong, f'{count} files {title}', wrong)
    if shutil.which('pyflakes3'):
        count, wrong = mistaken()
        results.say(count and not wrong, f'{count} scripts define what they use', wrong)
    else:
        results.skip('the scripts define what they use', 'apt-get install pyflakes3')
    if os.path.exists('.git') and shutil.which('git'):
        count, wrong = unlicensed()
        results.say(count and not wrong, f'{count} files have an SPDX line where they need one', wrong)
        count, wrong = not_executable()
        results.say(count and not wrong, f'{count} programs are executable', wrong)
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
