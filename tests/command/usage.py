#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""How the command "coherent" is called: help, versions, mistakes, output, completion.

usage: usage.py PROGRAM SOURCE_DIR
"""
import os
import re
import subprocess
import sys
import tempfile

import common

BASH = '''
. "$1"
PATH=$2:$PATH
COMP_WORDS=($3 "${@:4}")
COMP_CWORD=$#
COMP_CWORD=$((COMP_CWORD - 3))
COMPREPLY=()
before=
before=$(compgen -v)
_coherent
# The shell of the user keeps its variables.
diff <(echo "$before") <(compgen -v) >&2
printf '%s\\n' "${COMPREPLY[@]}"
'''


def names(command):
    """The subcommands, as the command itself lists them."""
    return [word for word in command.run('--complete').stdout.split() if word[0] != '-']


def mistakes(command):
    command.refuses(2, 'a subcommand is missing; coherent --help lists them')
    command.refuses(2, 'there is no subcommand "dcotor"; did you mean "doctor"?', 'dcotor')
    command.refuses(2, 'there is no subcommand "doctr"; did you mean "doctor"?', 'doctr')
    command.refuses(2, 'there is no subcommand "xyzzy"; coherent --help lists them', 'xyzzy')
    command.refuses(2, 'there is no subcommand ""; coherent --help lists them', '')
    command.refuses(2, 'there is no option "--hlep"; did you mean "--help"?', '--hlep')
    command.refuses(2, 'there is no subcommand "a\\x0ab\\x1b[31m"; coherent --help lists them',
                    'a\nb\x1b[31m')
    command.refuses(2, 'there is no subcommand "nope"; coherent --help lists them', 'nope')
    command.refuses(2, 'there is no subcommand "tpo"; did you mean "top"?', 'tpo')
    command.refuses(2, 'there is no subcommand "self"; did you mean "selftest"?', 'self')
    for word in ('-h', '--he'):
        command.refuses(2, f'there is no option "{word}"; did you mean "--help"?', word)
    command.refuses(2, 'there is no option "-"; coherent --help lists them', '-')
    command.refuses(2, '"more" is one argument too many; see coherent --help', '--version', 'more')
    command.refuses(2, 'doctor: there is no option "--jsno"; did you mean "--json"?', 'doctor',
                    '--jsno')
    command.refuses(2, 'doctor: there is no option "-x"; coherent doctor --help lists them',
                    'doctor', '-x')
    command.refuses(2, 'doctor: there is no option "-h"; did you mean "--help"?', 'doctor', '-h')
    # The letters of a word are read one by one, also behind another argument.
    for args in (['-12'], ['-12', 'sim'], ['sim', '-1=2']):
        command.refuses(2, 'doctor: there is no option "-1"; coherent doctor --help lists them',
                        'doctor', *args)
    command.refuses(2, 'doctor: there is no option "-\\xff"; coherent doctor --help lists them',
                    'doctor', b'-\xff2')
    command.refuses(2, 'doctor: the option "--json=1" does not take a value', 'doctor', '--json=1')
    command.refuses(2, 'doctor: the option "--sysroot" needs a value; see coherent doctor --help',
                    'doctor', '--sysroot')
    long = 'x' * 100000
    done = command.run(long)
    command.say(done.returncode == 2 and done.stderr.count('\n') == 1, 'a long name gets a line',
                done.stderr[:200])


def helps(command):
    done = command.run('--help')
    found = re.findall(r'^  ([a-z]+)', done.stdout, re.M)
    command.say(not done.returncode and found == names(command), '--help lists the subcommands',
                done.stdout)
    command.say(re.fullmatch(r'coherent \d+\.\d+\.\d+\n', command.run('--version').stdout),
                '--version prints the version')
    for name in names(command):
        page = command.run('--man', name)
        command.say(not page.returncode and f'coherent\\-{name} \\- ' in page.stdout,
                    f'coherent-{name} has a man page', page.stdout)
        command.say(page.stdout.count('exit status is') == 1 or name == 'ledger',
                    f'coherent-{name} explains the exit status once', page.stdout)
        # These are tools of their own, and tools.py tests them.
        if name in ('bench', 'lint'):
            continue
        done = command.run(name, '--help')
        command.say(not done.returncode and done.stdout.startswith('Usage:') and
                    not done.stderr, f'{name} --help prints its usage', done.stderr)
        first = done.stdout.split('\n\n')[1].split()[0]
        command.say(not first.endswith('s'),
                    f'{name} --help begins with what to do: {first}', done.stdout)
    command.refuses(2, 'there is no subcommand "nope"; coherent --help lists them', '--man', 'nope')


def output(command):
    """The output is closed, full or a pipe that nobody reads. 'doctor sim' works everywhere."""
    for where, what in (('>&-', 'Bad file descriptor'), ('>/dev/full', 'No space left on device')):
        for args in ('--help', 'doctor sim', 'doctor sim --json'):
            done = subprocess.run(['sh', '-c', f'"$0" {args} {where}', command.program],
                                  check=False, capture_output=True, text=True)
            command.say((done.returncode, done.stderr) ==
                        (1, f'coherent: standard output: {what}\n'),
                        f'coherent {args} {where} ends with 1 and says why', done.stderr)
    ends = os.pipe()
    os.close(ends[0])
    with os.fdopen(ends[1], 'w') as pipe:
        done = subprocess.run([command.program, 'doctor', 'sim'], check=False, stdout=pipe,
                              stderr=subprocess.PIPE, text=True)
    command.say((done.returncode, done.stderr) == (1, 'coherent: standard output: Broken pipe\n'),
                'a closed pipe ends with 1 and a line', f'{done.returncode} {done.stderr}')
    for columns in (20, 1, 79):
        status, lines = command.in_terminal(columns, 'doctor', 'sim')
        wide = [line for line in lines if len(line) > max(columns, 8)]
        command.say(not status and lines and (columns > 40 or not wide),
                    f'a terminal of {columns} columns is enough', '\n'.join(lines))
    for args in (['--help'], ['doctor', '--help'], ['plan', '--help']):
        status, lines = command.in_terminal(20, *args)
        command.say(not status and lines and not [line for line in lines if len(line) > 20],
                    f'{" ".join(args)} fits 20 columns', '\n'.join(lines))


def completion(command, source_dir):
    """Bash completes what the command says that it has."""
    script = os.path.join(source_dir, 'command/coherent.bash')
    folder, name = os.path.split(command.program)

    def complete(*words):
        done = subprocess.run(['bash', '-c', BASH, 'bash', script, folder, name, *words],
                              check=False, capture_output=True, text=True)
        return done.stdout.split(), done.stderr

    found, said = complete('')
    command.say(set(names(command)) <= set(found) and not said, 'bash completes subcommands', said)
    found, said = complete('doc')
    command.say(found == ['doctor'] and not said, 'bash completes a prefix', f'{found} {said}')
    for name_of in names(command):
        words = command.run('--complete', name_of).stdout.split()
        found, said = complete(name_of, '--')
        command.say(sorted(found) == sorted(words) and not said, f'bash completes {name_of} --',
                    f'{found} {words} {said}')
    found, _ = complete('quux', '--')
    command.say(not found, 'bash completes nothing for a wrong subcommand', found)
    listed = command.run('doctor', '--help').stdout
    words = command.run('--complete', 'doctor').stdout.split()
    command.say(words and all(word.rstrip('=') in listed for word in words),
                'the help has the options that bash completes', listed)


def pages(command):
    """groff accepts the pages."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name in ('', *names(command)):
            paths.append(os.path.join(folder, f'page{name}.1'))
            with open(paths[-1], 'w', encoding='utf-8') as file:
                file.write(command.run('--man', *([name] if name else [])).stdout)
        done = subprocess.run(['groff', '-Kutf8', '-Tutf8', '-man', '-ww', '-z', *paths],
                              check=False, capture_output=True, text=True)
    command.say(not done.returncode and not done.stderr, f'groff accepts {len(paths)} pages',
                done.stderr)


def tests(command, source_dir):
    mistakes(command)
    helps(command)
    output(command)
    completion(command, source_dir)
    pages(command)


if __name__ == '__main__':
    sys.exit(common.main(tests, 'SOURCE_DIR'))
