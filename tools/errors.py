#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Explain each report of the library: make docs/errors.md and coherent-errors(7).

usage: errors.py --markdown
       errors.py --check
       errors.py --list
       errors.py --man VERSION DATE OUTPUT DEPFILE

The program finds each string with a space in it in src/: the text of a report, or a part of one.
tools/manual/errors_*.in have the causes and remedies. --markdown prints docs/errors.md. --check prints
a line for each report without an entry, each entry without a report, and if docs/errors.md is not
what --markdown prints. Its exit status is 1 if there is a line. --list prints each report with its
file, line and function. --man writes coherent-errors(7), and the files that it is made of to DEPFILE.

An entry is one or more patterns, a line each, then the cause and the remedy. A pattern
is part of a report, and * stands for any text. If it begins with =, it is the whole report. If it
begins with ~, it is all of a string that stands inside other reports, and the pages do not show it. A
line with == begins a section. The section "Not reports" has only patterns.
"""
import glob
import os
import re
import sys
import textwrap

sys.dont_write_bytecode = True

from man_text import escape, head_of, heading, paragraphs, read, see_also, table_of  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE_DIR = os.path.dirname(HERE)
ENTRIES = sorted(glob.glob(os.path.join(HERE, 'manual/errors_*.in')))
PAGE = os.path.join(SOURCE_DIR, 'docs/errors.md')
INCLUDE = os.path.join(SOURCE_DIR, 'include')
NOT_REPORTS = 'Not reports'
ABOUT_REPORTS = (
    'Most reports begin with the name of the device, or of the call. coherent_report_stderr() puts '
    '"coherent:" and the severity before them, as in "coherent: error:". "..." stands for a name, a '
    'number or a place. A report may consist of several of these texts.')
TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|'
                   r'^[ \t]*#[ \t]*(?:define[ \t]+\w+|(?:\\\n|[^\n])*)|TEXT_OF\(\w+\)|\w+|[^\s\w]',
                   re.S | re.M)
# Strings in these calls are for the compiler, the C library or the system.
QUIET = {'_Static_assert', '__asm__', '__volatile__', 'fopen', 'sscanf', 'strcmp', 'strncmp', 'strstr'}
SPECIFIER = re.compile(r'(?:%[-#0 ]*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh|h|ll|l|z|j)?[a-zA-Z]\.?)*'
                       r'%[-#0 ]*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh|h|ll|l|z|j)?[a-zA-Z]')


# --- The sources ---

class Text:
    """A string of the sources, with its pieces joined."""

    def __init__(self, path, line, function, text):
        self.path, self.line, self.function, self.text = path, line, function, text

    def shown(self):
        """The text as a reader meets it, without the name of the device before it."""
        text = SPECIFIER.sub('...', self.text.replace('\\"', '"').replace('\\n', ''))
        return re.sub(r'^(?:\.\.\.: )+(?=.)', '', text.replace('%%', '%')).strip()


def texts_of(path):
    """Return the strings with a space in a file. A macro between two strings becomes %s."""
    source = read(path)
    found, calls, pieces, macro, last, function, depth = [], [], [], '', '', None, 0
    start = 0
    for match in TOKEN.finditer(source):
        token = match[0]
        if token.startswith(('/*', '//')) or token.lstrip().startswith('#'):
            continue
        if token[0] == '"':
            start = match.start() if not pieces else start
            pieces.append(macro + token[1:-1])
            macro = ''
            continue
        if re.fullmatch(r'[A-Z][A-Z0-9_]+|TEXT_OF\(\w+\)|PRI\w+', token) and (pieces or token not in ('NULL',)):
            macro = 'd' if token.startswith('PRI') else '%s'
            continue
        text = ''.join(pieces) + (macro if pieces else '')
        if ' ' in text.strip() and not QUIET & set(calls):
            found.append(Text(os.path.relpath(path, SOURCE_DIR),
                              source.count('\n', 0, start) + 1, function, text))
        pieces, macro = [], ''
        if token == '(':
            calls.append(last)
            if not depth and len(calls) == 1 and re.match(r'[a-z]\w*$', last):
                function = last
        elif token == ')' and calls:
            calls.pop()
        elif token in '{}':
            depth += 1 if token == '{' else -1
        last = token
    return found


def source_files():
    return sorted(glob.glob(os.path.join(SOURCE_DIR, 'src/**/*.[ch]'), recursive=True))


def all_texts():
    """Return the strings of the library, sorted by file."""
    return [text for path in source_files() for text in texts_of(path)]


# --- The entries ---

class Entry:
    """Patterns, and the cause and the remedy of the reports that match."""

    def __init__(self, section, place):
        self.section, self.place = section, place
        self.patterns, self.cause, self.remedy = [], '', ''

    def matching(self, text):
        """Return the patterns that a report matches."""
        return [pattern for pattern in self.patterns if matches(pattern, text)]

    def shows(self, text):
        """Whether a string that matches is a report of its own."""
        return not any(pattern.startswith('~') for pattern in self.matching(text))


def matches(pattern, text):
    """Whether a report has the pieces of a pattern in this order, or is all of it."""
    if pattern.startswith(('=', '~')):
        return text.strip() == pattern[1:].strip()
    at = 0
    for piece in pattern.strip().split('*'):
        at = text.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return True


def read_entries():
    """Return the entries of all files."""
    return [entry for path in ENTRIES for entry in entries_of(path)]


def entries_of(path):
    """Return the entries of a file."""
    entries, section, current = [], '', None
    for number, line in enumerate(read(path).splitlines(), 1):
        if not line or line.startswith('# '):
            continue
        if line.startswith('== '):
            section, current = line[3:], None
            continue
        if current is None:
            current = Entry(section, f'{os.path.relpath(path, SOURCE_DIR)}:{number}')
            entries.append(current)
        if line.startswith('> '):
            current.cause, _, current.remedy = line[2:].partition(' | ')
            current = None
        else:
            current.patterns.append(line)
    return entries


def assign(texts, entries):
    """Return {entry: [text]}, and a line for each text and pattern without the other."""
    found, used, lines = {entry: [] for entry in entries}, set(), []
    for text in texts:
        fitting = [entry for entry in entries if entry.matching(text.text)]
        where = f'{text.path}:{text.line}: {text.function or "a macro"}: "{text.text}"'
        if len(fitting) != 1:
            lines.append(f'{where} has {len(fitting)} entries in tools/manual/errors_*.in' + ''.join(
                f', {entry.place}' for entry in fitting))
        for entry in fitting:
            found[entry].append(text)
            used |= {(entry, pattern) for pattern in entry.matching(text.text)}
    for entry in entries:
        lines += [f'{entry.place}: no report has "{pattern}"'
                  for pattern in entry.patterns if (entry, pattern) not in used]
        if entry.section != NOT_REPORTS and not (entry.cause and entry.remedy):
            lines.append(f'{entry.place}: the cause or the remedy is missing')
        if entry.section != NOT_REPORTS and found[entry] and not any(
                entry.shows(text.text) for text in found[entry]):
            lines.append(f'{entry.place}: it has only parts of other reports')
    return found, lines


# --- The pages ---

def errno_table():
    """Return the text before the table of coherent.h, the rows, and the text behind them."""
    text = re.search(r'^Errors\. (.*?)(?=^[A-Z]\w+\. )', head_of(os.path.join(INCLUDE, 'coherent.h'))[1],
                     re.M | re.S)[1]
    rows = [line for line in text.splitlines() if line.startswith('  ')]
    before, after = text.split('\n'.join(rows))
    return before.strip(), table_of(rows), after.strip()


def sections():
    """Return [(section, [(reports, entry)])], with each report once. --check finds what is missing."""
    found, _ = assign(all_texts(), read_entries())
    out = {}
    for entry, texts in found.items():
        if entry.section == NOT_REPORTS or not texts:
            continue
        shown = list(dict.fromkeys(text.shown() for text in texts if entry.shows(text.text)))
        out.setdefault(entry.section, []).append(
            ([text for text in shown if len(re.findall('[a-z]{2,}', text)) > 1], entry))
    return list(out.items())


def markdown():
    """Return docs/errors.md."""
    before, rows, after = errno_table()
    out = ['# Errors and reports', '', '`tools/errors.py` makes this page from the sources and from '
           '`tools/manual/errors_*.in`. The man\npage coherent-errors(7) has the same text.', '',
           '## Errors', '', before, '', '| error | cause |', '|---|---|']
    out += [f'| `{name}` | {" ".join(text.split())} |' for name, text in rows]
    about = textwrap.fill(re.sub('"(.*?)"', r'`\1`', ABOUT_REPORTS), 100, break_long_words=False)
    out += ['', after, '', '## Reports', '', about]
    for section, entries in sections():
        out += ['', f'### {section}']
        for reports, entry in entries:
            out += [''] + [f'- `{text}`' for text in reports]
            out += ['', f'  *Cause:* {entry.cause} *Remedy:* {entry.remedy}']
    return '\n'.join(out) + '\n'


def page(version, date):
    """Return coherent-errors(7)."""
    before, rows, after = errno_table()
    out = heading('coherent-errors', 7, version, date)
    out += '.SH NAME\ncoherent\\-errors \\- errors and reports, with causes and remedies\n'
    out += '.SH DESCRIPTION\n' + paragraphs(before)
    out += ''.join(f'.TP\n.B {name}\n{escape(text)}\n' for name, text in rows)
    out += '.PP\n' + paragraphs(after)
    out += '.SH REPORTS\n' + paragraphs(ABOUT_REPORTS)
    for section, entries in sections():
        out += f'.SS {escape(section)}\n'
        for reports, entry in entries:
            out += '.TP\n' + '\n.TQ\n'.join(escape(text) for text in reports) + '\n'
            out += f'{escape(entry.cause)}\n.I {escape(entry.remedy)}\n'
    return out + see_also([('coherent_device_open', 3), ('coherent_report_stderr', 3),
                           ('coherent_severity', 3), ('coherent', 7), ('coherent-devices', 7),
                           ('coherent-doctor', 1)])


def check():
    """Return what is wrong, a line each."""
    lines = assign(all_texts(), read_entries())[1]
    if lines:
        return lines
    return [] if read(PAGE) == markdown() else ['docs/errors.md is old: tools/errors.py --markdown >docs/errors.md']


def main():
    if len(sys.argv) == 6 and sys.argv[1] == '--man':
        version, date, output, depfile = sys.argv[2:]
        with open(output, 'w', encoding='utf-8') as out:
            out.write(page(version, date))
        with open(depfile, 'w', encoding='utf-8') as out:
            out.write(' '.join([f'{output}:', *source_files(), *ENTRIES, __file__,
                                os.path.join(INCLUDE, 'coherent.h')]) + '\n')
        return 0
    options = {'--markdown': markdown, '--list': lambda: ''.join(
        f'{text.path}:{text.line}: {text.function}: {text.text}\n' for text in all_texts())}
    if len(sys.argv) != 2 or sys.argv[1] not in (*options, '--check'):
        print('usage: errors.py --markdown | --check | --list | --man VERSION DATE OUTPUT DEPFILE',
              file=sys.stderr)
        return 2
    if sys.argv[1] == '--check':
        lines = check()
        print(''.join(f'{line}\n' for line in lines), end='')
        return 1 if lines else 0
    sys.stdout.write(options[sys.argv[1]]())
    return 0


if __name__ == '__main__':
    sys.exit(main())
