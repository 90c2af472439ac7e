#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Check the messages of commits.

usage: commits.py [RANGE]

RANGE is as for git log, for example origin/main..HEAD. Without it the script checks
every commit after the one that added this script. CONTRIBUTING.md has the rules. Each
broken rule is a line with the commit, the line of its message, and the rule. Prints TAP.
Exit status: 0 if all commits keep the rules, 1 if one does not, 2 if RANGE is wrong.
"""
import os
import re
import subprocess
import sys

SOURCE_DIR = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SELF = os.path.relpath(os.path.abspath(__file__), SOURCE_DIR)
SUBJECT_MAX = 60
BODY_COLUMNS = 72
# A commit that changes more lines than this says why in its body, in so many words at least.
LINES_WITHOUT_BODY = 30
BODY_WORDS_MIN = 8
# One word, or two with a slash, as in "backend/vfio".
AREA = r'[a-z0-9_][a-z0-9_.-]*(?:/[a-z0-9_.-]+)?'
SUBJECT = re.compile(rf'{AREA}: \S.*')
# A device name such as qemu: has a colon too, but stands alone or at the end.
SECOND_AREA = re.compile(rf'(?:[,;] (?:and )?|: ){AREA}: ')
REVERT = re.compile(r'Revert "(.*)"')
TRAILER = re.compile(r'(?:(?:Signed-off|Co-developed|Reviewed|Acked|Tested|Reported|Suggested)-by|'
                     r'Fixes|Closes|Cc|Link|Change-Id): .+')


class WrongRange(Exception):
    """Git does not accept the range. The message is the one of git."""


def git(*args):
    # CI may run as another user than the one that made the clone. A rebase that calls this script
    # exports GIT_DIR, which would be the one of another tree.
    command = ['git', '-c', 'safe.directory=*', '-C', SOURCE_DIR, *args]
    env = {name: value for name, value in os.environ.items() if not name.startswith('GIT_')}
    run = subprocess.run(command, check=False, capture_output=True, text=True, errors='replace',
                         env=env)
    if run.returncode:
        raise WrongRange(run.stderr.strip())
    return run.stdout


def default_range():
    added = git('log', '--diff-filter=A', '--format=%H', '--', SELF).split()
    if not added:
        raise WrongRange(f'{SELF} is not in a commit yet: give a range')
    return f'{added[-1]}..HEAD'


def changed_lines(stat):
    """Lines added and removed. A file that is only moved counts as none, a binary as many."""
    counts = [line.split('\t')[:2] for line in stat.splitlines() if line]
    return sum(LINES_WITHOUT_BODY + 1 if n == '-' else int(n) for pair in counts for n in pair)


def check_subject(subject):
    """The rules that a subject breaks. That of a revert holds the subject of another commit."""
    reverted = REVERT.fullmatch(subject)
    if reverted:
        subject = reverted[1]
    if len(subject) > SUBJECT_MAX:
        yield f'the subject has {len(subject)} characters, at most {SUBJECT_MAX} are allowed'
    if not SUBJECT.fullmatch(subject):
        yield 'the subject does not begin with one area, as in "pool: free empty chunks"'
    elif SECOND_AREA.search(subject):
        yield 'the subject has a second area; make a commit of each change'
    if ';' in subject:
        yield 'the subject has a semicolon; make a commit of each change'


def check(message, lines):
    """(line of the message, rule) of each rule that a message breaks."""
    subject, *body = message.rstrip('\n').split('\n')
    for rule in check_subject(subject):
        yield 1, rule
    if body and body[0]:
        yield 2, 'the line after the subject is not empty'
    for number, line in enumerate(body, 2):
        if len(line) > BODY_COLUMNS and ' ' in line.strip():
            yield number, f'the line has {len(line)} columns, at most {BODY_COLUMNS} are allowed'
    words = ' '.join(line for line in body if not TRAILER.fullmatch(line)).split()
    if lines > LINES_WITHOUT_BODY and len(words) < BODY_WORDS_MIN:
        yield len(body) + 1, (f'the commit changes {lines} lines; one that changes more than '
                              f'{LINES_WITHOUT_BODY} has a body that gives the reason')


def check_range(commits):
    """The lines to print of what is broken in a range of commits, and how many there are."""
    # git runs once for all commits. A zero byte separates them, because no message has one.
    log = git('log', '--reverse', '-M', '--numstat', '--format=%x00%H %P%x00%B%x00', commits, '--')
    fields = log.split('\0')[1:]
    broken = []
    for names, message, stat in zip(fields[::3], fields[1::3], fields[2::3]):
        commit, *parents = names.split()
        if len(parents) > 1:
            broken.append(f'commit {commit[:12]}, line 1: it is a merge; rebase your commits')
        broken += [f'commit {commit[:12]}, line {number}: {rule}'
                   for number, rule in check(message, changed_lines(stat))]
    return len(fields) // 3, broken


def main():
    args = sys.argv[1:]
    if args in (['-h'], ['--help']):
        print(__doc__)
        return 0
    if len(args) > 1 or args and args[0].startswith('-'):
        print('usage: commits.py [RANGE]', file=sys.stderr)
        return 2
    if not args and not os.path.exists(os.path.join(SOURCE_DIR, '.git')):
        print('1..1\nok 1 - the commits keep the rules # SKIP this tree has no git history')
        return 0
    try:
        if not args and git('rev-parse', '--is-shallow-repository').strip() == 'true':
            print('1..1\nok 1 - the commits keep the rules # SKIP this clone is shallow; '
                  'git fetch --unshallow gets the rest')
            return 0
        count, broken = check_range(args[0] if args else default_range())
    except WrongRange as wrong:
        print(f'commits.py: {str(wrong).splitlines()[0]}', file=sys.stderr)
        return 2
    print(f'1..1\n{"not " if broken else ""}ok 1 - {count} commits keep the rules')
    for line in broken:
        print('#', line)
    return 1 if broken else 0


if __name__ == '__main__':
    sys.exit(main())
