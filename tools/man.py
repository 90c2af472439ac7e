#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Man pages from the comments of public headers.

usage: man.py --names INCLUDE_DIR HEADER...
       man.py KERNEL_DOC VERSION OUTPUT_DIR INCLUDE_DIR HEADER...

One page of section 3 for each function, macro, struct and enum that a header
documents; coherent(7) is the head of coherent.h. With --names, only lists them.
"""
import os
import re
import subprocess
import sys

DOCUMENTED = re.compile(r'^/\*\*\n \* (?:struct |enum |typedef )?(\w+)(?:\(\))? - ', re.M)
# What macros call stands with the macro; these are not called by hand.
INTERNAL = re.compile(r'coherent_base_|coherent_padding$')
SECTIONS = {'ARGUMENTS': 'PARAMETERS', 'RETURN': 'RETURN VALUE', 'Constants': 'CONSTANTS',
            'Members': 'MEMBERS', 'Description': 'DESCRIPTION'}


def read(path):
    with open(path, encoding='utf-8') as header:
        return header.read()


def names_of(path):
    """What a header documents."""
    return [name for name in DOCUMENTED.findall(read(path)) if not INTERNAL.match(name)]


def heading(name, section, version):
    return f'.TH {name} {section} "" "libcoherent {version}" "libcoherent"\n'


def prototype(synopsis):
    """A C declaration from the synopsis of kernel-doc."""
    if '{' in synopsis:
        text = re.sub(r'^\.(?:br|BI?)\b ?|^, *$', '', synopsis, flags=re.M).replace('"', '')
        return re.sub(r'\n\n+', '\n', re.sub(r'(\w)\n(?= {4}|\}|\n)', r'\1,\n', text)).strip(' \n;') + ';'
    words = ' '.join(re.sub(r'^\.BI? ', '', synopsis, flags=re.M).replace('"', ' ').split())
    words = re.sub(r'\b(?:COHERENT_MUST_CHECK|COHERENT_INLINE) ?', '', words)
    words = re.sub(r'\s+([,);])', r'\1', re.sub(r'([(*])\s+', r'\1', words))
    return re.sub(r'(\w) \(', r'\1(', words, count=1)


def page(name, text, header, version):
    """A page, from what kernel-doc makes of it."""
    before, synopsis, after = re.match(r'(.*?)(?:^\.SH SYNOPSIS\n(.*?))?((?:^\.SH (?!NAME).*)?)\Z',
                                       text, re.M | re.S).groups()
    title = re.search(r'\\- (.*)', before)[1]
    declaration = '\n' + prototype(synopsis) + '\n' if synopsis else ''
    for old, new in SECTIONS.items():
        after = re.sub(rf'^\.SH "?{old}"?$', f'.SH {new}', after, flags=re.M)
    after = re.sub(r'^\.SH \w+\n(?=\.SH)', '', after, flags=re.M)
    after = re.sub(r'(\\fBcoherent_\w+)\\fP', r'\1\\fP(3)', after)
    return (heading(name, 3, version) + f'.SH NAME\n{name} \\- {title}\n'
            f'.SH SYNOPSIS\n.nf\n#include <{header}>\n{declaration}.fi\n{after}'
            '.SH SEE ALSO\n.BR coherent (7)\n')


def concept(path, version):
    """coherent(7): the paragraphs that begin with a word and a full stop are sections."""
    comment = re.search(r'/\*\n(.*?) \*/\n#ifndef', read(path), re.S)[1]
    text = re.sub(r'^ \* ?', '', comment, flags=re.M)
    title, text = text.split('\n\n', 1)
    out = [heading('coherent', 7, version), '.SH NAME\n',
           f'coherent - {title[0].lower()}{title[1:].rstrip(".")}\n', '.SH DESCRIPTION\n']
    for block in text.strip('\n').split('\n\n'):
        if section := re.match(r'([A-Z][a-z]+)\. ', block):
            out.append(f'.SH {section[1].upper()}\n')
            block = block[section.end():]
        verbatim = False
        for line in ['.PP', *block.splitlines()]:
            if line.startswith('  ') != verbatim:
                out.append('.fi\n' if verbatim else '.nf\n')
                verbatim = not verbatim
            out.append((line if line == '.PP' else re.sub(r"^(?=[.'])", r'\\&', line)) + '\n')
        if verbatim:
            out.append('.fi\n')
    return ''.join(out).replace('-', '\\-')


def main():
    if sys.argv[1] == '--names':
        print('\n'.join(sorted(name for path in sys.argv[3:] for name in names_of(path))))
        return
    kernel_doc, version, output, include, *headers = sys.argv[1:]
    for path in headers:
        header = os.path.relpath(path, include)
        made = subprocess.run([kernel_doc, '-man', path], check=True, capture_output=True,
                              text=True).stdout
        pages = {re.match(r'"[^"]*" 9 "(?:\w+ )?(\w+)"', text)[1]: text
                 for text in re.split(r'^\.TH ', made, flags=re.M)[1:]}
        for name in names_of(path):
            with open(os.path.join(output, name + '.3'), 'w', encoding='utf-8') as out:
                out.write(page(name, pages[name], header, version))
        if header == 'coherent.h':
            with open(os.path.join(output, 'coherent.7'), 'w', encoding='utf-8') as out:
                out.write(concept(path, version))


if __name__ == '__main__':
    main()
