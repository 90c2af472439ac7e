#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Run test-fabric-inflight with each provider, and write its answers to the table in docs/fabric.md.

The rows of providers that do not run here are texts of this program. With --check the program does
not write FILE. It prints TAP instead: a test for each provider, and a test of the whole table.
"""
import argparse
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Results  # noqa: E402

COLUMNS = ('write after fi_close()', 'read after fi_close()', 'write after reclaim',
           'read after reclaim', 'write after free')
# The devices of these have the level NONE. tests/fabric/fail.c shows that they are refused.
TEXTS = {'udp': 'only with `.level = COHERENT_NONE`: trusts each datagram',
         'shm': 'only with `.level = COHERENT_NONE`: checks no key'}


def run(program, provider):
    """Returns the answers of a provider, and why there are none (empty if there are some)."""
    done = subprocess.run([program, provider], check=False, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, errors='replace',
                          env=dict(os.environ, CMOCKA_MESSAGE_OUTPUT='TAP'))
    if skipped := re.match(r'1\.\.0 # SKIP (.*)', done.stdout):
        return {}, skipped[1]
    if done.returncode:
        sys.exit(f'{provider}: the tests fail with status {done.returncode}:\n{done.stdout}')
    answers = dict(re.findall(r'^# answer: ([^:]*): (.*)$', done.stdout, re.M))
    if missing := set(COLUMNS) - set(answers):
        sys.exit(f'{provider}: the tests have no answer for {", ".join(missing)}:\n{done.stdout}')
    return answers, ''


def row(provider, answers):
    return f'| {provider} | ' + ' | '.join(answers.get(what, '') for what in COLUMNS) + ' |'


def head():
    titles = [re.sub(r'(fi_close\(\))', r'`\1`', column) for column in COLUMNS]
    return ['| provider | ' + ' | '.join(titles) + ' |', '|---' * (1 + len(COLUMNS)) + '|']


def found_rows(text):
    """Returns the lines of the table in a page."""
    lines = text.splitlines()
    first = lines.index(next(line for line in lines if line.startswith('| provider | ')))
    return [line for line in lines[first:lines.index('', first)]]


def check(found, wanted, skipped):
    """Prints TAP. Returns the exit status."""
    results = Results()
    for provider, line in wanted.items():
        if provider in skipped:
            results.skip(provider, skipped[provider])
        else:
            results.say(line in found, f'{provider}: the page has what the run says',
                        f'the run says: {line}')
    # The row of a provider that was skipped may be what it is.
    order = [line.split(' | ')[0] for line in found]
    good = order == [line.split(' | ')[0] for line in [*head(), *wanted.values()]] and \
        found[:2] == head()
    results.say(good, 'the table has its columns and rows')
    return results.close()


def main():
    parser = argparse.ArgumentParser(prog='table.py', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--check', action='store_true', help='compare FILE, and print TAP')
    parser.add_argument('file', metavar='FILE')
    parser.add_argument('program', metavar='TEST_FABRIC_INFLIGHT')
    parser.add_argument('providers', metavar='PROVIDER', nargs='+')
    options = parser.parse_args()
    with open(options.file, encoding='utf-8') as file:
        text = file.read()
    found, wanted, skipped = found_rows(text), {}, {}
    for provider in options.providers:
        answers, why = run(options.program, provider)
        wanted[provider] = row(provider, answers)
        if why:
            skipped[provider] = why
    for provider, why in TEXTS.items():
        wanted[provider] = f'| {provider} | {why} |' + '  |' * (len(COLUMNS) - 1)
    if options.check:
        return check(found, wanted, skipped)
    if skipped:
        sys.exit(f'{", ".join(skipped)}: not written: {" ".join(skipped.values())}')
    with open(options.file, 'w', encoding='utf-8') as file:
        file.write(text.replace('\n'.join(found), '\n'.join([*head(), *wanted.values()])))
    return 0


if __name__ == '__main__':
    sys.exit(main())
