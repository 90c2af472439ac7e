# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Write docs/rust.md, the comparison with Rust, from stored results and the table of refusals."""
import json
import os
import sys

SOURCE_DIR = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(SOURCE_DIR, 'tests/refusals'))

import table  # noqa: E402

STORED, PAGE = 'rust.json', 'rust.md'
SERIES = '7.3'
SIDES = ('raw', 'Rust', 'HIDDEN', 'IOMMU')
ACCESSES = ('read', 'write', 'read of one element', 'write of one element', 'read of a ring',
            'write of a ring', 'address of an element')
TEXT = '''# Beside Rust's CoherentBox

`tools/bench rust` writes this page from the results of `make bench-kernel`, which [rust.json](rust.json) keeps, and from
[table.cases](../tests/refusals/table.cases), which `make check-kernels` checks. Do not edit it.

Rust's kernel crate has the same two states as this library: a `CoherentBox` belongs to the CPU alone, and a `Coherent`
has a device address. This page compares both, and calls of the DMA API by hand (*raw*), on Debian's stock kernel
{linux}.

{short}

## Instructions
All sides are in one module and run in one boot, in turns. A round allocates u64s, fills the first one or all, lets the
device see them, writes one, reads one, and frees. QEMU counts instructions (`-icount shift=0`), so the figures are the
same on each machine. They are medians of 300 rounds. On arm64 the counter has steps of 16 instructions. The counts do not
show what caches, TLBs and the flush of a real IOMMU cost. gcc 14 compiles C and rustc 1.85 compiles Rust, with Debian's
flags: where all words are filled, the compilers decide more than the two libraries.

{objects}

## One access
These are the instructions of one call beyond those of a call that does nothing. The value goes through a pointer, and the
result is 0 or an error. Rust has three ways to index: `[try: i]` returns an error, `[panic: i]` panics, and
`[build: i]` needs a proof at compile time.

{accesses}

## Text
These are the bytes of text of a function that allocates memory, tells its address to the device, and frees it, on amd64.
The first use in a file includes what the compiler copies into the file.

{texts}

## Misuse that the compiler refuses
Both sides get the same misuse. Rust is compiled with the flags of the kernel, C with gcc and clang without warning flags.
*link error* means that no module links with the object. *warning* means that the code compiles. Code that compiles in C may
still fail at run time: [table.cases](../tests/refusals/table.cases) has the code.

{refusals}

{summary}
'''


def rows(header, lines):
    """Returns a table of Markdown. The first column has words, the others have figures."""
    marks = ['---', *('---:' for _ in header[1:])]
    return '\n'.join('| ' + ' | '.join(map(str, line)) + ' |' for line in (header, marks, *lines))


def ratio(ours, theirs):
    return f'{ours / theirs:.3f}' if ours and theirs else ''


def rounds(cases):
    """Returns the instructions of each side, for each (world, bytes, filled)."""
    found = {}
    for case in cases:
        if case['kind'] == 'instructions':
            key = case['world'], case['bytes'], case['filled']
            found.setdefault(key, {})[case['side']] = case['instr']
    return found


def object_rows(cases):
    for (world, size, filled), sides in rounds(cases).items():
        yield (f'{world.removeprefix(SERIES + ", ")}, {size // 1024} KiB, {filled}',
               *(f'{sides[side]:,}' if side in sides else '' for side in SIDES),
               ratio(sides['HIDDEN'], sides['Rust']), ratio(sides.get('IOMMU'), sides['Rust']))


def access_rows(cases):
    found = {}
    for case in cases:
        if case['kind'] == 'access':
            side, _, way = case['side'].partition(' ')
            text = f'{case["instr"]:.0f}' + (f' `{way}`' if way else '')
            found.setdefault((case['world'].split(', ')[1], case['access']), {}).setdefault(
                side, []).append(text)
    for (arch, access), sides in sorted(found.items(),
                                        key=lambda row: (row[0][0], ACCESSES.index(row[0][1]))):
        yield (f'{arch}, {access}', *(', '.join(sides.get(side, '')) for side in ('raw', 'Rust', 'C')))


def text_rows(cases):
    found = {}
    for case in cases:
        if case['kind'] == 'text':
            found.setdefault(case['use'], {})[case['side']] = case['text']
    for use, sides in found.items():
        yield {'first': 'the first use in a file', 'further': 'each further use'}[use], *(f'{sides[side]:,}' for side in ('raw', 'Rust', 'C'))


def refusals():
    """Returns the rows of the table, and the sentence that counts them."""
    lines, counts = [], {'both': 0, 'Rust': 0, 'C': 0}
    for title, rust, ours in table.read_cases():
        lines.append((title, *(half.verdict if half else 'not possible' for half in (rust, ours))))
        refused = [half and half.verdict in ('refused', 'link error') for half in (rust, ours)]
        if any(refused):
            counts['both' if all(refused) else 'Rust' if refused[0] else 'C'] += 1
    return lines, (f'Both refuse {counts["both"]}, Rust alone refuses {counts["Rust"]}, and the library '
                   f'alone refuses {counts["C"]} of these {len(lines)}.')


def span(values, form='.2f'):
    ends = f'{min(values):{form}}', f'{max(values):{form}}'
    return ' to '.join(dict.fromkeys(ends))


def in_short(cases):
    """Returns the sentences that sum up the figures, also where the library is the worse one."""
    found = rounds(cases)
    more = {side: {arch: [] for arch in ('amd64', 'arm64')} for side in ('Rust', 'HIDDEN')}
    for (world, size, filled), sides in found.items():
        if size == 4096 and filled == 'one word':
            for side, arches in more.items():
                arches[world.split(', ')[1]].append(sides[side] - sides['raw'])
    text = {case['side']: case['text'] for case in cases
            if case['kind'] == 'text' and case['use'] == 'further'}
    lines = []
    for filled in ('one word', 'all'):
        ours, enforced = ([sides[side] / sides['Rust'] for key, sides in found.items()
                           if key[2] == filled and side in sides] for side in ('HIDDEN', 'IOMMU'))
        what = 'one word is' if filled == 'one word' else 'all words are'
        lines.append(f'- Where {what} filled, COHERENT_HIDDEN executes {span(ours)} times the '
                     f'instructions of Rust,\n  and COHERENT_IOMMU executes {span(enforced)} times.')
    for arch in ('amd64', 'arm64'):
        rust, ours = (more[side][arch] for side in ('Rust', 'HIDDEN'))
        if ours:
            lines.append(f'- On {arch} a page costs {span(ours, "d")} instructions more at '
                         f'COHERENT_HIDDEN than by hand. Rust\n  costs {span(rust, "d")} more.')
    return '\n'.join([*lines, f'- A further use takes {text["C"]} bytes of text. Rust takes '
                              f'{text["Rust"]} bytes, and calls by hand {text["raw"]}.'])


def page(stored):
    """Returns the text of the page."""
    cases = stored['cases']
    lines, summary = refusals()
    return TEXT.format(
        linux=stored['linux'], short=in_short(cases), summary=summary,
        objects=rows(('', *SIDES, 'HIDDEN / Rust', 'IOMMU / Rust'), object_rows(cases)),
        accesses=rows(('', 'raw', 'Rust', 'library'), access_rows(cases)),
        texts=rows(('', 'raw', 'Rust', 'library'), text_rows(cases)),
        refusals=rows(('', 'Rust', 'library'), lines))


def store(results):
    """Returns what rust.json keeps of the results of make bench-kernel, or None without Rust."""
    cases = [{key: value for key, value in case.items() if key not in ('goal', 'met', 'more', 'ratio')}
             for case in results
             if case.get('world', '').startswith(SERIES) and case.get('side') != 'raw again']
    linux = [case['linux'] for case in cases if case['kind'] == 'text']
    if not linux or not any(case['side'] == 'Rust' for case in cases):
        return None
    return {'linux': linux[0], 'cases': cases}


def load(folder):
    with open(os.path.join(folder, STORED), encoding='utf-8') as file:
        return json.load(file)


def write(folder, stored):
    """Writes the stored results and the page."""
    lines = ',\n'.join(json.dumps(case) for case in stored['cases'])
    with open(os.path.join(folder, STORED), 'w', encoding='utf-8') as out:
        out.write(f'{{"linux": {json.dumps(stored["linux"])}, "cases": [\n{lines}\n]}}\n')
    with open(os.path.join(folder, PAGE), 'w', encoding='utf-8') as out:
        out.write(page(stored))
