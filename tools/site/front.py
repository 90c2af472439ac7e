# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The front page, the manual and the examples of faults; and the order in which pages are made."""
import html
import os
import re

import contents
import enforce
import faults
import manual
import markdown
import record
from site_pages import Failed, Page, figure, read

# The front page says this about a section of the menu.
CARDS = {
    'Tutorials': 'From an empty file to a tested driver, and from a datasheet to a network driver.',
    'Kinds of device': 'The promises that the library keeps on each backend, and where it cannot.',
    'Manual': 'A page for each function, macro, type and command, and examples of faults.',
    'Porting': 'How a driver for libvfn, SPDK, DPDK or plain VFIO moves here.',
    'Linux kernel': 'The same contract in the kernel, over the DMA API.',
    'Performance': 'What each call costs, beside the fastest peers.',
}


def introduction(site):
    """Return README's paragraphs before its picture, and its first program."""
    text = read(os.path.join(site.source_dir, 'README.md'))
    first = text.split('\n```', 1)[0].split('\n', 1)[1]
    program = re.search(r'^## A first program\n.*?(?=^The simulator also)', text, re.M | re.S)
    if not program:
        raise Failed('README.md has no section "A first program", which the front page shows')
    return first, program[0]


def front_page(site):
    """Add index.html: what the library is, the sections, a picture, a program, a recording."""
    first, program = (markdown.render(text, site.link_of)[0] for text in introduction(site))
    cards = ''.join(f'<li><a href="/{site.paths[names[0]]}">{title}</a><p>{CARDS[title]}</p></li>'
                    for title, names in site.sections if title in CARDS and names)
    demo = os.path.join(site.source_dir, 'docs/demo.svg')
    lines = html.escape(record.text_of(read(demo)), quote=False)
    body = (f'<h1>libcoherent</h1><div class="lead">{first}</div>'
            f'<nav class="cards" aria-label="Sections"><ul>{cards}</ul></nav>'
            f'<h2 id="life">The life of a page</h2>{figure("life.svg")}'
            f'{program}<h2 id="demo">What <code>make demo</code> prints</h2>{figure("demo.svg")}'
            '<details><summary>The recording as text</summary>'
            f'<pre tabindex="0">{lines}</pre></details>')
    site.files |= {'docs/life.svg', 'docs/demo.svg'}
    site.add(contents.FRONT, Page('index.html', 'libcoherent', body, source='README.md'))


def manual_pages(site):
    """Add a page for each man page, and the list of them."""
    texts = manual.convert(site.man)
    made, headings = manual.index(texts)
    intro = '<h1>Manual</h1><p>These are the man pages that <code>make install</code> installs.</p>'
    site.add(contents.MANUAL, Page('manual.html', 'Manual', intro + made, headings))
    for page, text in texts.items():
        title = f'{page[0]}({page[1]})'
        up = '<p class="up"><a href="/manual.html">Manual</a></p>'
        heads = [(2, anchor, inner) for anchor, inner in
                 re.findall(r'<h2[^>]* id="([^"]*)"[^>]*>(.*?)</h2>', text, re.S)]
        body = f'{up}<h1>{page[0]}<wbr>({page[1]})</h1>{text}'
        site.add(title, Page(manual.address(page), title, body, heads))


def add_pages(site):
    """Make all pages. The front page comes last, because its cards lead to the others."""
    manual_pages(site)
    for name in site.documents():
        site.add_document(name)
    try:
        body, headings = faults.page(site.source_dir, site.build_dir, site.link_of)
    except faults.Wrong as error:
        raise Failed(error) from error
    site.add(contents.FAULTS, Page('faults.html', 'Examples of faults', body, headings))
    try:
        promises = read(os.path.join(site.source_dir, 'docs/backends.md'))
        site.drawn['enforce.svg'] = enforce.draw(promises)
    except ValueError as error:
        raise Failed(f'docs/backends.md: {error}') from error
    front_page(site)
