#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Check that docs/rust.md is what tools/bench rust writes from the stored results.

usage: rust_page.py SOURCE_DIR

Prints TAP.
"""
import difflib
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                'bench/kernel'))

import page  # noqa: E402


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def main():
    if len(sys.argv) != 2:
        print('usage: rust_page.py SOURCE_DIR', file=sys.stderr)
        sys.exit(2)
    docs = os.path.join(sys.argv[1], 'docs')
    stored = page.load(docs)
    with tempfile.TemporaryDirectory() as folder:
        page.write(folder, stored)
        wrong = {name: list(difflib.unified_diff(read(os.path.join(docs, name)).splitlines(),
                                                 read(os.path.join(folder, name)).splitlines()))
                 for name in (page.STORED, page.PAGE)}
    sides = {case['side'] for case in stored['cases'] if case['kind'] == 'instructions'}
    tests = [*((f'docs/{name} is what make bench-rust writes', said) for name, said in wrong.items()),
             ('the results have all sides', sorted(set(page.SIDES) - sides)),
             ('results without Rust write no page', [json.dumps(page.store([{}]))] * bool(page.store([{}])))]
    for number, (title, said) in enumerate(tests, 1):
        print(f'{"not " if said else ""}ok {number} - {title}')
        for line in said:
            print('#', line)
    print(f'1..{len(tests)}')
    return 1 if any(said for _, said in tests) else 0


if __name__ == '__main__':
    sys.exit(main())
