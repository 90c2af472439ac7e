# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The pages of the web site, and their links that lead nowhere."""
import glob
import html.parser
import os
import urllib.parse

from tap import read


class Parsed(html.parser.HTMLParser):
    """The links, anchors, pictures and resources of a page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.ids, self.resources, self.wrong = [], [], [], []
        self.feed(read(path))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids += [attrs['id']] if 'id' in attrs else []
        if tag == 'a':
            self.links.append(attrs.get('href', ''))
        elif tag in ('img', 'link'):
            self.resources.append(attrs.get('src') or attrs.get('href') or '')
        elif tag in ('script', 'iframe', 'object', 'embed', 'video', 'audio', 'source'):
            self.wrong.append(f'<{tag}>')
        if tag == 'img' and len(attrs.get('alt') or '') < 10:
            self.wrong.append(f'the picture {attrs.get("src")} has no text')
        self.wrong += [f'{name} on <{tag}>' for name in attrs if name.startswith('on')]


def pages_of(site):
    """Return each page by its path in the site."""
    return {path: Parsed(os.path.join(site, path))
            for path in glob.glob('**/*.html', root_dir=site, recursive=True)}


def dead_links(site, pages):
    """Yield each link of the site that leads nowhere, or to a file that the site does not have."""
    for path, page in pages.items():
        for target in page.links + page.resources:
            parts = urllib.parse.urlsplit(target)
            if parts.scheme in ('http', 'https', 'mailto') and target in page.links:
                continue
            name = path
            if parts.path:
                name = os.path.normpath(os.path.join(os.path.dirname(path), parts.path))
            if parts.scheme or parts.netloc or name.startswith(('..', '/')) or \
                    not os.path.isfile(os.path.join(site, name)):
                yield f'{path}: {target}'
            elif parts.fragment and urllib.parse.unquote(parts.fragment) not in pages[name].ids:
                yield f'{path}: {target}: there is no such anchor'
