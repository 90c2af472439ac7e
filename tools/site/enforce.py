# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Draw who enforces what on each kind of device, from the tables of docs/backends.md.

Each row is a world. A cell says who refuses the access that the promise of its column is about: the
level of the world tells. A cell whose note begins with "No" says nobody.
"""
import html
import re

# The column of the picture, and the promise in the table.
PROMISES = [
    (('the device reads', 'or writes a box'), 'no device can read or write a box'),
    (('it writes a', 'read-only mem'), 'device may do only what expose allowed'),
    (('it writes after', 'reclaim'), 'armed transfer does not reach reclaimed memory'),
    (('it writes after', 'free'), 'armed transfer does not reach freed memory'),
]
# (start of the name of a world, the words for the side that refuses an access, the kind of cell).
ENFORCERS = [('sim', 'the simulator', 'iommu'), ('qemu', "QEMU's IOMMU", 'peer'),
             ('vhost-user', 'the kernel', 'peer'), ('vfio-user:files', 'the kernel', 'peer'),
             ('vfio-user', 'this process', 'peer'), ('fabric', 'the provider', 'peer'),
             ('vfio, ', 'the IOMMU', 'iommu'), ('iommufd, ', 'the IOMMU', 'iommu'),
             ('kernel, ', 'the IOMMU', 'iommu')]
# How the driver learns of a refused access, in more words than the table has.
LEARNS = {'named': 'a fault names the object', 'none': 'it does not'}
STYLE = '''svg{color:#1f2328;font:13px system-ui,"DejaVu Sans",sans-serif}
text{fill:currentColor}.mid{text-anchor:middle}.head{font-weight:bold}.muted{fill:#59636e}
.world{font:13px "DejaVu Sans Mono",Menlo,Consolas,monospace}
.iommu{fill:#ddf4e4;stroke:#1a7f37}.peer{fill:#dbeafe;stroke:#0969da}
.nobody{fill:#ffe0dd;stroke:#cf222e}
.refused{fill:#fff3c4;stroke:#9a6700}.absent{fill:none;stroke:#8c959f;stroke-dasharray:3 3}
@media (prefers-color-scheme:dark){svg{color:#e6edf3}.muted{fill:#9198a1}
.iommu{fill:#12301c;stroke:#3fb950}.peer{fill:#10294a;stroke:#4493f8}
.nobody{fill:#4a1512;stroke:#f85149}.refused{fill:#3a2d07;stroke:#d29922}.absent{stroke:#6e7681}}'''
FIRST, CELL, LAST, ROW, TOP = 140, 130, 250, 30, 70


def table(text, first):
    """Return the rows of the table whose head begins with a word, as lists of cells."""
    found = re.search(rf'^\| {first} \|.*\n\|[-|]+\n((?:\|.*\n)+)', text, re.M)
    if not found:
        raise ValueError(f'the page has no table that begins with "{first}"')
    lines = [found[0].split('\n', 1)[0], *found[1].splitlines()]
    return [[cell.strip(' `') for cell in line.strip('|').split('|')] for line in lines]


def notes_of(text):
    return {number: note for number, note in re.findall(r'^(\d+)\. (.*)', text, re.M)}


def enforcer(world, answer, notes):
    """Return (words, kind) of a cell."""
    note = notes.get(answer.strip('[]'), '')
    if answer == 'absent':
        return 'not run', 'absent'
    if note.startswith('No:') or answer == '**no**':
        return 'nobody', 'nobody'
    if '-EOPNOTSUPP' in note:
        return 'expose refuses', 'refused'
    if note.startswith('Does not apply'):
        return 'does not apply', 'absent'
    for start, words, kind in ENFORCERS:
        if world.startswith(start):
            break
    else:
        raise ValueError(f'tools/site/enforce.py does not know who refuses an access in {world}')
    if 'idle' in note:
        return f'{words}, if idle', 'refused'
    return ('see the note', 'refused') if note and not note.startswith('Yes') else (words, kind)


def cell(x, y, words, kind):
    return (f'<rect class="{kind}" x="{x + 3}" y="{y + 3}" width="{CELL - 6}" height="{ROW - 6}" '
            f'rx="4"/><text class="mid" x="{x + CELL / 2:g}" y="{y + 20}">'
            f'{html.escape(words, quote=False)}</text>')


def draw(text):
    """Return the picture."""
    kinds, promises = table(text, 'world'), table(text, 'promise')
    notes, answers = notes_of(text), {row[0]: row[1:] for row in promises}
    worlds = promises[0][1:]
    faults = {row[0]: row[4] for row in kinds[1:]}
    width, height = FIRST + CELL * len(PROMISES) + LAST, TOP + ROW * len(worlds) + 40
    learns = width - LAST + 10
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
           f'width="{width}" height="{height}" role="img">',
           '<title>Who enforces what on each kind of device</title>',
           f'<style>{STYLE}</style>',
           f'<text class="head" x="6" y="{TOP - 14}">world</text>',
           f'<text class="head" x="{learns}" y="{TOP - 14}">the driver learns of it</text>']
    for column, ((above, below), _) in enumerate(PROMISES):
        x = FIRST + CELL * column + CELL / 2
        out.append(f'<text class="mid head" x="{x:g}" y="{TOP - 32}">{above}</text>'
                   f'<text class="mid head" x="{x:g}" y="{TOP - 14}">{below}</text>')
    for number, world in enumerate(worlds):
        y = TOP + ROW * number
        out.append(f'<text class="world" x="6" y="{y + 20}">{html.escape(world)}</text>')
        out += [cell(FIRST + CELL * column, y, *enforcer(world, answers[promise][number], notes))
                for column, (_, promise) in enumerate(PROMISES)]
        words = html.escape(LEARNS.get(faults[world], faults[world]), quote=False)
        out.append(f'<text x="{learns}" y="{y + 20}">{words}</text>')
    out.append(f'<text class="muted" x="6" y="{height - 12}">A cell names who refuses the access. '
               '"if idle": the driver must say .idle only when no transfer is in flight.</text>')
    return '\n'.join(out) + '\n</svg>\n'
