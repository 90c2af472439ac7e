# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Turns a document into HTML with cmark-gfm. Each heading gets the anchor that forges give it."""
import html
import re
import subprocess

CMARK = ['cmark-gfm', '-e', 'table', '-e', 'strikethrough', '--full-info-string', '--unsafe']
CODE = re.compile(r'<pre><code(?: class="language-([\w+]+)")?(?: data-meta="([^"]*)")?>'
                  r'(.*?)</code></pre>', re.S)
HEADING = re.compile(r'<h([1-6])>(.*?)</h\1>', re.S)
TAG = re.compile(r'<[^>]*>')
C_TOKEN = re.compile(r'(?P<comment>/\*.*?\*/|//[^\n]*)'
                     r'|(?P<string>"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\')'
                     r'|(?P<directive>^[ \t]*#[ \t]*\w+)|(?P<word>\b[A-Za-z_]\w*\b)', re.M | re.S)
KEYWORDS = set('''break case char const continue default do double else enum extern for goto if int
    inline long return short signed sizeof static struct switch typedef union unsigned void volatile
    while bool size_t uint8_t uint16_t uint32_t uint64_t uintptr_t'''.split())


def slug(text, used):
    """Return the anchor of a heading: as GitHub makes it, with a number if it is used already."""
    base = re.sub(r'[^\w\- ]', '', text.strip().lower()).replace(' ', '-')
    anchor, number = base, 0
    while anchor in used:
        number += 1
        anchor = f'{base}-{number}'
    used.add(anchor)
    return anchor


def plain(marked):
    """Return the text of some HTML."""
    return html.unescape(TAG.sub('', marked))


def colour_c(code, link):
    """Mark the tokens of C code. link(word) returns the address of the word's page, or None."""
    def mark(match):
        kind, token = match.lastgroup, html.escape(match[0], quote=False)
        if kind == 'word':
            if match[0] in KEYWORDS:
                return f'<b>{token}</b>'
            target = link(match[0])
            return f'<a href="{target}">{token}</a>' if target else token
        return f'<span class="{kind}">{token}</span>'

    out, at = [], 0
    for match in C_TOKEN.finditer(code):
        out += [html.escape(code[at:match.start()], quote=False), mark(match)]
        at = match.end()
    return ''.join(out) + html.escape(code[at:], quote=False)


def code_block(language, name, code, link):
    """Return a block of code. A block that scrolls can be reached with the keyboard."""
    is_file = language not in ('sh', 'text') and re.search(r'(\.\w+|Kbuild|Makefile)$', name)
    title = f'<figcaption>{html.escape(name)}</figcaption>' if is_file else ''
    shown = colour_c(code, link) if language in ('c', 'cpp') else html.escape(code, quote=False)
    block = f'<pre tabindex="0"><code>{shown}</code></pre>'
    return f'<figure class="code">{title}{block}</figure>' if title else block


def table(match):
    """Return a table that scrolls. The first column of a wide one stays in sight."""
    wide = ' wide' if match[1].partition('</tr>')[0].count('</th>') > 7 else ''
    return f'<div class="scroll{wide}" tabindex="0"><table>{match[1]}</table></div>'


def render(text, link):
    """Return (HTML, headings) of a document. A heading is (level, anchor, HTML)."""
    made = subprocess.run(CMARK, input=text, check=True, capture_output=True, text=True).stdout
    used, headings = set(), []

    def head(match):
        level, inner = int(match[1]), match[2]
        anchor = slug(plain(inner), used)
        headings.append((level, anchor, inner))
        return (f'<h{level} id="{html.escape(anchor)}">{inner} <a class="anchor" '
                f'href="#{html.escape(anchor)}" aria-label="Link to this heading">#</a></h{level}>')

    def block(match):
        return code_block(match[1] or '', match[2] or '', html.unescape(match[3]), link)

    made = HEADING.sub(head, made)
    made = CODE.sub(block, made)
    made = re.sub(r' align="(\w+)"', r' class="\1"', made)
    made = re.sub(r'<table>(.*?)</table>', table, made, flags=re.S)
    return made, headings


def split(made, limit):
    """Split HTML before headings of level 2, into parts of at most limit bytes if possible."""
    parts = ['']
    for section in re.split(r'(?=<h2 )', made):
        if parts[-1] and len((parts[-1] + section).encode()) > limit:
            parts.append('')
        parts[-1] += section
    return parts
