#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Find the most common breaks of the rules for words in CONTRIBUTING.md.

usage: words.py [FILE...]

Without FILE the script looks at every tracked source file and document. It looks at comments,
docstrings, documents, and the strings of C files. Each break is a line with file, line
and rule. Prints TAP. Exit status: 0 if there is none, 1 if there is one, 2 if a file is missing.
"""
import os
import re
import shutil
import subprocess
import sys

from tap import Results

SOURCE_DIR = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# (pattern, rule). A quoted break is an example, as in CONTRIBUTING.md.
# A sentence begins with the comment, after a full stop, or after the name of a parameter.
SENTENCE = r'(?:^[\s*]*|[.!]\s+(?:\*\s+)?|@[\w.]+:\s+)'
BEGINS = [
    (re.compile(SENTENCE + r'(Of|Whose|Who|Whoever|Else)\b'),
     'a sentence begins with "{}": name the actor'),
    (re.compile(SENTENCE + r'(What)\b(?![^.]*\?)'),
     'a sentence begins with "{}": give it a subject and a verb'),
]
ANYWHERE = [
    (re.compile(r'(?<!\bthere )(?<!\bThere )(?<!\")\b((?:is|are|was|were)\s+no)\b(?!\s+(?:longer|more|less|one))'),
     '"{}": write "is not a" or "there is no"'),
    (re.compile(r'\b((?:for|to|by|of|from|with)\s+who)\b'), '"{}": write "the thread that" or the like'),
    (re.compile(r"\b((?:no|any|some|every)body(?:\s+else)?'s)\b"), '"{}": name the owner'),
    (re.compile(r'([;,]\s+else)\b'), '"{}": write "otherwise"'),
]
C_COMMENT = re.compile(r'/\*(.*?)\*/|//([^\n]*)', re.S)
C_STRING = re.compile(r'"((?:\\.|[^"\\\n])*)"')
HASH_COMMENT = re.compile(r'(?:^|(?<=\s))#(?![!{])([^\n]*)', re.M)
DOCSTRING = re.compile(r'"""(.*?)"""|\'\'\'(.*?)\'\'\'', re.S)
FENCED = re.compile(r'^```.*?^```', re.S | re.M)
# This file and its test quote what they forbid.
QUOTES = {'tests/words.py', 'tests/checks.py'}


def tracked():
    if not shutil.which('git'):
        return []
    # A rebase exports GIT_DIR, which may be the one of another tree.
    env = {name: value for name, value in os.environ.items() if not name.startswith('GIT_')}
    run = subprocess.run(['git', '-c', 'safe.directory=*', '-C', SOURCE_DIR, 'ls-files', '-z'],
                         check=False, capture_output=True, text=True, env=env)
    return [path for path in run.stdout.split('\0')
            if path and not path.startswith('LICENSES/') and not path.endswith('.svg')]


def blank(text):
    return re.sub(r'[^\n]', ' ', text)


def pieces(path, text):
    """(offset, text, whether it is a comment) of what a reader reads in a file."""
    if path.endswith(('.c', '.h', '.cases')):
        yield from ((m.start(), m[1] or m[2] or '', True) for m in C_COMMENT.finditer(text))
        code = C_COMMENT.sub(lambda m: blank(m[0]), text)
        yield from ((m.start(), m[1], False) for m in C_STRING.finditer(code))
    elif path.endswith('.md'):
        yield 0, FENCED.sub(lambda m: blank(m[0]), text), False
    else:
        yield from ((m.start(), m[1] or m[2] or '', True) for m in DOCSTRING.finditer(text))
        code = DOCSTRING.sub(lambda m: blank(m[0]), text)
        yield from ((m.start(), m[1], True) for m in HASH_COMMENT.finditer(code))


def breaks(path, text):
    """(line, rule) of each break in a file."""
    for offset, piece, is_comment in pieces(path, text):
        # Sentences go on over the lines of a comment.
        flat = re.sub(r'\n[ \t]*[*#]?(?=[ \t])', lambda m: '\n' + ' ' * (len(m[0]) - 1), piece)
        flat = re.sub(r'\n', ' ', flat)
        for pattern, rule in (BEGINS if is_comment else []) + ANYWHERE:
            for found in pattern.finditer(flat):
                words = re.sub(r'\s+', ' ', found[1])
                yield text.count('\n', 0, offset + found.start(1)) + 1, rule.format(words)


def main():
    args = sys.argv[1:]
    if args in (['-h'], ['--help']):
        print(__doc__)
        return 0
    files = args or [path for path in tracked() if path not in QUOTES]
    results = Results()
    if not files:
        results.skip('comments keep the rules for words', 'this tree has no git history, or git is missing')
        return results.close()
    found = []
    for path in files:
        try:
            with open(path if args else os.path.join(SOURCE_DIR, path), encoding='utf-8') as file:
                found += [f'{path}:{line}: {rule}' for line, rule in breaks(path, file.read())]
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, 'strerror', None) or error
            print(f'words.py: {path}: {reason}', file=sys.stderr)
            return 2
    results.say(not found, f'{len(files)} files keep the rules for words', found)
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
