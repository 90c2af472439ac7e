#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Each comment that begins with "ORDER:" names the litmus test of its protocol.

usage: order.py SOURCE_DIR

The litmus tests are beside this file. Each is named by a comment. Prints TAP.
"""
import glob
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Results  # noqa: E402

COMMENT = re.compile(r'/\*.*?\*/', re.S)
# A comment says more after an empty line, and a file head after the line of another fact.
ORDER = re.compile(r'ORDER:(?:(?!\n \*\n).)*', re.S)
NAME = re.compile(r'\b(\w+\.litmus)\b')
FOLDERS = ('src', 'include', 'kernel')


def comments(source_dir):
    """Yields (file, line, text) of each comment about order."""
    for folder in FOLDERS:
        for path in sorted(glob.glob(os.path.join(source_dir, folder, '**/*.[ch]'),
                                     recursive=True)):
            with open(path, encoding='utf-8') as source:
                text = source.read()
            for comment in COMMENT.finditer(text):
                for order in ORDER.finditer(comment[0]):
                    line = text.count('\n', 0, comment.start() + order.start()) + 1
                    yield os.path.relpath(path, source_dir), line, order[0]


def main():
    if len(sys.argv) != 2:
        print('usage: order.py SOURCE_DIR', file=sys.stderr)
        return 2
    tests = {os.path.basename(path) for path in
             glob.glob(os.path.join(sys.argv[1], 'tests/proofs/*.litmus'))}
    found = list(comments(sys.argv[1]))
    named = {name for _, _, text in found for name in NAME.findall(text)}
    wrong = []
    for path, line, text in found:
        names = NAME.findall(text)
        if not names:
            wrong.append(f'{path}:{line}: the comment names no litmus test of tests/proofs')
        wrong += [f'{path}:{line}: there is no tests/proofs/{name}' for name in names
                  if name not in tests]
    results = Results()
    results.say(found and not wrong, f'{len(found)} comments about order name a litmus test', wrong)
    unnamed = [f'no comment names {name}' for name in sorted(tests - named)]
    results.say(not unnamed, f'{len(tests)} litmus tests are named by a comment', unnamed)
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
