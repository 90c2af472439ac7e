# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The command line of migrate."""
import json
import os
import sys

from migration import bugs, coccinelle, stage1, table
from migration.coccinelle import Problem
from migration.source import real_path

# The name by which the command was called: tools/migrate is installed as coherent-migrate.
NAME = os.path.basename(sys.argv[0])
USAGE = f"""\
Usage: {NAME} table|bugs [--json] PATH...
       {NAME} stage1 PATH...

Helps to convert Linux drivers that call dma_alloc_coherent() to libcoherent.

  table PATH...   list the allocations: where, into what, the size, and where the memory is freed.
                  An allocation is simple if a script can convert it
  bugs PATH...    find accesses to coherent memory that the device can see in the wrong order, or
                  can change between two reads
  stage1 PATH...  print a patch: each simple allocation gets a mem that owns the memory, and the raw
                  pointer stays
  PATH            a C file, or a folder with C files
  --json          print one JSON array (table and bugs)
  --help, --version

Coccinelle must be installed. The exit status is 0 if there is nothing to report, 1 if bugs found
something or stage1 left an allocation as it was, and 2 if the command cannot work. The man page
coherent-migrate(1) has the details.
"""


def files_of(paths):
    """Return the C files of the command line. A folder stands for all that allocate in it."""
    out = []
    for path in paths:
        if os.path.isdir(path):
            if not has_sources(path):
                raise Problem(f'{path} has no C file')
            for folder, folders, names in os.walk(path):
                folders.sort()
                out += [real_path(os.path.join(folder, name)) for name in sorted(names)
                        if name.endswith('.c') and allocates(os.path.join(folder, name))]
        elif not os.path.exists(path):
            raise Problem(f'{path}: there is no such file or folder')
        elif not path.endswith('.c'):
            raise Problem(f'{path} is not a C source file')
        else:
            out.append(real_path(path))
    return list(dict.fromkeys(out))


def has_sources(path):
    return any(name.endswith('.c') for _, _, names in os.walk(path) for name in names)


def allocates(path):
    try:
        with open(path, encoding='utf-8', errors='replace') as file:
            return table.ALLOCATES.search(file.read())
    except OSError as why:
        raise Problem(f'cannot read {path}: {why.strerror}') from None


def read_arguments(arguments):
    """Return (command, paths, whether JSON is wanted)."""
    options = [word for word in arguments if word.startswith('-')]
    words = [word for word in arguments if not word.startswith('-')]
    for option in options:
        if option != '--json':
            raise Problem(f'unknown option {option}; see {NAME} --help')
    if not words or words[0] not in COMMANDS:
        raise Problem(f'{words[0]} is not a command; see {NAME} --help' if words else
                      f'the command is missing: table, bugs or stage1; see {NAME} --help')
    if len(words) < 2:
        raise Problem(f'{words[0]} needs a file or a folder; see {NAME} --help')
    if options and words[0] == 'stage1':
        raise Problem(f'stage1 prints a patch and has no --json; see {NAME} --help')
    return words[0], words[1:], bool(options)


class Warner:
    """Print warnings, and remember whether there was one: then the answer is not complete."""

    def __init__(self):
        self.said = False

    def __call__(self, text):
        self.said = True
        print(f'{NAME}: {text}', file=sys.stderr)


warn = Warner()


def run_table(paths, as_json):
    found = [row for _, calls in table.read_all(files_of(paths), warn) for row in table.rows(calls)]
    if as_json:
        print(json.dumps(found, indent=1))
    else:
        for row in found:
            print(table.text(row))
        print(table.summary(found))
    return int(warn.said)


def run_bugs(paths, as_json):
    found = bugs.run(files_of(paths), warn, any(map(os.path.isdir, paths)))
    if as_json:
        print(json.dumps(found, indent=1))
    for finding in [] if as_json else found:
        print(f'{finding["file"]}:{finding["line"]}: {finding["rule"]}: {finding["message"]}')
    return int(bool(found) or warn.said)


def run_stage1(paths, _):
    return 1 if stage1.run(files_of(paths), warn, sys.stdout) else 0


COMMANDS = {'table': run_table, 'bugs': run_bugs, 'stage1': run_stage1}


def main(arguments, version):
    """Run the command. Return its exit status."""
    if '--help' in arguments or '-h' in arguments:
        print(USAGE, end='')
        return 0
    if '--version' in arguments:
        print('coherent-migrate', version)
        return 0
    try:
        command, paths, as_json = read_arguments(arguments)
        coccinelle.find()
        return COMMANDS[command](paths, as_json)
    except Problem as problem:
        warn(problem)
        return 2
