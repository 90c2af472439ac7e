#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Check that programs which were built for the last release work with this library.

usage: diff.py SOURCE_DIR [COMMIT]

Compares the headers of the source with those of a commit, by default the last tag. abidiff does
that. It reads libraries, so each set of headers becomes a library of functions without bodies. The
types that only the real library knows would add changes that no program sees.

A struct that carries its size may get members at its end, and an enum may get values. Any other
change needs another soname. Prints TAP. The first tests change the headers on purpose.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

from run import copy_headers, newer

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Results  # noqa: E402

# A program is built with these, and the linker looks for them.
PARTS = ('include', 'src/coherent.map', 'src/meson.build')
DECLARED = re.compile(r'^(?!#|\s|typedef|static|COHERENT_INLINE)[^#\n;{}=]*?\b(coherent_\w+)'
                      r'\([^;{}]*\)\s*;', re.M)
EXPORTED = re.compile(r'^\t(coherent_\w+);', re.M)
BLOCK = re.compile(r"^'(struct|enum) (\w+) at [^']*' changed:\n((?:^ .*\n)+)", re.M)
SIZED = re.compile(r'coherent_(?:\w+_options|exposure|sim_model|limits|stats|info|fault)$')
GROWN = re.compile(r'  type size changed from (\d+) to \d+ \(in bits\)\n'
                   r'  \d+ data member insertions?:\n'
                   r"((?:    '[^\n]*', at offset \d+ \(in bits\)[^\n]*\n)+)$")
ENUM_GROWN = re.compile(r"  type size hasn't changed\n  \d+ enumerator insertions?:\n"
                        r"(?:    '[^\n]*' value '\d+'[^\n]*\n)+$")
SUMMARY = re.compile(r'^(?:Leaf changes|Changed leaf types|Removed/Changed/Added \w+) summary: .*\n', re.M)
REMOVED = re.compile(r'functions summary: [1-9]\d* Removed|variables summary: [1-9]\d* Removed')


def soname(tree):
    with open(os.path.join(tree, 'src/meson.build'), encoding='utf-8') as build:
        return 'libcoherent.so.' + re.search(r"soversion: '(\d+)'", build.read())[1]


def exported_functions(tree):
    """Returns the declaration of each function that the library exports; '' if there is none."""
    with open(os.path.join(tree, 'src/coherent.map'), encoding='utf-8') as script:
        found = dict.fromkeys(EXPORTED.findall(script.read()), '')
    for path in glob.glob(os.path.join(tree, 'include', '**', '*.h'), recursive=True):
        with open(path, encoding='utf-8') as header:
            text = re.sub(r'/\*.*?\*/', '', header.read(), flags=re.S)
        found.update((match[1], match[0][:-1]) for match in DECLARED.finditer(text)
                     if match[1] in found)
    return found


def library(tree, folder):
    """Builds a library from the headers of a tree. Returns its path."""
    include = os.path.join(tree, 'include')
    paths = sorted(glob.glob(os.path.join(include, '**', '*.h'), recursive=True))
    unit = ''.join(f'#include <{os.path.relpath(path, include)}>\n' for path in paths)
    unit += ''.join(f'{declaration}\n{{\n\t__builtin_trap();\n}}\n'
                    for declaration in exported_functions(tree).values() if declaration)
    made = os.path.join(folder, 'lib.so')
    subprocess.run(['gcc', '-std=gnu11', '-g', '-w', '-fPIC', '-shared', '-D_GNU_SOURCE',
                    '-DCOHERENT_LIBRARY', '-I', include, '-x', 'c', '-', '-o', made,
                    '-Wl,-soname=' + soname(tree),
                    '-Wl,--version-script=' + os.path.join(tree, 'src/coherent.map')],
                   input=unit, text=True, check=True)
    return made


def is_allowed(kind, name, changes):
    """Whether a type may change so."""
    if kind == 'enum':
        return bool(ENUM_GROWN.match(changes))
    grown = SIZED.match(name) and GROWN.match(changes)
    return bool(grown) and all(int(at) >= int(grown[1])
                               for at in re.findall(r'at offset (\d+)', grown[2]))


def changes_between(old, new):
    """Returns what in a new tree breaks programs of an old one, as text; None if abidiff fails."""
    if soname(old) != soname(new):
        return ''
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        done = subprocess.run(['abidiff', '--leaf-changes-only', '--harmless', '--no-added-syms',
                               library(old, one), library(new, two)],
                              capture_output=True, text=True, check=False)
    # The lowest bits mean that abidiff itself failed.
    if done.returncode & 3:
        return done.stdout + done.stderr
    removed = ''.join(REMOVED.findall(done.stdout))
    left = SUMMARY.sub('', done.stdout)
    left = BLOCK.sub(lambda block: '' if is_allowed(*block.groups()) else block[0], left)
    return removed + left.strip()


def edited(folder, source, edit):
    """Copies a tree with edited headers and an edited list of symbols."""
    copy_headers(os.path.join(source, 'include'), os.path.join(folder, 'include'), edit)
    os.makedirs(os.path.join(folder, 'src'))
    for name in PARTS[1:]:
        with open(os.path.join(source, name), encoding='utf-8') as old, \
             open(os.path.join(folder, name), 'w', encoding='utf-8') as new:
            new.write(edit(old.read()))
    return folder


def replace(old, new):
    return lambda text: text.replace(old, new)


def same(text):
    return text


# (what the change is, the edit before it, the edit after it, whether programs keep working).
CASES = [
    ('nothing', same, same, True),
    ('a new last member', same, newer, True),
    ('a new function', replace('\tcoherent_version;\n', ''), same, True),
    ('a new value of an enum', same,
     replace('\tCOHERENT_IOMMU,\n', '\tCOHERENT_IOMMU,\n\tCOHERENT_MORE,\n'), True),
    ('a last member less', newer, same, False),
    ('a new member in the middle', same,
     replace('\tuint64_t objects_max;', '\tuint64_t more;\n\tuint64_t objects_max;'), False),
    ('another order of members', same,
     replace('\tuint64_t objects;\n\tuint64_t objects_max;', '\tuint64_t objects_max;\n\tuint64_t objects;'),
     False),
    ('a new last member and another order', same,
     lambda text: newer(text).replace('\tuint64_t objects;\n\tuint64_t objects_max;',
                                      '\tuint64_t objects_max;\n\tuint64_t objects;'), False),
    ('a member of half the width', same,
     replace('\tuint64_t objects;', '\tuint32_t objects;\n\tuint32_t more;'), False),
    ('other values of an enum', same,
     replace('\tCOHERENT_HIDDEN,\n\tCOHERENT_PEER,', '\tCOHERENT_PEER,\n\tCOHERENT_HIDDEN,'), False),
    ('a new member of a box', same,
     replace('struct coherent_box {\n', 'struct coherent_box {\n\tchar *more;\n'), False),
    ('a function less', same, replace('\tcoherent_bar_close;\n', ''), False),
    ('a new parameter', same,
     replace('void coherent_bar_close(struct coherent_bar *bar);',
             'void coherent_bar_close(struct coherent_bar *bar, int more);'), False),
    ('another result', same, replace('int coherent_irq_fd(', 'long coherent_irq_fd('), False),
    ('another soname', newer, replace("soversion: '0'", "soversion: '1'"), True),
]


def check_cases(results, source):
    unknown = [name for name, declaration in exported_functions(source).items() if not declaration]
    results.say(not unknown, 'the comparison knows each function that the library exports', unknown)
    for what, before, after, good in CASES:
        with tempfile.TemporaryDirectory() as old, tempfile.TemporaryDirectory() as new:
            broken = changes_between(edited(old, source, before), edited(new, source, after))
        results.say(good == (not broken), f'{what}: programs {"keep working" if good else "break"}',
                    broken)


def last_tag(source):
    done = subprocess.run(['git', '-C', source, 'describe', '--tags', '--abbrev=0'], check=False,
                          capture_output=True, text=True)
    return done.stdout.strip()


def check_commit(results, source, commit):
    with tempfile.TemporaryDirectory() as old:
        archive = subprocess.run(['git', '-C', source, 'archive', commit, *PARTS],
                                 capture_output=True, check=False)
        subprocess.run(['tar', '-x', '-C', old], input=archive.stdout, check=False,
                       capture_output=True)
        if archive.returncode:
            results.say(False, f'git has {commit}', archive.stderr.decode())
            return
        broken = changes_between(old, source)
    results.say(not broken, f'programs that were built for {commit} work', broken)


def main():
    if len(sys.argv) not in (2, 3):
        print('usage: diff.py SOURCE_DIR [COMMIT]', file=sys.stderr)
        return 2
    source = sys.argv[1]
    results = Results()
    if not shutil.which('abidiff'):
        results.skip('programs of the last release work', 'abidiff is missing, run make deps')
        return results.close()
    check_cases(results, source)
    commit = sys.argv[2] if len(sys.argv) == 3 else last_tag(source)
    if commit:
        check_commit(results, source, commit)
    else:
        print('# git has no tag, so there is no release to compare with')
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
