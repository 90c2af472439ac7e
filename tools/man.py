#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Make man pages from the comments of the public headers.

usage: man.py --names HEADER...
       man.py KERNEL_DOC VERSION OUTPUT_DIR INCLUDE_DIR HEADER...

Each function, macro, struct and enum that a header documents gets a page of section 3.
coherent(7) is the head of coherent.h, and a list of all pages. With --names, the program
only lists the names.
"""
import os
import re
import subprocess
import sys

DOCUMENTED = re.compile(r'^/\*\*\n \* (?:struct |enum |typedef )?(\w+)(?:\(\))? - ', re.M)
# Macros call these functions, so the page of the macro describes them.
INTERNAL = re.compile(r'coherent_base_|coherent_padding$')
SECTIONS = {'ARGUMENTS': 'PARAMETERS', 'RETURN': 'RETURN VALUE', 'Constants': 'CONSTANTS',
            'Members': 'MEMBERS', 'Description': 'DESCRIPTION'}
# Indented lines after an empty line: code or a table.
LITERAL = re.compile(r'^ \*\n((?: \*\t.*\n)+)', re.M)


def read(path):
    with open(path, encoding='utf-8') as header:
        return header.read()


def names_of(path):
    """Return the names that a header documents. A struct and a macro may have one name."""
    return list(dict.fromkeys(name for name in DOCUMENTED.findall(read(path))
                              if not INTERNAL.match(name)))


def comment_of(path, name):
    """Return the comment that documents a name, that of the macro if a struct has the name too."""
    return re.findall(rf'^/\*\*\n \* (?:struct |enum |typedef )?{name}(?:\(\))? - .*?\*/',
                      read(path), re.M | re.S)[-1]


def pages_of(made):
    """Split the output of kernel-doc by names. The page of a macro also has its struct's members."""
    pages = {}
    for text in re.split(r'^\.TH ', made, flags=re.M)[1:]:
        name = re.match(r'"[^"]*" 9 "(?:\w+ )?(\w+)"', text)[1]
        members = re.search(r'^\.SH Members\n.*?(?=^\.SH |\Z)', pages.get(name, ''), re.M | re.S)
        pages[name] = text + (members[0] if members else '')
    return pages


def heading(name, section, version):
    """Return the head of a page. Without hyphens in names a reader can search for them."""
    return f'.TH {name} {section} "" "libcoherent {version}" "libcoherent"\n.nh\n'


def prototype(synopsis):
    """Return a C declaration, made from the synopsis of kernel-doc."""
    if '{' in synopsis:
        text = re.sub(r'^\.(?:br|BI?)\b ?|^, *$', '', synopsis, flags=re.M).replace('"', '')
        text = text.replace('COHERENT_KERNEL_OPTIONS', 
                            'gfp_t gfp; bool managed; /* in the kernel only */')
        text = text.replace('COHERENT_IN_PLACE;', 'uint32_t in_place; /* in userspace only */')
        text = text.replace('COHERENT_ADDRESS_LIMITS;',
                            'uint64_t mask; uint64_t address; /* in userspace only */')
        text = text.replace('COHERENT_OWN_NODES;', 'uint64_t nodes; /* in userspace only */')
        text = text.replace('COHERENT_OWN_MEMORY;',
                            'uint64_t nodes; uint32_t address_is_pointer; /* in userspace only */')
        text = text.replace('COHERENT_GFP', 'gfp_t gfp; /* in the kernel only */')
        return re.sub(r'\n\n+', '\n', re.sub(r'(\w)\n(?= {4}|\}|\n)', r'\1,\n', text)).strip(' \n;') + ';'
    words = ' '.join(re.sub(r'^\.BI? ', '', synopsis, flags=re.M).replace('"', ' ').split())
    words = re.sub(r'\b(?:COHERENT_MUST_CHECK|COHERENT_INLINE|COHERENT_BASE(?:_INLINE)?) ?', '', words)
    words = re.sub(r'\s+([,);])', r'\1', re.sub(r'([(*])\s+', r'\1', words))
    return re.sub(r'(\w) \(', r'\1(', words, count=1)


def titles_of(path):
    """Return the name and the title of each page of a header."""
    comments = re.findall(DOCUMENTED.pattern + r'(.*)', read(path), re.M)
    return [(name, lower_first(title)) for name, title in comments if not INTERNAL.match(name)]


def lower_first(title):
    """Return a title as NAME wants it: without a full stop or a capital."""
    title = title.rstrip('.')
    return title if re.match('[A-Z]{2}', title) else title[0].lower() + title[1:]


def restore_literal(text, comment):
    """Put back the layout of code and tables, which kernel-doc takes away."""
    for block in LITERAL.findall(comment):
        lines = [('  ' + line[2:]).expandtabs(8) for line in block.splitlines()]
        words = [re.sub(r'&(\w+)', r'(?:&\1|\\\\fI\1\\\\fP)', re.escape(word).replace('\\&', '&'))
                 for word in block.replace('\n *', '\n').lstrip(' *').split()]
        found = re.search(r'^(?:\\&)?' + r'\s+(?:\\&)?'.join(words) + r'$', text, re.M)
        if not found:
            sys.exit(f'man.py: kernel-doc has changed this block:\n{block}')
        shown = ''.join(f'{line[4:]}\n' for line in lines)
        text = f'{text[:found.start()]}.nf\n{shown}.fi{text[found.end():]}'
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


def include_of(path, include):
    """Return the header that users include for a header."""
    header = os.path.relpath(path, include)
    return 'coherent.h' if '/detail/' in header else header


def link_types(text, own, names):
    """Mark the types that have a page of their own. Return the text and the option structs."""
    options = []

    def link(match):
        kind, name = match.groups()
        if name not in names or name == own:
            return match[0]
        if name.endswith('_options') and name not in options:
            options.append(name)
        return f'{kind} \\fB{name}\\fP(3)'

    return re.sub(r'\b(struct|enum) (coherent_\w+)', link, text), options


def page(name, text, header, version, names, typedef):
    """Return a page, made from the output of kernel-doc and the comment in the header."""
    before, synopsis, after = re.match(r'(.*?)(?:^\.SH SYNOPSIS\n(.*?))?((?:^\.SH (?!NAME).*)?)\Z',
                                       text, re.M | re.S).groups()
    title = lower_first(re.search(r'\\- (.*)', before)[1])
    declaration = '\n' + prototype(synopsis) + '\n' if synopsis else ''
    if typedef:
        declaration, after = f'\n{typedef[0]}\n', typedef[1] + after
    for old, new in SECTIONS.items():
        after = re.sub(rf'^\.SH "?{old}"?$', f'.SH {new}', after, flags=re.M)
    after = re.sub(r'^\.SH \w+\n(?=\.SH|\Z)', '', after, flags=re.M)
    after = re.sub(r'(\\fB(?:coherent_|COHERENT)\w*)\\fP', r'\1\\fP(3)', after)
    after = after.replace('.IP "COHERENT_GFP"', '.IP "gfp"')
    after = after.replace('.IP "COHERENT_IN_PLACE"', '.IP "in_place"')
    after = after.replace('.IP "COHERENT_ADDRESS_LIMITS"', '.IP "mask, address"')
    after = after.replace('.IP "COHERENT_OWN_NODES"', '.IP "nodes"')
    after = after.replace('.IP "COHERENT_OWN_MEMORY"', '.IP "nodes, address_is_pointer"')
    after = after.replace('.IP "COHERENT_KERNEL_OPTIONS"', '.IP "gfp, managed"')
    after, options = link_types(break_errors(after), name, names)
    see = ''.join(f',\n.BR {option} (3)' for option in options)
    return (heading(name, 3, version) + f'.SH NAME\n{name} \\- {title}\n'
            f'.SH SYNOPSIS\n.nf\n#include <{header}>\n{declaration}.fi\n{after}'
            f'.SH SEE ALSO\n.BR coherent (7){see}\n')


def list_of_pages(headers, include):
    """Return a section that lists the pages of each header that users include."""
    titles = {}
    for path in headers:
        titles.setdefault(include_of(path, include), []).extend(titles_of(path))
    out = ['.SH PAGES\n']
    for header, pages in titles.items():
        out += [f'.SS "#include <{header}>"\n'] if pages else []
        out += [f'.TP\n.BR {name} (3)\n{title}\n' for name, title in pages]
    return ''.join(out)


def concept(path, version):
    """Return coherent(7). A paragraph that begins with a word and a full stop begins a section."""
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
    return ''.join(out)


def main():
    if len(sys.argv) < (3 if sys.argv[1:2] == ['--names'] else 6):
        print('usage: man.py --names HEADER..., or '
              'man.py KERNEL_DOC VERSION OUTPUT_DIR INCLUDE_DIR HEADER...', file=sys.stderr)
        sys.exit(2)
    if sys.argv[1] == '--names':
        print('\n'.join(sorted(name for path in sys.argv[2:] for name in names_of(path))))
        return
    kernel_doc, version, output, include, *headers = sys.argv[1:]
    documented = {name for path in headers for name in names_of(path)}
    for path in headers:
        made = subprocess.run([kernel_doc, '-man', path], check=True, capture_output=True,
                              text=True).stdout
        pages = pages_of(made)
        for name in names_of(path):
            with open(os.path.join(output, name + '.3'), 'w', encoding='utf-8') as out:
                comment = comment_of(path, name)
                typedef = (typedef_members(comment, read(path).split(comment)[1])
                           if comment.startswith('/**\n * typedef') else None)
                out.write(page(name, restore_literal(pages[name], comment),
                               include_of(path, include), version, documented, typedef))
        if os.path.relpath(path, include) == 'coherent.h':
            with open(os.path.join(output, 'coherent.7'), 'w', encoding='utf-8') as out:
                text = concept(path, version) + list_of_pages(headers, include)
                out.write(text.replace('-', '\\-'))


if __name__ == '__main__':
    main()
