#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""coherent lint and coherent bench run other programs: tools.py PROGRAM SOURCE_DIR."""
import os
import shutil
import sys
import tempfile

import common

# It prints its arguments, one a line.
TOOL = '#!/bin/sh\nprintf "%s\\n" "$@"\nexit 7\n'
# The signal of a closed pipe has its usual effect in the other program.
PIPE = '#!/bin/sh\ngrep SigCgt /proc/self/status; grep SigIgn /proc/self/status\n'


def copy(command, folder, **tools):
    """Make a folder with the command and tools. Returns a Command whose results are the same."""
    os.makedirs(folder)
    there = common.Command(shutil.copy(command.program, folder))
    there.results = command.results
    for name, text in tools.items():
        path = os.path.join(folder, name.replace('_', '-'))
        common.write(folder, os.path.basename(path), text)
        os.chmod(path, 0o755)
    return there


def installed(command, folder):
    there = copy(command, os.path.join(folder, 'bin'), coherent_lint=TOOL)
    done = there.run('lint', '--json', 'a b', '', '--help')
    command.say((done.returncode, done.stdout) == (7, '--json\na b\n\n--help\n'),
                'lint gets all arguments, and its exit status is that of the command',
                f'{done.returncode} {done.stdout!r} {done.stderr}')
    there.refuses(1, 'bench: the bench is not installed: run tools/bench in a source tree of '
                  'libcoherent', 'bench', 'host')
    done = there.run('bench', '--help')
    command.say(not done.returncode and done.stdout.startswith('Usage: coherent bench [ARGUMENT...]')
                and 'Run tools/bench of the source tree' in done.stdout and not done.stderr,
                'bench --help prints a help without the bench', done.stdout + done.stderr)
    lonely = copy(command, os.path.join(folder, 'lonely'))
    lonely.refuses(1, 'lint: coherent-lint is not beside this command: install libcoherent again',
                   'lint')
    there = copy(command, os.path.join(folder, 'pipe'), coherent_lint=PIPE)
    done = there.run('lint', restore_signals=True)
    sets = [int(line.split()[1], 16) >> 12 & 1 for line in done.stdout.splitlines()]
    command.say(sets == [0, 0], 'the other program gets the usual signals', done.stdout)
    there = copy(command, os.path.join(folder, 'bad'), coherent_lint='#!/nothing\n')
    there.complains(1, 'lint: ', 'lint')


def in_tree(command, folder, source_dir):
    """In a build folder the tools are those of the source tree above it."""
    tree = os.path.join(folder, 'tree')
    common.write(tree, 'include/coherent.h')
    common.write(tree, 'tools/bench', TOOL)
    os.chmod(os.path.join(tree, 'tools/bench'), 0o755)
    there = copy(command, os.path.join(tree, 'build/x/command'))
    done = there.run('bench', 'host', 'b')
    command.say((done.returncode, done.stdout) == (7, 'host\nb\n'), 'bench runs tools/bench',
                done.stderr)
    there = copy(command, os.path.join(folder, 'real/build/command'))
    for name in ('bench', 'include', 'tests', 'tools'):
        os.symlink(os.path.join(source_dir, name), os.path.join(folder, 'real', name))
    for name in ('lint', 'bench'):
        done = there.run(name, '--help')
        command.say(not done.returncode and f'Usage: {"coherent-" * (name == "lint")}{name} ' in
                    done.stdout, f'{name} --help is that of the tool', done.stdout + done.stderr)


def tests(command, source_dir):
    with tempfile.TemporaryDirectory() as folder:
        installed(command, folder)
        in_tree(command, folder, os.path.abspath(source_dir))


if __name__ == '__main__':
    sys.exit(common.main(tests, 'SOURCE_DIR'))
