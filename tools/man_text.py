# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Comments of headers, and the text of man pages that is made of them."""
import functools
import re

DOCUMENTED = re.compile(r'^/\*\*\n \* (?:struct |enum |typedef )?(\w+)(?:\(\))? - ', re.M)
# Macros call these functions, so the page of the macro describes them.
INTERNAL = re.compile(r'coherent_base_|coherent_padding$')
# A line of a table, and one that goes on with the text of the line before.
ROW = re.compile(r'(?:\t([^\s\t][^\t]*)\t+|  ([A-Z][A-Z, ]*?) {2,})(\S.*)')
MORE = re.compile(r'(?:\t\t+| {8,})(\S.*)')


def read(path):
    with open(path, encoding='utf-8') as header:
        return header.read()


def names_of(path):
    """Return the names that a header documents. A struct and a macro may have one name."""
    return list(dict.fromkeys(name for name in DOCUMENTED.findall(read(path))
                              if not INTERNAL.match(name)))


@functools.cache
def comments_of(source, name):
    """Return the comments that document a name: of a struct, and of the macro with its name."""
    return re.findall(rf'^/\*\*\n \* (?:struct |enum |typedef )?{name}(?:\(\))? - .*?\*/',
                      source, re.M | re.S)


def comment_of(source, name):
    """Return the comment that documents a name, that of the macro if a struct has the name too."""
    return comments_of(source, name)[-1]


def plain(comment):
    """Return the text of a comment without its stars."""
    return re.sub(r'^ \* ?', '', re.sub(r'^/\*\*?\n| ?\*/$', '', comment), flags=re.M).strip('\n')


def head_of(path):
    """Return the comment at the head of a header, as (title, text)."""
    first, _, rest = plain(re.search(r'^/\*\n.*?\*/', read(path), re.M | re.S)[0]).partition('\n\n')
    return first, rest


def titles_of(path):
    """Return the name and the title of each page of a header."""
    comments = re.findall(DOCUMENTED.pattern + r'(.*)', read(path), re.M)
    return [(name, lower_first(title)) for name, title in comments if not INTERNAL.match(name)]


def lower_first(title):
    """Return a title as NAME wants it: without a full stop or a capital."""
    title = title.rstrip('.')
    return title if re.match('[A-Z]{2}', title) else title[0].lower() + title[1:]


# --- roff ---

def escape(text):
    """Return text in which roff finds no commands, and in which a reader can search for a hyphen."""
    return re.sub(r"^(?=[.'])", r'\\&', text.replace('\\', '\\e').replace('-', '\\-'), flags=re.M)


def heading(name, section, version, date):
    """Return the head of a page. Without hyphens in names a reader can search for them."""
    return f'.TH {name} {section} "{date}" "libcoherent {version}" "libcoherent"\n.nh\n'


def table_of(lines):
    """Return [(word, text)] if all lines are those of a table; otherwise None."""
    rows = []
    for line in lines:
        if row := ROW.fullmatch(line):
            rows.append([row[1] or row[2], row[3]])
        elif (more := MORE.fullmatch(line)) and rows:
            rows[-1][1] += '\n' + more[1]
        else:
            return None
    return rows


def literal(lines):
    """Return indented lines as a table, or as they are."""
    if rows := table_of(lines):
        return ''.join(f'.TP\n.B {escape(word)}\n{escape(text)}\n' for word, text in rows)
    shown = [line.expandtabs(8) for line in lines]
    narrow = min(len(line) - len(line.lstrip()) for line in shown if line.strip())
    return '.nf\n' + escape('\n'.join(('    ' + line[narrow:]).rstrip() for line in shown)) + '\n.fi\n'


def paragraphs(text):
    """Return the roff of a text. The first paragraph follows a heading."""
    out, new = '', False
    for block in text.strip('\n').split('\n\n'):
        runs = []
        for line in block.splitlines():
            if runs and (runs[-1][0][:1] in '\t ') == (line[0] in '\t '):
                runs[-1].append(line)
            else:
                runs.append([line])
        for lines in runs:
            indented = lines[0][0] in '\t '
            out += '.PP\n' if new and not table_of(lines) else ''
            out += literal(lines) if indented else escape('\n'.join(lines)) + '\n'
            new = True
    return out


def link(text, names):
    """Mark the calls that have a page of their own."""
    return re.sub(r'(?<![\w\\])(coherent_\w+|COHERENT\w*)\(\)(?!\()',
                  lambda found: f'\\fB{found[1]}\\fP(3)' if found[1] in names else found[0], text)


def see_also(references):
    """Return the section SEE ALSO of [(name, section)]."""
    return '.SH SEE ALSO\n' + ',\n'.join(f'.BR {escape(name)} ({section})'
                                         for name, section in references) + '\n'
