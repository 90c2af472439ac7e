#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The files of src/ depend on each other without cycles, and headers fit their .c files.

usage: layers.py SOURCE_DIR LIBRARY.a

The first test follows #include lines between the files of src/. The second follows undefined
symbols between the members of the static library. A cycle is printed with the lines or the
symbols that make it. The third finds functions that a header declares and another .c file than
that of its name defines. The fourth finds includes that skip the order of the folders. The fifth
finds uses of the kernel's headers that drivers must not use, outside of kernel/translate.h. Prints TAP.
"""
import os
import re
import subprocess
import sys

from tap import Results

# Cycles of object files that are as they have to be: the members, and the reason.
EXCEPTIONS = {
}
# The folders whose headers a folder may include; '' is src/ itself, which has backend.h. The
# backends know the core, and neither the core nor another backend knows them, but for one: the
# simulator serves a device to another process by the messages of vfio-user.
CORE = {'', 'base', 'memory', 'device'}
MAY_INCLUDE = {'base': {'base'}, 'memory': CORE, 'device': CORE, '': {'', 'base', 'device'},
               'sim': CORE | {'sim', 'vfio_user'}}
INCLUDE = re.compile(r'^#include "([^"]+)"', re.M)
COMMENT = re.compile(r'/\*.*?\*/', re.S)
# Names of the kernel that drivers must not use, and the only file of kernel/ that uses them.
TRANSLATE = 'translate.h'
NOT_FOR_DRIVERS = re.compile(r'<linux/(?:dma-map-ops|dma-direct|iommu)\.h>|'
                             r'\b(?:iommu_\w+|IOMMU_DOMAIN_\w+|dev_is_dma_coherent|get_dma_ops|'
                             r'phys_to_dma\w*|dma_to_phys\w*|dma_pgprot|dma_capable|use_dma_iommu)\b')
# A declaration at the left margin that ends with a semicolon, and so is not inline.
DECLARED = re.compile(r'^(?!static|typedef|#)\w[\w\s*]*?\b(\w+)\([^;{}]*\)[^;{}]*;', re.M)


def includes(source_dir):
    """{file: {file that it includes: how}} of src/."""
    top = os.path.join(source_dir, 'src')
    edges = {}
    for folder, _, names in os.walk(top):
        for name in names:
            if not name.endswith(('.c', '.h')):
                continue
            path = os.path.join(folder, name)
            with open(path, encoding='utf-8') as source:
                found = INCLUDE.findall(source.read())
            edges[os.path.relpath(path, top)] = {
                os.path.relpath(at, top): f'#include "{include}"' for include in found
                for at in (os.path.join(folder, include), os.path.join(top, include))
                if os.path.exists(at)}
    return edges


def read_symbols(library):
    """{symbol: the object file that defines it} and {object file: symbols that it needs}."""
    run = subprocess.run(['nm', '-A', library], check=True, capture_output=True, text=True)
    defined, needed = {}, {}
    for line in run.stdout.splitlines():
        member, rest = re.fullmatch(r'.*?([^:/]+)\.c\.o:\s*(.*)', line).groups()
        kind, name = rest.split()[-2:]
        needed.setdefault(member, set())
        if kind == 'U':
            needed[member].add(name)
        elif kind.isupper():
            defined[name] = member
    return defined, needed


def symbol_edges(defined, needed):
    """{object file: {object file that it needs: symbols}}."""
    edges = {}
    for member, names in needed.items():
        edges[member] = {}
        for name in sorted(names):
            if defined.get(name, member) != member:
                edges[member].setdefault(defined[name], []).append(name)
    return edges


def misplaced(source_dir, defined):
    """(header, function, object file) of what a header of another file's name declares."""
    top = os.path.join(source_dir, 'src')
    for folder, _, names in sorted(os.walk(top)):
        for name in sorted(names):
            if not name.endswith('.h'):
                continue
            path = os.path.relpath(os.path.join(folder, name), top)
            with open(os.path.join(folder, name), encoding='utf-8') as header:
                text = COMMENT.sub('', header.read())
            for function in DECLARED.findall(text):
                member = defined.get(function)
                if member and member != path[:-2].replace('/', '_'):
                    yield path, function, member


def out_of_order(edges):
    """(file, file that it includes) of each include that its folder must not make."""
    for path in sorted(edges):
        folder = os.path.dirname(path)
        for to in sorted(edges[path]):
            if os.path.dirname(to) not in MAY_INCLUDE.get(folder, CORE | {folder}):
                yield path, to


def not_for_drivers(source_dir):
    """([file of kernel/], [(file, line number, name that drivers must not use)])."""
    top = os.path.join(source_dir, 'kernel')
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names
             if name.endswith(('.c', '.h')) and name != TRANSLATE]
    found = []
    for path in sorted(paths):
        with open(path, encoding='utf-8') as source:
            # A comment may name them. Its lines stay, so that the numbers are right.
            text = COMMENT.sub(lambda comment: '\n' * comment[0].count('\n'), source.read())
        found += [(os.path.relpath(path, source_dir), number, name)
                  for number, line in enumerate(text.splitlines(), 1)
                  for name in NOT_FOR_DRIVERS.findall(line) if name != 'iommu_domain']
    return paths, found


def reachable(edges, start):
    found, left = set(), [start]
    while left:
        for to in edges.get(left.pop(), ()):
            if to not in found:
                found.add(to)
                left.append(to)
    return found


def cycles(edges):
    """The sets of nodes that reach each other."""
    reach = {node: reachable(edges, node) for node in edges}
    return {frozenset(other for other in reach[node] if node in reach.get(other, ()))
            for node in edges if node in reach[node]}


def check(results, title, edges, exceptions):
    """Says whether a graph has no cycle."""
    found = cycles(edges)
    bad = [cycle for cycle in found if cycle not in exceptions]
    why = []
    for cycle in bad:
        for node in sorted(cycle):
            for to in sorted(cycle & set(edges[node])):
                how = edges[node][to]
                why.append(f'{node} needs {to}: {how if isinstance(how, str) else ", ".join(how)}')
    why += [f'the exception {", ".join(sorted(cycle))} is not needed any more: remove it'
            for cycle in exceptions if cycle not in found]
    results.say(not why and len(edges) > 30, f'{title}, {len(edges)} looked at', why)


def main():
    if len(sys.argv) != 3:
        print('usage: layers.py SOURCE_DIR LIBRARY.a', file=sys.stderr)
        return 2
    source_dir, library = sys.argv[1:]
    defined, needed = read_symbols(library)
    included = includes(source_dir)
    results = Results()
    check(results, 'the files of src/ include each other without a cycle', included, {})
    check(results, 'the object files need each other without a cycle', symbol_edges(defined, needed),
          {frozenset(cycle): why for cycle, why in EXCEPTIONS.items()})
    found = [f'src/{header} declares {function}(), which {member}.c defines'
             for header, function, member in misplaced(source_dir, defined)]
    results.say(not found, 'each header declares only what its own .c file defines', found)
    wrong = [f'src/{path} includes {to}, which its folder must not know'
             for path, to in out_of_order(included)]
    results.say(not wrong, 'the folders include each other in their order', wrong)
    paths, used = not_for_drivers(source_dir)
    results.say(len(paths) >= 5 and not used,
                f'only kernel/{TRANSLATE} uses what is not for drivers, {len(paths)} looked at',
                [f'{path}:{line} uses {name}: ask kernel/{TRANSLATE}' for path, line, name in used])
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
