# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The inventory: which calls allocate and free coherent memory, and what becomes of it."""
import re

from migration import coccinelle
from migration.source import Source

NAMES = re.compile(r'\bdmam?_(alloc|free)_(?:coherent|attrs)\b')
ALLOCATES = re.compile(r'\bdmam?_alloc_(?:coherent|attrs)\s*\(')
CALL = re.compile(r'\b(dmam?_(?:alloc|free)_(?:coherent|attrs))\s*\(')
# A place in a struct: p->a, s.a, p->rings[i].a, p->a[i].
FIELD = re.compile(r'(.*?(?:->|\.)\s*)(\w+)\s*((?:\[.*\])?)\s*$', re.S)
PLACE = re.compile(r'\w*\s*(?:(?:->|\.)\s*\w*\s*)*')
CAST = re.compile(r'\(\s*(?:\w+\s+)*\w+[\s*]*\)\s*(?=[\w(&])')


def bare(source, start, end):
    """Return the span of an expression without casts and parentheses, and without & of element 0."""
    code = source.code
    while start < end:
        cast = CAST.match(code, start, end)
        first = re.search(r'\s*\[\s*0\s*\]$', code[start:end])
        if cast:
            start = cast.end()
        elif code[start] == '(' and source.close_of(start) == end - 1:
            start, end = source.trim(start + 1, end - 1)
        elif code[start] == '&' and first:
            start, end = source.trim(start + 1, start + first.start())
        else:
            break
    return start, end


def is_place(text):
    """Whether an expression only goes through fields, indexes and calls, and does not calculate."""
    inner = None
    while inner != text:
        inner, text = text, re.sub(r'\([^()\[\]]*\)|\[[^()\[\]]*\]', '', text)
    return PLACE.fullmatch(text)


class Call:
    """A call that allocates or frees. Spans are (start, end) in the text of the file."""

    def __init__(self, source, at, function):
        self.source, self.at, self.function = source, at, function
        self.name = CALL.match(source.code, at)[1]
        self.arguments = source.arguments(at)
        self.target = None
        self.member = None

    @property
    def allocates(self):
        return 'alloc' in self.name

    @property
    def managed(self):
        return self.name.startswith('dmam')

    @property
    def line(self):
        return self.source.line(self.at)

    def place(self):
        """Return the span of the expression that holds the pointer to the memory."""
        if self.allocates:
            return self.target
        if len(self.arguments) < 4:
            return None
        return bare(self.source, *self.arguments[2])

    def field(self):
        """Return (what stands before the field, its name, its index), or None for no field."""
        place = self.place()
        text = self.source.code[slice(*place)] if place else ''
        found = FIELD.match(text)
        return found.groups() if found and re.match(r'[\w(]', text) and is_place(text) else None

    def size(self):
        return self.source.words(self.arguments[1]) if len(self.arguments) > 1 else ''


def read_calls(path, output):
    """Return the calls of a file, from the output of table.cocci."""
    source = Source(path)
    calls = {}
    targets = {}
    for line in output.splitlines():
        kind, *numbers = line.split()
        if kind == 'call' and len(numbers) == 3:
            at = source.offset(int(numbers[0]), int(numbers[1]))
            if CALL.match(source.code, at):
                calls.setdefault(at, Call(source, at, numbers[2]))
        elif kind == 'target':
            at, start, end = (source.offset(*map(int, numbers[i:i + 2])) for i in (0, 2, 4))
            # A chain such as a = b = f() has two targets. The nearest one has the memory first.
            targets[at] = max(targets.get(at, (0, 0)), (start, end))
    for at, span in targets.items():
        if at in calls:
            calls[at].target = span
    # Coccinelle cannot read every function: macros can hide its structure. A macro can free too.
    for found in CALL.finditer(source.code):
        before = source.code[source.starts[source.line(found.start()) - 1]:found.start()]
        if found.start() not in calls and ('free' in found[1] or not re.match(r'\s*#', before)):
            calls[found.start()] = Call(source, found.start(), None)
    return source, [calls[at] for at in sorted(calls)]


def is_declared(call):
    """Whether a local variable gets the memory where it is declared, or a plain name does."""
    return call.target and re.fullmatch(r'\w+', call.source.code[slice(*call.target)].strip())


def why_not_simple(call, calls):
    """Return why an allocation is not simple, or None. The facts are those of its file."""
    if call.function is None:
        return 'Coccinelle cannot read this function'
    if not call.target:
        return 'its result is not assigned'
    if is_declared(call):
        return 'it goes into a variable, not into a field'
    field = call.field()
    if not field:
        return 'it does not go into a field'
    same = [other for other in calls if other.function and other.field() and
            other.field()[1] == field[1]]
    places = sum(other.allocates for other in same)
    if places > 1:
        return f'{places} places allocate this field'
    if not call.managed and all(other.allocates for other in same):
        return 'this file does not free it'
    return None


def rows(calls):
    """Return what the table says about each allocation of a file."""
    out = []
    for call in calls:
        if not call.allocates:
            continue
        field = call.field()
        frees = [other.line for other in calls if field and not other.allocates and
                 other.field() and other.field()[1] == field[1]]
        why = why_not_simple(call, calls)
        words = [call.source.words(span) for span in call.arguments]
        out.append({'file': call.source.path, 'line': call.line, 'function': call.function,
                    'call': call.name,
                    'into': call.source.words(call.target) if call.target else None,
                    'size': words[1] if len(words) > 1 else None,
                    'address': words[2] if len(words) > 2 else None,
                    'freed': 'devres' if call.managed else frees, 'simple': why is None, 'why': why})
    return out


def read_all(paths, warn):
    """Yield (source, calls) of each file."""
    for (_, path), output, why in coccinelle.run_all([('table.cocci', path) for path in paths]):
        if why:
            warn(f'{path}: {why}')
        yield read_calls(path, output)


def text(row):
    """Return the line for one allocation."""
    freed = row['freed']
    if freed != 'devres':
        freed = 'line ' + ', '.join(map(str, freed)) if freed else 'not freed here'
    return (f'{row["file"]}:{row["line"]}: {row["into"] or "nothing"}: {row["size"]}; {freed}; '
            f'{"simple" if row["simple"] else row["why"]}')


def counted(number, noun):
    return f'{number} {noun}{"s" * (number != 1)}'


def summary(all_rows):
    simple = sum(row['simple'] for row in all_rows)
    files = {row['file'] for row in all_rows}
    mixed = {row['file'] for row in all_rows if not row['simple']}
    return (f'{counted(len(all_rows), "allocation")} in {counted(len(files), "file")}, {simple} simple; '
            f'all of them simple in {counted(len(files - mixed), "file")}')
