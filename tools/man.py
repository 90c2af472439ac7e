#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Make man pages from the comments of the public headers.

usage: man.py --names HEADER...
       man.py --files
       man.py KERNEL_DOC VERSION DATE OUTPUT_DIR INCLUDE_DIR HEADER...

Each function, macro, struct and enum that a header documents gets a page of section 3. With
--names, the program only lists the names, and with --files the other files that pages are made of.

tools/manual/ has what the comments do not: the types of macros (prototypes.in), the tasks of the
index in coherent(7) (tasks.in), what SEE ALSO names first (see.in), and examples. A page has the
example that names it, in the name of the file or in a comment "Pages: ...", or the shortest one
that uses its name. The pages of section 7 come from man_topics.py, and coherent-errors(7) from
errors.py.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

import man_topics  # noqa: E402
from man_synopsis import COLUMNS, MACROS, read_prototypes, wrap  # noqa: E402
from man_text import (comment_of, comments_of, escape, heading, literal, lower_first, names_of,  # noqa: E402
                      read, see_also)

HERE = os.path.dirname(os.path.abspath(__file__))
SECTIONS = {'ARGUMENTS': 'PARAMETERS', 'RETURN': 'RETURN VALUE', 'Constants': 'CONSTANTS',
            'Members': 'MEMBERS', 'Description': 'DESCRIPTION'}
# Indented lines after an empty line: code or a table.
LITERAL = re.compile(r'^ \*\n((?: \*\t.*\n)+)', re.M)
# The sentences that follow some declarations.
NOTES = ((r'\bT\b', 'T is the type of an element.'), (r'\bF\b', 'F is the type of the field.'),
         (r'\.field', 'The field is given with its dot, as in .len.'),
         (r'\[', 'Brackets are around what belongs to some types only.'),
         (r'\.\w+ = ', 'An option is given by name, as in .level = COHERENT_IOMMU, and may be left out.'))
RELATED_MAX = 12
# The headers of users that belong to one of the library, which coherent.h includes too.
OWNERS = {'coherent/detail/sim_model.h': 'coherent/sim.h'}


# --- The output of kernel-doc ---

def pages_of(made):
    """Split the output of kernel-doc by names. The page of a macro also has its struct's members."""
    pages = {}
    for text in re.split(r'^\.TH ', made, flags=re.M)[1:]:
        name = re.match(r'"[^"]*" 9 "(?:\w+ )?(\w+)"', text)[1]
        members = re.search(r'^\.SH Members\n.*?(?=^\.SH |\Z)', pages.get(name, ''), re.M | re.S)
        pages[name] = text + (members[0] if members else '')
    return pages


def read_see():
    """Return {page: [name]} of what SEE ALSO of a page names first."""
    lines = read(os.path.join(HERE, 'manual/see.in')).splitlines()
    pages = [line.partition(':') for line in lines if not line.startswith('#')]
    return {page: names.split() for page, _, names in pages}


def declaration_of(synopsis):
    """Return a C declaration, made from the synopsis of kernel-doc."""
    if '{' in synopsis:
        text = re.sub(r'^\.(?:br|BI?)\b ?|^, *$', '', synopsis, flags=re.M).replace('"', '')
        text = re.sub(r'\bCOHERENT_(?:ARG_)?NAMES\s+', '', text)
        for macro, (where, members) in MACROS.items():
            text = re.sub(rf'\b{macro}\b;?', f'{"; ".join(members)}; /* {where} */', text)
        text = re.sub(r'\n\n+', '\n', re.sub(r'(\w)\n(?= {4}|\}|\n)', r'\1,\n', text))
        return ''.join(line if len(line) < COLUMNS else re.match(' *', line)[0] + wrap(
            line.strip()).replace('\n', '\n    ') + '\n'
                       for line in text.strip(' \n;').splitlines(True)) + ';'
    words = ' '.join(re.sub(r'^\.BI? ', '', synopsis, flags=re.M).replace('"', ' ').split())
    words = re.sub(r'\b(?:COHERENT_MUST_CHECK|COHERENT_INLINE|COHERENT_BASE(?:_INLINE)?) ?', '', words)
    words = re.sub(r'\s+([,);])', r'\1', re.sub(r'([(*])\s+', r'\1', words))
    return wrap(re.sub(r'(\w) \(', r'\1(', words, count=1))


def restore_literal(text, comment):
    """Put back the layout of code and tables, which kernel-doc takes away."""
    for block in LITERAL.findall(comment):
        words = [re.sub(r'&(\w+)', r'(?:&\1|\\\\fI\1\\\\fP)', re.escape(word).replace('\\&', '&'))
                 for word in block.replace('\n *', '\n').lstrip(' *').split()]
        found = re.search(r'^(?:\\&)?' + r'\s+(?:\\&)?'.join(words) + r'$\n?', text, re.M)
        if not found:
            sys.exit(f'man.py: kernel-doc has changed this block:\n{block}')
        shown = literal([line[2:] for line in block.splitlines()])
        rest = text[found.end():]
        if shown.startswith('.TP') and not re.match(r'\n*(?:\.SH|\Z)', rest):
            rest = '.PP\n' + rest.lstrip('\n')
        text = f'{text[:found.start()]}{shown}{rest}'
    return text


def break_errors(text):
    """Begin a line at each error and each sentence of RETURN VALUE."""
    before, mark, after = text.partition('.SH RETURN VALUE\n')
    value, *rest = re.split(r'(?=^\.SH )', after, maxsplit=1, flags=re.M)
    depth, out = 0, ''
    for part in re.split(r'(\(|\)|\s+(?=-E[A-Z])|(?<=\.)\s+(?=[A-Z]))', value):
        depth += (part == '(') - (part == ')')
        out += '\n.br\n' if part.isspace() and not depth else part
    return before + mark + out + ''.join(rest)


def typedef_members(comment, source):
    """Return the declaration and the members of a typedef, which kernel-doc leaves out."""
    declaration = re.match(r'\n(typedef .*?\} \w+;)', source, re.S)[1].expandtabs(4)
    members = re.findall(r'^ \* @(\w+): (.*)', comment, re.M)
    return declaration, '.SH MEMBERS\n' + ''.join(f'.IP "{name}" 12\n{text}\n'
                                                for name, text in members)


def enum_of(source):
    """Return the declaration of an enum with its values, which kernel-doc leaves out."""
    body = re.match(r'\n(enum \w+ \{.*?\})', source, re.S)[1]
    return re.sub(r'/\*.*?\*/', '', body, flags=re.S).expandtabs(4) + ';'


# --- Examples ---

class Example:
    """A file of manual/examples. A comment "Pages: ..." names pages that have no better example."""

    def __init__(self, path):
        pages, self.text = re.fullmatch(r'/\* SPDX.*\n(?:/\* Pages: (.*) \*/\n)?((?:.|\n)*)',
                                        read(path)).groups()
        self.file = os.path.basename(path)
        self.pages = [f'coherent_{self.file.removesuffix(".c")}', *(pages or '').split(', ')]

    def shown(self):
        """Return the section of a page. The first comment says what the example does."""
        says, code = re.match(r'/\* (.*?) \*/\n(.*)', self.text, re.S).groups()
        return f'.SH EXAMPLES\n{escape(says)}\n.PP\n.nf\n{escape(code.expandtabs(8))}.fi\n'


def examples():
    """Return the examples, shortest first."""
    found = [Example(path) for path in glob.glob(os.path.join(HERE, 'manual/examples/*.c'))]
    return sorted(found, key=lambda example: (example.text.count('\n'), example.file))


def example_of(name, comments, all_examples):
    """Return the example that names the page, or the shortest one that uses the name.

    If there is none, it is one that uses what the comments mention.
    """
    for example in all_examples:
        if name in example.pages:
            return example
    joined = '\n'.join(comments)
    own = [name] if not comments[-1].startswith('/**\n * enum') else [
        name, *re.findall(r'^ \* @(COHERENT_\w+):', joined, re.M)]
    title = re.findall(r'\b(coherent_\w+)\(\)', comments[-1].split('\n')[1])
    used = re.findall(r'\b(coherent_\w+|COHERENT\w*)\(\)', joined)
    for words in (own, title, used):
        pattern = re.compile(rf'\b(?:{"|".join(words)})\b') if words else None
        for example in all_examples if pattern else []:
            if pattern.search(example.text):
                return example
    return None


# --- Pages ---

class Manual:
    """All headers, and what pages say of each other."""

    def __init__(self, include, headers):
        self.include = include
        self.sources = {path: read(path) for path in headers}
        self.names = {name: path for path in headers for name in names_of(path)}
        self.prototypes, self.arguments = read_prototypes('\n'.join(self.sources.values()))
        self.examples = examples()
        self.see = read_see()
        self.common = self.included(os.path.join(include, 'coherent.h'))

    def comments(self, name):
        return comments_of(self.sources[self.names[name]], name)

    def example(self, name):
        return example_of(name, self.comments(name), self.examples)

    def included(self, path):
        """Return the headers that a header includes, and those that these include."""
        found, new = set(), [path]
        while new:
            path = new.pop()
            found.add(path)
            for header in re.findall(r'^#include <(coherent\b.*)>', self.sources.get(path, ''), re.M):
                if os.path.join(self.include, header) not in found:
                    new.append(os.path.join(self.include, header))
        return found

    def header(self, name):
        """Return the header that users include for a name: coherent.h, if it has the name."""
        header = os.path.relpath(self.names[name], self.include)
        if header in OWNERS:
            return OWNERS[header]
        return 'coherent.h' if self.names[name] in self.common or '/detail/' in header else header

    def related(self, name):
        """Return the names of see.in, then what the page mentions, calls with it, and names beside it."""
        comments = '\n'.join(map(man_topics.moved, self.comments(name)))
        found = re.findall(r'\b(\w+)\(\)|\b(?:struct|enum) (\w+)', comments)
        mentioned = [word for pair in found for word in pair if word]
        source = self.sources[self.names[name]]
        parts = re.split(r'^(?:/\*|/\*\n \*) --- .* ---(?: \*/)?$', source, flags=re.M)
        group = next(([known for known in names_of(self.names[name]) if comments_of(part, known)]
                      for part in parts if comments_of(part, name)), [])
        at = group.index(name)
        nearest = sorted(group, key=lambda other: abs(group.index(other) - at))[:RELATED_MAX]
        beside = [other for other in group if other in nearest]
        first = self.see.get(name, [])
        return list(dict.fromkeys(word for word in first + mentioned + self.users(name) + beside
                                  if word in self.names and word != name))[:RELATED_MAX]

    def users(self, name):
        """Return the calls whose declaration has a type."""
        pattern = re.compile(rf'\b(?:struct|enum) {name}\b')
        found = []
        for other, path in self.names.items():
            code = self.sources[path].split(self.comments(other)[-1])[1].lstrip()
            declared = self.prototypes.get(other) or re.split(r'[;{]', code, maxsplit=1)[0]
            if other != name and pattern.search(declared) and not re.match('struct|enum', code):
                found.append(other)
        return found

    def topics(self, name, text):
        """Return the pages of section 7 that belong to a page."""
        header = os.path.relpath(self.names[name], self.include)
        found = ['coherent']
        if header in ('coherent/device.h', 'coherent/bar.h', 'coherent/config.h', 'coherent/fabric.h'):
            found.append('coherent-devices')
        if (re.search(r'-E[A-Z]{2}|Return: as coherent_', text) or
                name.endswith(('severity', 'report_stderr'))):
            found.append('coherent-errors')
        if 'qemu:' in text or name == 'coherent_device_open':
            found.append('coherent-qemu')
        if 'sim:' in text or header in ('coherent/sim.h', 'coherent/serve.h') or 'sim_' in name:
            found.append('coherent-sim')
        return found

    def name_rest(self, name, text):
        """Name the arguments that a macro has as "...", as SYNOPSIS does."""
        named = re.findall(r'^\.IP "(\w+)" 12$', text.partition('.SH DESCRIPTION\n')[0], re.M)
        rest = ', '.join(word for word in self.arguments.get(name, [])
                         if word.lstrip('.') not in named)
        return text.replace('.IP "..." 12\n', f'.IP "{rest}" 12\n', 1) if rest else text

    def link_types(self, text, own):
        """Mark the types that have a page of their own."""
        return re.sub(r'\b(struct|enum) (coherent_\w+)', lambda match: (
            f'{match[1]} \\fB{match[2]}\\fP(3)' if match[2] in self.names and match[2] != own
            else match[0]), text)

    def page(self, name, text, version, date):
        """Return a page, made from the output of kernel-doc and the comment in the header."""
        comment = self.comments(name)[-1]
        text = restore_literal(text, man_topics.moved(comment))
        before, synopsis, after = re.match(
            r'(.*?)(?:^\.SH SYNOPSIS\n(.*?))?((?:^\.SH (?!NAME).*)?)\Z', text, re.M | re.S).groups()
        title = lower_first(re.search(r'\\- (.*)', before)[1])
        declaration = self.prototypes.get(name) or declaration_of(synopsis or '')
        notes = ' '.join(text for pattern, text in NOTES if name in self.prototypes
                         and not name.startswith('COHERENT') and re.search(pattern, declaration))
        note = f'.fi\n.PP\n{notes}\n' if notes else '.fi\n'
        if comment.startswith('/**\n * typedef'):
            declaration, members = typedef_members(comment, self.sources[self.names[name]].split(comment)[1])
            after = members + after
        if comment.startswith('/**\n * enum'):
            declaration = enum_of(self.sources[self.names[name]].split(comment)[1])
        after = self.name_rest(name, after)
        for old, new in SECTIONS.items():
            after = re.sub(rf'^\.SH "?{old}"?$', f'.SH {new}', after, flags=re.M)
        after = re.sub(r'^\.SH \w+\n(?=\.SH|\Z)', '', after, flags=re.M)
        after = re.sub(r'\\fB((?:coherent_|COHERENT)\w*)\\fP', lambda found: (
            found[0] + '(3)' * (found[1] in self.names)), after)
        for macro, (_, members) in MACROS.items():
            names = ', '.join(member.split()[-1] for member in members)
            after = after.replace(f'.IP "{macro}"', f'.IP "{names}"')
        after = re.sub(r'^(\.SH "?CONTEXT"?\n)([a-z])', lambda found: found[1] + found[2].upper(), after,
                       flags=re.M)
        after = re.sub(r'(?<!\\)-(?=E[A-Z])', r'\\-', self.link_types(break_errors(after), name))
        topics = [(topic, 7) for topic in self.topics(name, comment)]
        return (heading(name, 3, version, date) + f'.SH NAME\n{name} \\- {title}\n'
                f'.SH SYNOPSIS\n.nf\n#include <{self.header(name)}>\n\n{escape(declaration)}\n{note}{after}'
                + self.example(name).shown()
                + see_also([*((other, 3) for other in self.related(name)), *topics]))


def run_kernel_doc(kernel_doc, sources):
    """Return the pages that kernel-doc makes of headers. It runs once, because it starts slowly."""
    with tempfile.TemporaryDirectory() as folder:
        copies = []
        for number, (path, source) in enumerate(sources.items()):
            if 'coherent_device_open() - ' in source:
                comment = comment_of(source, 'coherent_device_open')
                source = source.replace(comment, man_topics.moved(comment))
            # Two headers may have one name in two folders.
            copies.append(os.path.join(folder, f'{number}-{os.path.basename(path)}'))
            with open(copies[-1], 'w', encoding='utf-8') as file:
                file.write(source)
        return pages_of(subprocess.run([kernel_doc, '-man', *copies], check=True,
                                       capture_output=True, text=True).stdout)


def complain(manual):
    """Ends the program if something lacks what a page needs."""
    missing, wrong = man_topics.misplaced(manual.names)
    lines = [f'{name} is not in the index, tools/manual/tasks.in' for name in missing]
    lines += [f'tools/manual/tasks.in: {name} is there twice, or is not public' for name in wrong]
    lines += [f'no file in tools/manual/examples uses {name}' for name in manual.names
              if not manual.example(name)]
    listed = [(example.file, name) for example in manual.examples for name in example.pages[1:] if name]
    lines += [f'tools/manual/examples/{file}: {name} is not public, or another example names it'
              for file, name in listed
              if name not in manual.names or [known for _, known in listed].count(name) > 1]
    lines += [f'tools/manual/see.in: {name} is not public' for page, names in manual.see.items()
              for name in (page, *names) if name not in manual.names]
    lines += [f'tools/manual/prototypes.in: {name} is not public' for name in manual.prototypes
              if name not in manual.names]
    for name, path in manual.names.items():
        code = manual.sources[path].split(manual.comments(name)[-1])[1].lstrip()
        if code.startswith('#define') and name not in manual.prototypes:
            lines.append(f'tools/manual/prototypes.in: the macro {name} is missing')
    if lines:
        sys.exit('\n'.join(f'man.py: {line}' for line in lines))


def main():
    if sys.argv[1:] == ['--files']:
        print('\n'.join(sorted(glob.glob(os.path.join(HERE, 'man*.py')) +
                               glob.glob(os.path.join(HERE, 'manual/**/*.*'), recursive=True))))
        return
    if len(sys.argv) < (3 if sys.argv[1:2] == ['--names'] else 7):
        print('usage: man.py --names HEADER..., man.py --files, or '
              'man.py KERNEL_DOC VERSION DATE OUTPUT_DIR INCLUDE_DIR HEADER...', file=sys.stderr)
        sys.exit(2)
    if sys.argv[1] == '--names':
        print('\n'.join(sorted(name for path in sys.argv[2:] for name in names_of(path))))
        return
    kernel_doc, version, date, output, include, *headers = sys.argv[1:]
    # Ninja gives some paths relative to its folder, and the pages compare paths.
    include, *headers = map(os.path.abspath, [include, *headers])
    manual = Manual(include, headers)
    complain(manual)
    made = run_kernel_doc(kernel_doc, manual.sources)
    pages = {f'{name}.3': manual.page(name, made[name], version, date) for name in manual.names}
    pages.update(man_topics.Topics(version, date, include, headers).pages())
    for name, text in pages.items():
        with open(os.path.join(output, name), 'w', encoding='utf-8') as out:
            out.write(text)


if __name__ == '__main__':
    main()
