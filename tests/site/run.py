#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The site that tools/site builds: run.py SOURCE_DIR BUILD_DIR. Prints TAP.

Each link and each anchor leads somewhere, also those of the documents in the tree. Each page is
valid HTML, has at most 200 KB, and needs neither the network nor a script. Each picture has a text
and is well-formed. The colours have the contrast that WCAG AA wants.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile
import xml.dom.minidom

from needs import lacking

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from links import dead_links, pages_of  # noqa: E402
from tap import Results, read  # noqa: E402

PAGE_MAX = 200 * 1000
CONTRAST = 4.5
# (text, what is behind it) in style.css.
COLOURS = [('text', 'back'), ('text', 'panel'), ('text', 'chosen'), ('muted', 'back'),
           ('muted', 'panel'), ('link', 'back'), ('link', 'panel'), ('comment', 'panel'),
           ('string', 'panel'), ('word', 'panel')]
# The programs of the page of faults print these words.
FAULTS = ('box, not exposed yet', 'read-only', 'past the end of one', 'reclaimed',
          '1 fault was never read', 'is not freed', 'All results are as expected')
# Notes of docs/backends.md, and cells of its table: (world, answer, what the picture says).
NOTES = {'1': 'No: it is mapped.', '2': 'An expose returns -EOPNOTSUPP.', '3': 'Only if idle.',
         '4': 'Does not apply: it has none.', '5': 'Yes over a fence.', '6': 'At times.'}
CELLS = [('sim', 'yes', 'the simulator'), ('kernel, HIDDEN', '[1]', 'nobody'),
         ('vhost-user', '[2]', 'expose refuses'), ('vhost-user', '[3]', 'the kernel, if idle'),
         ('vfio, 7.3', 'absent', 'not run'), ('vfio, 6.1', 'yes', 'the IOMMU'),
         ('vfio-user:files', '[4]', 'does not apply'), ('vfio-user:files', '[5]', 'the kernel'),
         ('vfio-user', '[6]', 'see the note')]
# tidy is older than these parts of HTML, or they do no harm.
ACCEPTED = re.compile(r'proprietary attribute "aria-current"')
ELSEWHERE = re.compile(r'@import|url\((?!["\']?#)[^)]*\)|(?:href|src)=["\'](?!#)[^"\']*|<script'
                       r'|https?:[^\s"]*')
FENCED = re.compile(r'^```.*?^```', re.S | re.M)


def twice(pages):
    """Yield each anchor that a page has twice."""
    for path, page in pages.items():
        yield from (f'{path}: {name}' for name in sorted(set(page.ids)) if page.ids.count(name) > 1)


def dead_in_tree(source_dir, slug):
    """Yield each link of a document that leads to no file or to no heading of a document."""
    names = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md',
             *glob.glob('docs/*.md', root_dir=source_dir)]
    texts = {name: FENCED.sub('', read(os.path.join(source_dir, name))) for name in names}
    anchors = {}
    for name, text in texts.items():
        used = set()
        for title in re.findall(r'^#{1,6} (.*)', text, re.M):
            slug(re.sub(r'\[([^\]]*)\]\([^)]*\)', r'\1', title.replace('`', '')), used)
        anchors[name] = used
    for name, text in texts.items():
        for target in re.findall(r'\]\(([^)\s]+)\)', text):
            path, _, anchor = target.partition('#')
            if re.match(r'[a-z]+:', target):
                continue
            found = os.path.normpath(os.path.join(os.path.dirname(name), path)) if path else name
            if not os.path.exists(os.path.join(source_dir, found)):
                yield f'{name}: {target}: there is no such file'
            elif anchor and anchor not in anchors.get(found, ()):
                yield f'{name}: {target}: there is no such heading'


def invalid(site, pages):
    """Return what tidy says about the pages."""
    run = subprocess.run(['tidy', '-quiet', '-errors', '--gnu-emacs', 'yes', *sorted(pages)],
                         cwd=site, check=False, capture_output=True, text=True)
    return [line for line in run.stderr.splitlines() if not ACCEPTED.search(line)]


def outside(site):
    """Yield each style sheet and picture that asks for another file."""
    for path in glob.glob(os.path.join(site, '*.css')) + glob.glob(os.path.join(site, '*.svg')):
        text = re.sub(r'xmlns(?::\w+)?="[^"]*"', '', read(path))
        for found in ELSEWHERE.findall(text):
            yield f'{os.path.basename(path)}: {found}'


def bad_pictures(site):
    """Yield each picture that is not well-formed, or is black on nothing."""
    for path in glob.glob(os.path.join(site, '*.svg')):
        name = os.path.basename(path)
        try:
            xml.dom.minidom.parse(path)
        except xml.parsers.expat.ExpatError as error:
            yield f'{name}: {error}'
        if 'prefers-color-scheme' not in read(path) and 'fill="white"' not in read(path):
            yield f'{name} has one set of colours and no background'


def luminance(colour):
    parts = [int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
                        for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def pale(style):
    """Yield each pair of colours of a style sheet that is too hard to read, in both modes."""
    light, dark = (dict(re.findall(r'--(\w+): (#[0-9a-f]{6});', part))
                   for part in re.findall(r':root \{(.*?)\}', style, re.S))
    for mode, colours in (('light', light), ('dark', dark)):
        for text, back in COLOURS:
            ratio = contrast(colours[text], colours[back])
            if ratio < CONTRAST:
                yield f'{mode}: {text} on {back} has {ratio:.2f}'


def builds(source_dir, build_dir, folder):
    """Build the site twice, the second time with short pages. Yields (name, complaints)."""
    script = os.path.join(source_dir, 'tools/site/build.py')
    for name, more in (('site', []), ('short', ['--limit', '12000'])):
        run = subprocess.run([sys.executable, script, *more, build_dir, os.path.join(folder, name)],
                             check=False, capture_output=True, text=True)
        said = (run.stdout + run.stderr).splitlines()
        if run.returncode:
            said.append(f'exit status {run.returncode}')
        yield f'the site builds {" ".join(more)}'.strip(), said


def site_tests(source_dir, build_dir, folder):
    """Yield (name, complaints) of the tests that look at the site."""
    site = os.path.join(folder, 'site')
    for name, said in builds(source_dir, build_dir, folder):
        yield name, said
        if said:
            return
    pages, short = pages_of(site), pages_of(os.path.join(folder, 'short'))
    yield 'each link and each anchor leads somewhere', dead_links(site, pages)
    yield 'the same holds if documents are split', dead_links(os.path.join(folder, 'short'), short)
    yield 'a long document has several pages', \
        [] if len(short) > len(pages) + 5 else ['no page was split']
    yield 'a second build has the same examples of faults', \
        [] if read(os.path.join(site, 'faults.html')) == \
        read(os.path.join(folder, 'short', 'faults.html')) else ['faults.html differs']
    yield 'no anchor is twice on a page', twice(pages)
    yield 'no page has more than 200 KB', \
        [path for path in pages if os.path.getsize(os.path.join(site, path)) > PAGE_MAX]
    yield 'each page is valid HTML', invalid(site, pages)
    yield 'no page has a script, and each picture has a text', \
        [f'{path}: {wrong}' for path, page in pages.items() for wrong in page.wrong]
    yield 'no picture and no style sheet needs another file', outside(site)
    yield 'each picture is well-formed and has colours for both modes', bad_pictures(site)
    documents = glob.glob('*.md', root_dir=os.path.join(source_dir, 'docs'))
    yield 'the front page leads to each document', \
        [name for name in documents if name[:-3] + '.html' not in pages['index.html'].links]
    listed = pages['manual.html'].links
    yield 'the manual leads to each man page', \
        [path for path in pages if path.startswith('man/') and path not in listed]
    names = subprocess.run([sys.executable, os.path.join(source_dir, 'tools/man.py'), '--names',
                            *glob.glob(os.path.join(source_dir, 'include/**/*.h'), recursive=True)],
                           check=True, capture_output=True, text=True).stdout.split()
    yield 'each documented name has a page', \
        [name for name in names if f'man/{name}.3.html' not in pages]
    text = read(os.path.join(site, 'faults.html'))
    yield 'the page of faults has the words of faults', \
        [words for words in FAULTS if words not in text]


def tool_tests(source_dir, folder):
    """Yield (name, complaints) of the tests that need no site."""
    sys.path.insert(0, os.path.join(source_dir, 'tools/site'))
    import enforce  # pylint: disable=import-outside-toplevel
    import markdown  # pylint: disable=import-outside-toplevel
    import record  # pylint: disable=import-outside-toplevel
    yield 'each link between the documents leads somewhere', dead_in_tree(source_dir, markdown.slug)
    style = read(os.path.join(source_dir, 'tools/site/style.css'))
    yield 'the colours have enough contrast', pale(style)
    script = [sys.executable, os.path.join(source_dir, 'tools/site/build.py')]
    run = subprocess.run([*script, '--check'], env={'PATH': folder}, check=False,
                         capture_output=True, text=True)
    good = run.returncode == 2 and re.fullmatch('site: .*cmark-gfm and mandoc.*\n', run.stderr)
    yield 'without its tools the site is refused in a line that names them', \
        [] if good else [run.stdout + run.stderr]
    run = subprocess.run([*script, folder, source_dir], check=False, capture_output=True, text=True)
    good = run.returncode == 1 and 'is not a site' in run.stderr
    yield 'a folder that is not a site stays', [] if good else [run.stdout + run.stderr]
    lines = [(0.1, 'a <b> & c'), (3.0, record.shown('1 of 2\r2 of 2\r\x1b[Kdone')), (3.1, '')]
    text = record.text_of(record.draw(lines))
    yield 'a recording shows what the terminal showed', \
        [] if text == '$ make demo\na <b> & c\ndone\n' else [text]
    recorded = record.text_of(read(os.path.join(source_dir, 'docs/demo.svg')))
    demo = read(os.path.join(source_dir, 'tools/demo'))
    parts = re.findall(r'^\s*echo "(\d\. [^"$]*)"', demo, re.M)
    yield 'docs/demo.svg has all parts of the demo: otherwise run tools/site/record.py', \
        [part for part in parts if part not in recorded] if parts else ['the demo has no parts']
    yield 'the picture of the backends says who refuses an access', \
        [f'{world}, {answer}' for world, answer, words in CELLS
         if enforce.enforcer(world, answer, NOTES)[0] != words]


def main():
    if len(sys.argv) != 3:
        print('usage: run.py SOURCE_DIR BUILD_DIR', file=sys.stderr)
        return 2
    source_dir, build_dir = map(os.path.abspath, sys.argv[1:])
    results = Results()
    reason = lacking(build_dir, 'cmark-gfm', 'mandoc', 'tidy')
    if reason:
        results.skip('the site', reason)
        return results.close()
    with tempfile.TemporaryDirectory() as folder:
        for tests in (tool_tests(source_dir, folder), site_tests(source_dir, build_dir, folder)):
            for name, complaints in tests:
                said = list(complaints)
                results.say(not said, name, said[:20])
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
