# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Stage 1: a mem owns the memory, and the raw pointer stays. Prints a patch."""
import collections
import difflib
import functools
import os
import re

from migration import fields, owners, table
from migration.coccinelle import Problem
from migration.source import INCLUDE, blank, real_path

HEADER = '#include <coherent/migrate.h>\n'
WIDTH = 100
ALLOC = {'dma_alloc_coherent': 'coherent_migrate_alloc',
         'dmam_alloc_coherent': 'coherent_migrate_alloc_managed',
         'dma_alloc_attrs': 'coherent_migrate_alloc_attrs',
         'dmam_alloc_attrs': 'coherent_migrate_alloc_attrs_managed',
         'dma_free_coherent': 'coherent_migrate_free', 'dmam_free_coherent': 'coherent_migrate_free',
         'dma_free_attrs': 'coherent_migrate_free_attrs'}


class Conversion:
    """All that is known about one field: where it is declared, allocated and freed."""

    def __init__(self, file, member):
        self.file, self.member = file, member
        self.calls = []
        self.why = None

    def refuse(self, why):
        self.why = self.why or why


def indexes(text):
    """Return how many [...] an expression ends with."""
    count = 0
    while True:
        shorter = re.sub(r'\[[^\[\]]*\]\s*$', '', text)
        if shorter == text:
            return count
        text, count = shorter, count + 1


def is_const(call):
    """Whether a function has only a const pointer to the struct of a field."""
    name = re.match(r'[(*&\s]*(\w+)', call.field()[0])
    start = max(call.source.code.rfind('\n}', 0, call.at), 0)
    return name and re.search(rf'\bconst\s+struct\s+\w+\s*\*\s*(?:const\s+)?{name[1]}\s*[=,;)]',
                              call.source.code[start:call.at])


def why_not_member(tree, file, member, call):
    """Return why no mem can stand beside a member, or None."""
    source = tree.source(file)
    field = call.field()
    body = member.body
    if member.stars != 1:
        return 'the field is not a pointer to elements' if not member.stars else \
            'the field points to pointers'
    if re.search(r'\[\s*0?\s*\]', member.suffix):
        return 'the field is a flexible array, and nothing can stand behind it'
    if indexes(field[2]) != member.suffix.count('['):
        return 'the place is an element of an array outside of the struct'
    if re.search(r'\+\+|--|[^=!<>]=[^=]', field[0] + field[2]):
        return 'the place has a side effect'
    if any(other.name == member.name + '_mem' for other in body.named().members + body.members):
        return f'the struct has a field {member.name}_mem'
    if is_const(call):
        return 'the struct is const'
    while body:
        if body.kind == 'union':
            return 'the field shares its bytes with others in a union'
        end = source.code.find(';', body.end)
        if re.search(r'\b__packed\b|\bpacked\b', source.code[body.end:end] + ' ' +
                     source.code[body.start:source.code.find('{', body.start)]):
            return 'its struct is packed'
        body = body.parent
    if source.text[:source.text.find('\n', member.end)].endswith('\\'):
        return 'a macro declares the field'
    return None


def is_statement(source, call):
    """Whether a call is a statement of its own, and not a part of an expression."""
    code = source.code
    if not re.match(r'\s*;', code[source.close_of(code.index('(', call.at)) + 1:]):
        return False
    start = max(code.rfind('\n}', 0, call.at), 0)
    before = re.sub(r'^[ \t]*#(?:\\\n|[^\n])*', blank, code[start:call.at], flags=re.M).rstrip()
    if before.endswith(')'):
        # This is a condition, or a macro that is a loop. A cast has no name before it.
        return re.search(r'\w\s*$', code[:source.open_of(start + len(before) - 1)])
    return re.search(r'(?:[;{}]|\b(?:else|do)|\bcase\b[^;?]*:|[;{}:]\s*\w+\s*:)$', before)


def is_in_macro(source, at):
    """Whether an offset is in a line that the preprocessor reads, or in one that continues it."""
    line = source.line(at)
    while line > 1 and source.text[:source.starts[line - 1]].rstrip('\r\n').endswith('\\'):
        line -= 1
    return re.match(r'\s*#', source.code[source.starts[line - 1]:])


def why_not_call(call):
    """Return why a call cannot get another name where it is, or None."""
    source, number = call.source, f'line {call.line}'
    end = call.arguments[-1][1] if call.arguments else call.at
    if is_in_macro(source, call.at):
        return f'{number} is a part of a macro'
    if re.search(r'^[ \t]*#', source.code[call.at:end], re.M):
        return f'{number} has lines for the preprocessor among its arguments'
    if not call.allocates and call.arguments and not is_statement(source, call):
        return f'{number} frees it in an expression'
    return None


class Stage1:
    """The conversion of some files. Headers and the files beside them can change with them."""

    def __init__(self, paths, warn):
        self.tree = fields.Tree()
        self.paths, self.warn = paths, warn
        self.calls = {}
        self.found, self.users = {}, {}
        self.edits = collections.defaultdict(list)
        self.left = []

    def read(self, paths):
        for source, calls in table.read_all([path for path in paths if path not in self.calls],
                                            self.warn):
            self.tree.sources[source.path] = source
            self.calls[source.path] = calls

    def member_of(self, source, at, name):
        """Return the member that an access means, None if it is not known, False for another."""
        start = at
        while start and re.match(r'[\w>.\[\]()-]', source.code[start - 1]):
            start -= 1
        body = fields.walk(self.tree, source.path, at, source.code[start:at].lstrip('(*&!') + '->')
        if not body:
            return None
        member = fields.find_member(*body, name)
        return member[1] if member else None

    def collect(self):
        """Find the field of each call."""
        for path in self.paths:
            for call in self.calls[path]:
                if call.allocates and table.why_not_simple(call, self.calls[path]):
                    why = table.why_not_simple(call, self.calls[path])
                    if not re.search('places allocate|does not free', why):
                        self.left.append((call, why))
                        continue
                if call.allocates:
                    self.add(call)
        self.read(sorted({path for conversion in self.found.values()
                          for path in self.neighbours(conversion)}))
        for conversion in self.found.values():
            self.judge(conversion)

    def add(self, call):
        member, why = fields.resolve(self.tree, call)
        why = why or why_not_member(self.tree, *member, call) or why_not_call(call)
        if why:
            self.left.append((call, why))
            return
        key = id(member[1])
        conversion = self.found.setdefault(key, Conversion(*member))
        conversion.calls.append(call)
        call.member = member[1]

    def neighbours(self, conversion):
        """Return the files that can use a field: those below its folder and below those of the calls."""
        folders = {os.path.dirname(path) for path in
                   [conversion.file] + [call.source.path for call in conversion.calls]}
        word = re.compile(rf'(?:->|\.)\s*{conversion.member.name}\b')
        return {path for folder in folders for path in self.users_in(folder or '.')
                if word.search(self.tree.source(path).code)}

    def users_in(self, folder):
        """Return the sources below a folder that allocate, free or share coherent memory."""
        if folder not in self.users:
            self.users[folder] = []
            for where, _, names in os.walk(folder):
                for path in {real_path(os.path.join(where, name)) for name in names}:
                    if path.endswith('.c') and os.path.isfile(path) and path not in self.users[folder]:
                        with open(path, 'rb') as file:
                            text = file.read().decode('latin-1')
                        if table.NAMES.search(text) or owners.SHARES.search(text):
                            self.users[folder].append(path)
        return self.users[folder]

    def judge(self, conversion):
        """Decide about a field: its frees must be known, and nobody may own the pointer too."""
        member = conversion.member
        own = {call.source.path for call in conversion.calls}
        for path in sorted(own | self.neighbours(conversion)):
            if conversion.file not in self.tree.headers(path):
                continue
            for call in self.calls[path]:
                self.judge_call(conversion, call)
            is_other = functools.partial(self.is_other, conversion)
            why = owners.other_use(self.tree, path, member, is_other) or \
                owners.shared_why(self.tree, path, member, is_other) or \
                owners.zeroed_why(self.tree, conversion.file, member, path) or \
                owners.copied_why(self.tree, path, member.body) or \
                owners.position_why(self.tree, path, member.body)
            if why:
                conversion.refuse(f'{path}: {why}' if path not in own or len(own) > 1 else why)
        if not any(call.managed or not call.allocates for call in conversion.calls):
            conversion.refuse('nothing frees it')

    def is_other(self, conversion, source, at, name):
        member = self.member_of(source, at, name)
        return None if member is None else False if member is not conversion.member else True

    def judge_call(self, conversion, call):
        name = conversion.member.name
        if call in conversion.calls:
            return
        if not call.field() or call.field()[1] != name:
            why = None if call.allocates else owners.free_why(call, conversion.member)
            if why:
                conversion.refuse(why)
            return
        if call.function is None:
            conversion.refuse(f'Coccinelle cannot read line {call.line}, which uses it')
            return
        member, why = fields.resolve(self.tree, call)
        if why:
            conversion.refuse(f'line {call.line}: {why}')
        elif member[1] is conversion.member:
            why = why_not_member(self.tree, *member, call)
            if why:
                conversion.refuse(f'line {call.line}: {why}')
            why = why_not_call(call)
            if why:
                conversion.refuse(why)
            conversion.calls.append(call)

    def convert(self):
        headers = set()
        for conversion in self.found.values():
            if conversion.why:
                self.left += [(call, conversion.why) for call in conversion.calls if call.allocates]
                continue
            self.declare(conversion)
            headers.add(conversion.file)
            for call in conversion.calls:
                self.rename(call)
        for file in headers:
            at, text = include_at(self.tree.source(file))
            self.edits[file].append((at, at, text))

    def declare(self, conversion):
        """Put the mem behind the declaration of the pointer."""
        source, member = self.tree.source(conversion.file), conversion.member
        kind = fields.element(member, self.tree, conversion.file)
        start = source.skip_space(member.start)
        first = source.starts[source.line(start) - 1]
        indent = re.match(r'[ \t]*', source.text[first:])[0]
        text = f'{indent}COHERENT({kind}) {member.name}_mem{member.suffix};'
        line_end = source.text.find('\n', member.end)
        rest = source.text[member.end + 1:line_end]
        if not source.code[member.end + 1:line_end].strip() and rest.count('/*') == rest.count('*/'):
            self.edits[conversion.file].append((line_end + 1, line_end + 1, text + '\n'))
        else:
            self.edits[conversion.file].append((member.end + 1, member.end + 1, '\n' + text))
        self.document(conversion, source)

    def document(self, conversion, source):
        """Describe the mem in the kernel-doc of the struct, if it has one."""
        body, name = conversion.member.body, conversion.member.name
        before = source.text[:body.named().start]
        begin = before.rfind('/**')
        comment = before[begin:] if begin >= 0 else ''
        line = re.search(rf'^([ \t]*\*[ \t]*)@{name}:.*\n(?:[ \t]*\*[ \t]+[^@\s].*\n)*', comment, re.M)
        if line and not comment[comment.find('*/') + 2:].strip():
            at = begin + line.end()
            self.edits[conversion.file].append(
                (at, at, f'{line[1]}@{name}_mem: The mem that owns the memory of @{name}.\n'))

    def rename(self, call):
        """Give a call its new name and the mem, and lay out its arguments."""
        source = call.source
        before, name, index = call.field()
        mem = ' '.join(f'&{before.strip()}{name}_mem{index}'.split())
        opened = source.code.index('(', call.at) + 1
        head = ALLOC[call.name] + '('
        end = call.arguments[-1][1]
        if source.code[opened:end] != source.text[opened:end]:
            # Comments and strings stay where they are.
            self.edits[source.path].append((call.at, opened, head + mem + ', '))
            return
        first = source.starts[source.line(call.at) - 1]
        column = len((source.text[first:call.at] + head).expandtabs(8))
        tail = len(source.text[end:source.text.find('\n', end)])
        words = [mem] + [source.words(span) for span in call.arguments]
        self.edits[source.path].append((call.at, end, head + layout(words, column, tail)))

    def patch(self):
        """Yield the lines of the patch."""
        for path in sorted(self.edits):
            source = self.tree.source(path)
            text, new = source.text, source.text
            for start, end, piece in sorted(self.edits[path], reverse=True):
                new = new[:start] + piece + new[end:]
            name = os.path.relpath(path)
            if name.split(os.sep)[0] == os.pardir:
                raise Problem(f'{name} would change, but patch only changes files below the current '
                              'folder: call stage1 in a folder above it')
            # A tab ends a name that has spaces.
            name += '\t' if ' ' in name else ''
            for line in difflib.unified_diff(lines(text), lines(new), 'a/' + name, 'b/' + name):
                yield line if line.endswith('\n') else line + '\n\\ No newline at end of file\n'


def lines(text):
    """Return the lines of a text. For patch, only a newline ends a line, and no form feed does."""
    return re.findall(r'[^\n]*\n|[^\n]+', text)


def layout(words, column, tail):
    """Return arguments, with as many on a line as fit behind a column. The last has a tail."""
    text, width = '', column
    for i, word in enumerate(words):
        more = len(word) + (tail if i == len(words) - 1 else 1)
        if i and width + 1 + more > WIDTH:
            text += ',\n' + '\t' * (column // 8) + ' ' * (column % 8) + word
            width = column + len(word)
        else:
            text += (', ' if i else '') + word
            width += len(word) + (2 if i else 0)
    return text


def include_at(source):
    """Return (offset, text) of the include of the shim: behind the first group of includes.

    Behind that group a driver may define names such as u32.
    """
    guard = re.match(r'\s*#[ \t]*ifndef[ \t]+(\w+)[^\n]*\n\s*#[ \t]*define[ \t]+\1\b[^\n]*\n', source.code)
    deepest = 1 if guard else 0
    depth, last, is_system = 0, None, False
    for match in re.finditer(r'^[ \t]*#[ \t]*(\w+)[^\n]*\n|^[^\n]*\n', source.code, re.M):
        word = match[1]
        include = INCLUDE.match(source.text, match.start()) if word == 'include' else None
        if word in ('if', 'ifdef', 'ifndef'):
            depth += 1
        elif word == 'endif':
            depth -= 1
        elif include and depth <= deepest and (include[1] == '<' or not is_system):
            last, is_system = match.end(), include[1] == '<'
        elif last and match[0].strip() and word not in ('include', 'else', 'elif'):
            break
    if last:
        return last, HEADER
    if guard:
        return guard.end(), '\n' + HEADER
    at = re.compile(r'\s*').match(source.code).end()
    return source.starts[source.line(at) - 1], HEADER + '\n'


def run(paths, warn, out):
    """Print the patch. Return the number of allocations that stay as they are."""
    stage = Stage1(paths, warn)
    stage.read(paths)
    stage.collect()
    stage.convert()
    out.write(''.join(stage.patch()))
    for call, why in sorted(stage.left, key=lambda item: (item[0].source.path, item[0].at)):
        warn(f'{call.source.path}:{call.line}: left as it is: {why}')
    return len(stage.left)
