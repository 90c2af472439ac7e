#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Check that the model makes every call that a public header documents.

usage: calls.py SOURCE_DIR

Prints TAP.
"""
import glob
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Results  # noqa: E402

CALL = re.compile(r'^/\*\*\n \* (coherent_\w+|COHERENT_(?:\w+_)?AUTO)\(\) - ', re.M)
# The model need not make these: they compute or print, or a macro that it uses calls them.
OTHER = re.compile(r'coherent_(?:base_\w+|\w+_to_cpu|cpu_to_\w+|mb|report_stderr|version)$')


def main():
    if len(sys.argv) != 2:
        print('usage: calls.py SOURCE_DIR', file=sys.stderr)
        return 2
    text = {}
    for pattern in ('include/coherent.h', 'include/coherent/**/*.h', 'tests/model/*.[ch]'):
        for path in glob.glob(os.path.join(sys.argv[1], pattern), recursive=True):
            with open(path, encoding='utf-8') as source:
                text[path] = source.read()
    calls = {call for path in text if '/include/' in path for call in CALL.findall(text[path])
             if not OTHER.match(call)}
    made = {word for path in text if '/model/' in path for word in re.findall(r'\w+', text[path])}
    missing = sorted(calls - made)
    results = Results()
    results.say(calls and not missing, f'the model makes all {len(calls)} calls',
                [f'{call}() is not called' for call in missing])
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
