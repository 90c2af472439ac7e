#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Check that docs/rust.md is what tools/bench rust writes from the stored results.

usage: rust_page.py SOURCE_DIR

Prints TAP.
"""
import difflib
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                'bench/kernel'))

import page  # noqa: E402
from tap import Results, read  # noqa: E402


def main():
    if len(sys.argv) != 2:
        print('usage: rust_page.py SOURCE_DIR', file=sys.stderr)
        return 2
    docs = os.path.join(sys.argv[1], 'docs')
    stored = page.load(docs)
    with tempfile.TemporaryDirectory() as folder:
        page.write(folder, stored)
        wrong = {name: list(difflib.unified_diff(read(os.path.join(docs, name)).splitlines(),
                                                 read(os.path.join(folder, name)).splitlines()))
                 for name in (page.STORED, page.PAGE)}
    sides = {case['side'] for case in stored['cases'] if case['kind'] == 'instructions'}
    results = Results()
    for name, said in wrong.items():
        results.say(not said, f'docs/{name} is what make bench-rust writes', said)
    missing = sorted(set(page.SIDES) - sides)
    results.say(not missing, 'the results have all sides', missing)
    results.say(not page.store([{}]), 'results without Rust write no page', page.store([{}]))
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
