#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Check that each report of the library is explained.

usage: reports.py SOURCE_DIR

tools/errors.py finds the reports in the sources, and their causes and remedies in tools/manual. This
test looks for what it overlooks. Prints TAP.
"""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Results, read  # noqa: E402

sys.dont_write_bytecode = True


def checked(source_dir):
    """(what is wrong, name) of the pages that are in the tree."""
    done = subprocess.run([sys.executable, os.path.join(source_dir, 'tools/errors.py'), '--check'],
                          check=False, capture_output=True, text=True)
    yield (done.stdout + done.stderr if done.returncode else '',
           'each report has a cause and a remedy, and docs/errors.md has them')


def found(errors):
    """(what is wrong, name): each text in a call that reports is one that the tool has."""
    texts = errors.all_texts()
    known = '\n'.join(text.text for text in texts)
    called = {match[1] for path in errors.source_files() for match in re.finditer(
        r'\b(?:report|refuse)\([^;{]*?,\s*"((?:\\.|[^"\\])*)', read(path))}
    yield ('' if len(texts) > len(called) > 200 else 'these are too few',
           f'the sources have {len(texts)} texts, and {len(called)} begin one in a call')
    yield ('\n'.join(text for text in called if ' ' in text.strip() and text not in known),
           'the tool finds the texts of all calls of report() and refuse()')


def mistakes(errors):
    """(what is wrong, name) of entries and reports that do not fit."""
    texts, entries = errors.all_texts(), errors.read_entries()

    def complains(words, more_texts=(), more_entries=()):
        lines = errors.assign([*texts, *more_texts], [*entries, *more_entries])[1]
        return '' if any(words in line for line in lines) else f'nothing has "{words}"'

    new = errors.Text('src/x.c', 1, 'x', '%s: this is a report that nobody has explained')
    yield complains('src/x.c:1: x: "%s: this is', [new]), 'a report without an entry is found'
    entry = errors.Entry('Section', 'x.in:1')
    entry.patterns, entry.cause, entry.remedy = ['these words are in no report'], 'a', 'b'
    yield complains('x.in:1: no report has', (), [entry]), 'an entry without a report is found'
    entry.patterns = [entries[0].patterns[0]]
    yield complains('has 2 entries', (), [entry]), 'a report with two entries is found'
    entry.patterns, entry.remedy = ['this is a report'], ''
    yield complains('x.in:1: the cause or the remedy', [new], [entry]), 'a missing remedy is found'
    entry.patterns, entry.remedy = ['~' + new.text], 'b'
    yield complains('x.in:1: it has only parts', [new], [entry]), 'an entry with only parts is found'


def parts(errors):
    """(what is wrong, name): the pages show reports, and no string that stands inside one."""
    shown = {text for _, entries in errors.sections() for reports, _ in entries for text in reports}
    wrong = {'is connected', 'between two messages', 'no object', 'at least', 's and was killed'} & shown
    yield '\n'.join(sorted(wrong)), 'the pages do not show parts of reports'
    lost = {'QEMU was not ready after ... s and was killed', 'the peer hung up', 'the object is empty'} - shown
    yield '\n'.join(sorted(lost)), 'the pages show reports as one text'


def main():
    if len(sys.argv) != 2:
        print('usage: reports.py SOURCE_DIR', file=sys.stderr)
        return 2
    source_dir = os.path.abspath(sys.argv[1])
    sys.path.insert(0, os.path.join(source_dir, 'tools'))
    import errors
    results = Results()
    for wrong, name in (*checked(source_dir), *found(errors), *mistakes(errors), *parts(errors)):
        results.say(not wrong, name, wrong)
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
