# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The files of the kernel after each patch of the series."""
import os
import re

from upstream.patches import SERIES, patch_of
from upstream.prose import for_the_kernel
from upstream.transform import Problem, tidy, transform

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE_DIR = os.path.dirname(os.path.dirname(HERE))
FOLDERS = ('include', 'kernel')
LIBRARY = 'lib/coherent'
UNIT = LIBRARY + '/coherent.c'
COPY = 'include/coherent/detail/copy.h'
TRANSLATE = 'kernel/translate.h'
TRANSLATION = 'include/linux/dma-translation.h', 'kernel/dma/translation.c'
MAINTAINERS = 'MAINTAINERS'
TITLE = 'COHERENT DMA MEMORY WITH OWNERS'
INCLUDE = re.compile(r'^#include ([<"])([^>"]+)[>"]\n', re.M)
# A conditional whose includes are gone.
EMPTY_IF = re.compile(r'^#if[^\n]*\n(?:#else[^\n]*\n)?#endif[^\n]*\n', re.M)
# A function of translate.h with its kernel-doc, or with a comment.
FUNCTION = re.compile(r'^(?:/\*\*?\n(?: \*.*\n)*? \*/\n|/\* .* \*/\n)static ((?:[^\n;{}]*\n?)*?\))\n'
                      r'\{\n(?:.*\n)*?\}\n\n?', re.M)


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def sources(top):
    """{file of the kernel face: number of its patch}. A file that belongs to none is a problem."""
    found = {}
    for folder in FOLDERS:
        for path, _, names in os.walk(os.path.join(top, folder)):
            for name in names:
                file = os.path.relpath(os.path.join(path, name), top)
                number = patch_of(file)
                if number == -1:
                    raise Problem(f'{file} belongs to no patch; add it to tools/upstream/patches.py')
                if number is not None:
                    found[file] = number
    if 'kernel/coherent.c' not in found or TRANSLATE not in found:
        raise Problem(f'{top} has no kernel face of libcoherent')
    return found


def destination(file):
    """Returns where a file is in the kernel's tree."""
    if file == COPY:
        return LIBRARY + '/copy.h'
    if file.startswith('kernel/include/'):
        return file.replace('kernel/include/', 'include/linux/', 1)
    if file.startswith('include/'):
        return file.replace('include/', 'include/linux/', 1)
    return file.replace('kernel/', LIBRARY + '/', 1)


class Face:
    """The kernel face, with the names and places that it has in the kernel."""

    def __init__(self, top):
        self.top = top
        self.patch = sources(top)
        self.text = {file: tidy(for_the_kernel(rename(transform(read(os.path.join(top, file)), file))))
                     for file in self.patch}
        # A header that the kernel cannot use says so with an error.
        for file in [file for file, text in self.text.items()
                     if re.search(r'^#error "coherent: in the kernel', text, re.M)]:
            del self.text[file], self.patch[file]

    def included(self, how, name):
        """Returns (file of this tree, the include in the kernel) for an include of the library."""
        if how == '<':
            files = [f'kernel/include/{name}', f'include/{name}']
        else:
            files = [f'kernel/{name}']
        if how == '<' and not re.match(r'coherent(/|\.h)', name):
            return None, None
        for file in files:
            if os.path.exists(os.path.join(self.top, file)):
                break
        else:
            raise Problem(f'an include names {name}, which does not exist')
        to = destination(file)
        if file == TRANSLATE:
            return file, '<linux/dma-translation.h>'
        if to.startswith(LIBRARY):
            return file, f'"{os.path.basename(to)}"'
        return file, f'<{to.removeprefix("include/")}>'

    def with_includes(self, text, number):
        """Returns a text with the includes of the files that exist after a patch."""
        def replace(found):
            file, to = self.included(found[1], found[2])
            if not file:
                return found[0]
            return f'#include {to}\n' if self.patch.get(file, len(SERIES)) <= number else ''
        text = EMPTY_IF.sub('', INCLUDE.sub(replace, text))
        return re.sub(r'\n{3,}', '\n\n', text)

    def files(self, number):
        """{path in the kernel: text} of the kernel face after a patch."""
        out = {}
        for file, text in self.text.items():
            if self.patch[file] > number:
                continue
            text = self.with_includes(text, number)
            if file == TRANSLATE:
                out.update(zip(TRANSLATION, split_translate(text)))
            else:
                out[destination(file)] = text
        if UNIT in out:
            out[UNIT] = finish_unit(out[UNIT])
        return out


def rename(text):
    """Names files and functions as in the kernel."""
    text = re.sub(r'\bkernel/include/coherent/', 'include/linux/coherent/', text)
    text = re.sub(r'(?<![\w/<"])kernel/(\w+\.[ch])\b', LIBRARY + r'/\1', text)
    text = re.sub(r'(?<![\w/<"])(?:include/)?(coherent(?:/(?:detail/)?\w+)?\.h)\b', r'linux/\1', text)
    return text.replace('coherent_translation', 'dma_translation').replace(
        'COHERENT_TRANSLATION', 'DMA_TRANSLATION')


def split_translate(text):
    """Returns the header with the prototypes, and the file with the functions."""
    functions = [found[0].strip() + '\n' for found in FUNCTION.finditer(text)]
    prototypes = [found[1] + ';\n' for found in FUNCTION.finditer(text)]
    if len(functions) < 4:
        raise Problem(f'{TRANSLATE} does not have the functions that the series needs')
    includes = ''.join(found[0] for found in INCLUDE.finditer(text))
    [enum] = re.findall(r'^/\*\*\n(?: \*.*\n)* \*/\nenum \w+ \{\n(?:.*\n)*?\};\n', text, re.M)
    spdx = '/* SPDX-License-Identifier: GPL-2.0-only OR MIT */\n'
    header = (spdx + '/* This tells what is between a device and memory: an IOMMU that translates, or not. */\n'
              '#ifndef _LINUX_DMA_TRANSLATION_H\n#define _LINUX_DMA_TRANSLATION_H\n\n'
              '#include <linux/pgtable.h>\n#include <linux/types.h>\n\nstruct device;\nstruct iommu_domain;\n\n' + enum + '\n' +
              ''.join(re.sub(r'\n\s*', ' ', prototype[:-2]) + ';\n' for prototype in prototypes) +
              '\n#endif\n')
    body = ['// SPDX-License-Identifier: GPL-2.0-only OR MIT\n'
            '/* This tells what is between a device and memory: an IOMMU that translates, or not. */\n' +
            includes.replace('#include <linux/dma-mapping.h>\n', '#include <linux/dma-mapping.h>\n'
                             '#include <linux/dma-translation.h>\n#include <linux/export.h>\n')]
    for function in functions:
        name = re.search(r'^static [^(]*?(\w+)\(', function, re.M)[1]
        body.append(re.sub(r'^static ', '', function, flags=re.M) + f'EXPORT_SYMBOL_GPL({name});\n')
    return header, '\n'.join(body)


def finish_unit(text):
    """The unit exports functions. Static functions of a header have no warning if nobody uses them."""
    return text.replace('#include <linux/err.h>\n', '#include <linux/err.h>\n#include <linux/export.h>\n')


def add_line(text, path, pattern, line):
    """Returns the text of a file of the kernel with a line after the last match of a pattern."""
    found = list(re.finditer(pattern, text, re.M))
    if not found:
        raise Problem(f'{path} has no line like {pattern!r}, so it is not of the kernel that the series '
                      'is for')
    at = found[-1].end()
    return text[:at] + line + text[at:]


def with_maintainer(text, who, paths):
    """Returns MAINTAINERS with an entry for some files, in the place that the alphabet gives it."""
    text = re.sub(rf'^{TITLE}\n(?:.+\n)*\n', '', text, flags=re.M)
    entry = f'{TITLE}\nM:\t{who}\nL:\tiommu@lists.linux.dev\nS:\tMaintained\n' + ''.join(
        f'F:\t{path}\n' for path in sorted(paths))
    start = re.search(r'^Maintainers List\n-+\n', text, re.M)
    titles = [(start.end() + found.start(), found[1])
              for found in re.finditer(r'(?<=\n\n)(\S.*)\n[MRLS]:\t', text[start.end():] if start else '')]
    if titles:
        # A few titles of the kernel are out of place. Most of those before the entry sort before it.
        scores = [0]
        for _, title in titles:
            scores.append(scores[-1] + (1 if title < TITLE else -1))
        place = scores.index(max(scores))
        at = titles[place][0] if place < len(titles) else len(text)
        return f'{text[:at]}{entry}\n{text[at:]}'
    raise Problem('MAINTAINERS has no list of entries')


def reference(files):
    """Returns the directives for the headers that drivers include."""
    public = re.compile(r'include/linux/coherent(/\w+)?\.h')
    return ''.join(f'.. kernel-doc:: {path}\n\n' for path in sorted(files)
                   if public.fullmatch(path) and '/**\n' in files[path])


def states(top, kernel, who):
    """Yields (patch, {path in the kernel: text}) of the files that each patch adds or changes."""
    face = Face(top)
    before, maintained, changed = {}, [], {}
    for number, patch in enumerate(SERIES):
        if patch.files and number not in face.patch.values():
            continue
        now = face.files(number)
        for name, path in patch.more:
            text = read(os.path.join(HERE, 'files', name))
            changed[path] = text.replace('@REFERENCE@\n', reference(now))
        for path, pattern, line in patch.lines:
            text = changed.get(path) or read(os.path.join(kernel, path))
            changed[path] = add_line(text, path, pattern, line)
        now.update(changed)
        new = [path for path in now if not os.path.exists(os.path.join(kernel, path))]
        if len(new) > len(maintained):
            maintained = new
            now[MAINTAINERS] = with_maintainer(read(os.path.join(kernel, MAINTAINERS)), who, new)
            changed[MAINTAINERS] = now[MAINTAINERS]
        yield patch, {path: text for path, text in now.items() if before.get(path) != text}
        before = now
