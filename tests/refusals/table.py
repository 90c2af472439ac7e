# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Read table.cases: misuse, and what Rust and the library say to it. run.py describes the format."""
import os
import re
import sys
import typing

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'table.cases')
VERDICT = '(refused|link error|warning|compiles)(?: (.*))?'
BODY = r'((?:\t.*\n|\n)+)'
CASE = re.compile(rf'^CASE (.*)\n(?:RUST {VERDICT}\n{BODY})?(?:C {VERDICT}\n{BODY})?END$', re.M)


class Half(typing.NamedTuple):
    """One language of a case: the verdict, what the compiler must say, and the code."""
    verdict: str
    says: str
    code: str


def read_cases():
    """Returns (title, half in Rust or None, half in C or None) of each case."""
    with open(TABLE, encoding='utf-8') as file:
        text = file.read()
    cases = [(m[1], m[2] and Half(m[2], m[3] or '', m[4]), m[5] and Half(m[5], m[6] or '', m[7]))
             for m in CASE.finditer(text)]
    for title, *halves in cases:
        if any(half and half.verdict == 'refused' and not half.says for half in halves):
            sys.exit(f'{TABLE}: {title}: "refused" needs the text of the error')
    for line in CASE.sub('', text).splitlines():
        if line and not line.startswith('#'):
            sys.exit(f'{TABLE}: the line is not part of a complete case: {line}')
    return cases
