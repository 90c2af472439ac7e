# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Compile many cases as one unit, because the start of a compiler costs more than a case."""
import re

# A compiler says this of a mistake.
ERROR = re.compile(r': (?:fatal )?error: ')
# So many cases are a unit. clang stops at some errors, and each time the rest is compiled again.
CASES = 30


def each_output(cases, compile_unit):
    """Yields (case, lines that the compiler said of it). case[0] is the name of a case.

    compile_unit(cases) returns the output for a unit in which each case is a file of its name. gcc
    overlooks some mistakes if a unit has others. So the cases of which a compiler says nothing are a
    unit again.
    """
    while cases:
        parts = said_of([case[0] for case in cases], compile_unit(cases))
        told = [case for case in cases if parts[case[0]]] or cases
        for case in told:
            yield case, parts[case[0]]
        cases = [case for case in cases if case not in told]


def said_of(names, output):
    """Returns the lines of each case. Lines about headers belong to the case that is named next."""
    parts = {name: [] for name in names}
    # The lines before the first name, and those after an inclusion, wait for a name.
    lines = before = []
    for line in output.splitlines():
        name = line.split(':')[0]
        if line.startswith('In file included from'):
            lines = before = []
        elif name in parts:
            parts[name] += before
            lines, before = parts[name], []
        lines.append(line)
    return parts
