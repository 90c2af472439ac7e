# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The pages of the site, the links between them, and the files that they need."""
import glob
import html
import os
import posixpath
import re
import shutil
import string

import contents
import manual
import markdown

HERE = os.path.dirname(os.path.abspath(__file__))
CODE_NAME = re.compile(r'(<a\b.*?</a>|<h[1-6].*?</h[1-6]>|<pre.*?</pre>)|'
                       r'<code>((?:coherent|COHERENT)\w*)(\(\))?</code>', re.S)
LINK = re.compile(r'<(a href|img src)="([^"]*)"')


class Failed(Exception):
    """The site cannot be built. The message says why."""


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


class Page:
    """A page: its path in the site, its title, and its HTML. source is where its links start."""

    def __init__(self, path, title, body, headings=(), source=None):
        self.path, self.title, self.body = path, title, body
        self.headings, self.source = list(headings), source

    def way_to(self, path):
        """Return the address of a file of the site, from this page."""
        return posixpath.relpath(path, posixpath.dirname(self.path) or '.')


class Site:
    """All pages. A document may have several pages, and each anchor of it is on one of them."""

    def __init__(self, source_dir, build_dir, limit, man):
        self.source_dir, self.build_dir, self.limit, self.man = source_dir, build_dir, limit, man
        self.pages = []
        # The pages of a document, and the page of each anchor: (document, anchor) -> path.
        self.paths, self.anchors = {}, {}
        # Files to copy, and sources to show, by their path in the tree.
        self.files, self.sources = set(), set()
        # Pictures that the build draws, by name.
        self.drawn = {}
        self.errors = []
        self.template = string.Template(read(os.path.join(HERE, 'template.html')))
        self.sections = self.known_sections()

    def known_sections(self):
        """Return the sections of the menu, without documents that do not exist."""
        listed = {name for _, names in contents.SECTIONS for name in names}
        sections = [(title, [name for name in names if name.startswith('(') or
                             os.path.exists(os.path.join(self.source_dir, name))])
                    for title, names in contents.SECTIONS]
        sections[-1][1].extend(sorted({*glob.glob('docs/*.md', root_dir=self.source_dir)} - listed))
        return sections

    def documents(self):
        return [name for _, names in self.sections for name in names if name.endswith('.md')]

    def link_of(self, word):
        """Return the address of an identifier's page in the manual, from the top; or None."""
        return '/' + manual.address((word, '3')) if (word, '3') in self.man else None

    def add(self, name, page):
        """Add a page. name is the document, or another name of the page."""
        self.pages.append(page)
        self.paths.setdefault(name, page.path)
        for _, anchor, _ in page.headings:
            self.anchors[name, anchor] = page.path

    def add_document(self, name):
        """Add the pages of a document."""
        text = read(os.path.join(self.source_dir, name))
        made, headings = markdown.render(text, self.link_of)
        made = CODE_NAME.sub(self.linked_name, made)
        if name in contents.PICTURES:
            table = '<div class="scroll'
            made = made.replace(table, figure(contents.PICTURES[name]) + table, 1)
        first = markdown.plain(next((inner for level, _, inner in headings if level == 1), name))
        base = 'readme' if name == 'README.md' else posixpath.basename(name)[:-3].lower()
        parts = markdown.split(made, self.limit)
        for number, part in enumerate(parts, 1):
            path = f'{base}.html' if number == 1 else f'{base}-{number}.html'
            here = [head for head in headings if f' id="{html.escape(head[1])}"' in part]
            if len(parts) > 1:
                part += turn(base, number, len(parts))
            title = first if number == 1 else f'{first}, part {number}'
            self.add(name, Page(path, title, part, here, name))

    def linked_name(self, match):
        target = match[2] and self.link_of(match[2])
        if not target:
            return match[0]
        return f'<a href="{target}"><code>{match[2]}{match[3] or ""}</code></a>'

    # --- Links ---

    def resolve(self, page, target):
        """Return the address of a link on a page. A link that begins with / starts at the top."""
        if re.match(r'[a-z]+:', target):
            return target
        path, mark, anchor = html.unescape(target).partition('#')
        if not path and (anchor in ('top', 'menu') or f' id="{html.escape(anchor)}"' in page.body):
            return target
        if path.startswith('/'):
            found = path[1:]
        elif page.source is None:
            return target
        else:
            name = posixpath.normpath(posixpath.join(posixpath.dirname(page.source), path))
            found = self.place(name if path else page.source, anchor, page, target)
        return html.escape(page.way_to(found) + mark + anchor)

    def place(self, name, anchor, page, target):
        """Return the path in the site of a file of the tree."""
        if name in self.paths:
            if anchor and (name, anchor) not in self.anchors:
                self.errors.append(f'{page.source}: {target}: there is no such heading')
            return self.anchors.get((name, anchor), self.paths[name])
        man = re.search(r'([^/]+)\.([1-8])$', name)
        if man and man.groups() in self.man:
            return manual.address(man.groups())
        if not os.path.isfile(os.path.join(self.source_dir, name)):
            self.errors.append(f'{page.source}: {target}: there is no such file')
        elif name.endswith('.svg'):
            self.files.add(name)
            return posixpath.basename(name)
        self.sources.add(name)
        return f'source/{name}.html'

    def add_source(self, name):
        """Add a page that shows a file of the tree."""
        text = read(os.path.join(self.source_dir, name))
        language = 'c' if name.endswith(('.c', '.h')) else ''
        block = markdown.code_block(language, '', text, self.link_of)
        self.add(name, Page(f'source/{name}.html', name, f'<h1>{html.escape(name)}</h1>{block}'))

    # --- Output ---

    def menu(self, page):
        """Return the menu as a page shows it."""
        out, titles = [], {one.path: one.title for one in self.pages}
        for title, names in self.sections:
            out.append(f'<h2>{html.escape(title)}</h2><ul>')
            for name in names:
                path = self.paths[name]
                current = ' aria-current="page"' if path == page.path else ''
                label = contents.SHORT.get(name) or titles[path]
                out.append(f'<li><a href="/{path}"{current}>{html.escape(label)}</a></li>')
            out.append('</ul>')
        return ''.join(out)

    def document_of(self, page):
        """Return the whole text of a page, with links that start at the page."""
        heads = [head for head in page.headings if head[0] == 2]
        toc = ''.join(f'<li><a href="#{html.escape(anchor)}">{markdown.TAG.sub("", inner)}</a></li>'
                      for _, anchor, inner in heads)
        toc = f'<details class="toc"><summary>On this page</summary><ul>{toc}</ul></details>' \
            if len(heads) > 2 else ''
        body = page.body.replace('</h1>', '</h1>' + toc, 1)
        title = page.title if page.path == 'index.html' else f'{page.title} - libcoherent'
        text = self.template.substitute(title=html.escape(title), body=body, menu=self.menu(page),
                                        style=page.way_to('style.css'))
        return LINK.sub(lambda match: f'<{match[1]}="{self.resolve(page, match[2])}"', text)

    def write(self, output):
        """Write the site. Sources that the pages name are added on the way."""
        shutil.rmtree(output, ignore_errors=True)
        written, shown = 0, set()
        while written < len(self.pages) or self.sources - shown:
            for page in self.pages[written:]:
                self.put(os.path.join(output, page.path), self.document_of(page))
            written = len(self.pages)
            for name in sorted(self.sources - shown):
                shown.add(name)
                if os.path.isfile(os.path.join(self.source_dir, name)):
                    self.add_source(name)
        if self.errors:
            raise Failed('\nsite: '.join(dict.fromkeys(self.errors)))
        shutil.copy(os.path.join(HERE, 'style.css'), output)
        drawn = self.drawn | {os.path.basename(name): read(os.path.join(self.source_dir, name))
                              for name in self.files}
        for name, picture in drawn.items():
            self.put(os.path.join(output, name), picture)

    @staticmethod
    def put(path, text):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)


def turn(base, number, last):
    """Return the links between the pages of one document."""
    names = {1: f'{base}.html'} | {count: f'{base}-{count}.html' for count in range(2, last + 1)}
    current = {number: ' aria-current="page"'}
    return '<nav class="parts" aria-label="Parts of this page"><ul>' + ''.join(
        f'<li><a href="/{path}"{current.get(count, "")}>Part {count}</a></li>'
        for count, path in names.items()) + '</ul></nav>'


def figure(name):
    """Return a picture with its text. Its address starts at the top of the site."""
    alt = html.escape(contents.ALT[name])
    return f'<figure tabindex="0"><img src="/{name}" alt="{alt}"></figure>'
