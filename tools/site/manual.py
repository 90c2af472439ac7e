# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Turns the man pages of a build into HTML with mandoc. Each name with a section is a link."""
import html
import json
import os
import re
import subprocess

REFERENCE = re.compile(r'(<b>|<i>)?\b([A-Za-z][\w.-]*)(</b>|</i>)?\((\d)\)')
CALL = re.compile(r'\b(coherent_\w+|COHERENT_\w+)\b(?=\()(?!\(\d\))')
ERROR = re.compile(r'(?<![\w-])-E[A-Z]+\b')
OUTSIDE = re.compile(r'(<a\b.*?</a>|<[^>]*>)', re.S)
# The heading of pages that include no header.
OTHERS = 'others'
HEADINGS = {'1': 'Programs', '3': 'Functions, macros and types', '7': 'Concepts'}


def pages_of(build_dir):
    """Return the paths of the man pages that a build installs, by name and section."""
    made = subprocess.run(['meson', 'introspect', '--installed', build_dir], check=True,
                          capture_output=True, text=True).stdout
    found = {}
    for path, target in json.loads(made).items():
        place = re.search(r'/man/man\d/([^/]+)\.(\d)$', target)
        if place:
            found[place[1], place[2]] = path
    return dict(sorted(found.items(), key=lambda item: (item[0][1], item[0][0].lower())))


def address(page):
    """Return the path of a page in the site."""
    return f'man/{page[0]}.{page[1]}.html'


def linked(text, pages, own):
    """Turn each name(3) and each call of a function that has a page into a link."""
    def reference(match):
        page = match[2], match[4]
        if page not in pages or page == own:
            return match[0]
        name = f'{match[1] or ""}{match[2]}{match[3] or ""}({match[4]})'
        return f'<a href="{os.path.basename(address(page))}">{name}</a>'

    def call(match):
        page = match[1], '3'
        if page not in pages or page == own:
            return match[0]
        return f'<a href="{os.path.basename(address(page))}">{match[1]}</a>'

    def words(piece):
        return ERROR.sub(r'<span class="error">\g<0></span>', CALL.sub(call, piece))

    pieces = OUTSIDE.split(REFERENCE.sub(reference, text))
    return ''.join(piece if piece.startswith('<') else words(piece) for piece in pieces)


def tidied(text):
    """Repair what mandoc makes of a page of man(7): headings, empty lines, the tables."""
    text = re.sub(r'<table class="(?:head|foot)">.*?</table>\n?', '', text, flags=re.S)
    text = re.sub(r'<p class="Pp">\s*</p>\n', '', text)
    text = re.sub(r'<pre>.*?</pre>', lambda block: re.sub(r'\n?<br/>\n', '\n', block[0]), text,
                  flags=re.S)
    text = re.sub(r'<pre>\n*', '<pre tabindex="0">', text)
    text = re.sub(r'<(/?)h2\b', r'<\1h3', text)
    text = re.sub(r'<(/?)h1\b', r'<\1h2', text)
    text = re.sub(r'<a class="permalink"[^>]*>(.*?)</a>', r'\1', text, flags=re.S)
    text = re.sub(r'<dt>\s*</dt>\n?', '', text)
    return re.sub(r' class="(?:Pp|Sh|Ss|Bl-tag|Bl-bullet)"', '', text)


def convert(pages):
    """Return the HTML of each page."""
    run = subprocess.run(['mandoc', '-Thtml', '-O', 'fragment', *pages.values()], check=False,
                         capture_output=True, text=True)
    texts = re.split(r'(?=<table class="head">)', run.stdout)[1:]
    if len(texts) != len(pages):
        raise RuntimeError(f'mandoc made {len(texts)} pages of {len(pages)}: {run.stderr}')
    return {page: linked(tidied(text), pages, page) for page, text in zip(pages, texts)}


def title_of(text):
    """Return what a page says behind its name in NAME."""
    found = re.search(r'id="NAME".*?<p>(.*?)</p>', text, re.S)
    words = ' '.join(re.sub(r'<[^>]*>', '', found[1]).split()) if found else ''
    return re.split(r'\s[-\u2013\u2010\u2014]\s', words, maxsplit=1)[-1]


def header_of(text):
    """Return the header that the SYNOPSIS of a page includes."""
    found = re.search(r'#include &lt;([\w/.-]+)&gt;', text)
    return f'#include <{found[1]}>' if found else OTHERS


def listed(pages, texts):
    return '<dl class="index">' + ''.join(
        f'<dt><a href="{address(page)}">{html.escape(page[0])}({page[1]})</a></dt>'
        f'<dd>{title_of(texts[page])}</dd>' for page in pages) + '</dl>'


def index(texts):
    """Return (HTML, headings) of the list of all pages: concepts, programs, functions."""
    out, headings = [], []

    def head(level, title):
        anchor = re.sub(r'\W+', '-', title.lower()).strip('-')
        headings.append((level, anchor, html.escape(title)))
        out.append(f'<h{level} id="{anchor}">{html.escape(title)}</h{level}>')

    for section in sorted({page[1] for page in texts}, key=lambda number: (number != '7', number)):
        head(2, HEADINGS.get(section, f'Section {section}'))
        pages = [page for page in texts if page[1] == section]
        groups = {}
        for page in pages:
            groups.setdefault(header_of(texts[page]) if section == '3' else '', []).append(page)
        for name, members in sorted(groups.items(), key=lambda item: (item[0] == OTHERS, item[0])):
            if name:
                head(3, name)
            out.append(listed(members, texts))
    return ''.join(out), headings
