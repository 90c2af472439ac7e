#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Write what debian/libcoherent0.symbols must have, from src/coherent.map.

usage: symbols.py MAP >debian/libcoherent0.symbols

A section LIBCOHERENT_X.Y has the functions that came with version X.Y.0.
"""
import re
import sys

SECTION = re.compile(r'^(LIBCOHERENT_(\d+\.\d+)) \{\n(.*?)^\}', re.M | re.S)
FUNCTION = re.compile(r'^\t(\w+);', re.M)


def symbols(script):
    """Returns the text of the file for the text of a version script."""
    lines = []
    for section, version, body in SECTION.findall(script):
        names = [*FUNCTION.findall(body), section]
        lines += [f' {name}@{section} {version}.0' for name in names]
    head = ['libcoherent.so.0 libcoherent0 #MINVER#', '* Build-Depends-Package: libcoherent-dev']
    return '\n'.join([*head, *sorted(lines), ''])


def main():
    if len(sys.argv) != 2:
        print('usage: symbols.py MAP', file=sys.stderr)
        sys.exit(2)
    with open(sys.argv[1], encoding='utf-8') as script:
        sys.stdout.write(symbols(script.read()))


if __name__ == '__main__':
    main()
