# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Which member of which struct an expression such as ring->desc means."""
import os
import re

from migration.source import INCLUDE, Source, find_include, real_path

DEFINES = re.compile(r'\b(struct|union|enum)\s+(?:__\w+\s+)*(\w+)\s*(?:__\w+\s*)*\{')
PART = re.compile(rb'^[ \t]*#[ \t]*include[ \t]+"(\w[\w.-]*\.c)"', re.M)
SCALARS = re.compile(r'(?:unsigned |signed )*(?:char|short|int|long|long long)(?: int)?$|'
                     r'(?:__)?(?:[us]|[lb]e)(?:8|16|32|64)$|u?int(?:8|16|32|64)_t$|dma_addr_t$')


def sources_in(folder):
    """Return the C files of a folder."""
    paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder or '.'))]
    return list(dict.fromkeys(real_path(path) for path in paths
                              if path.endswith('.c') and os.path.isfile(path)))


class Tree:
    """The files that have been read, and how they include each other."""

    def __init__(self):
        self.sources, self.defined, self.included, self.closures = {}, {}, {}, {}
        self.parts, self.known, self.holders = {}, {}, {}

    def source(self, path):
        path = os.path.normpath(path)
        if path not in self.sources:
            self.sources[path] = Source(path)
        return self.sources[path]

    def roots(self, path):
        """Return the folders in which the kernel looks for <...> of a file."""
        folder = os.path.dirname(os.path.abspath(path))
        while folder != os.path.dirname(folder):
            if os.path.isdir(os.path.join(folder, 'include', 'linux')):
                return [os.path.relpath(os.path.join(folder, name)) for name in
                        ('include', 'arch/x86/include', 'include/uapi', 'arch/x86/include/uapi')]
            folder = os.path.dirname(folder)
        return []

    def includes(self, path):
        """Return (offset, path, whether it is a header of the driver) of each include that is found."""
        if path not in self.included:
            source, roots = self.source(path), self.roots(path)
            self.included[path] = [
                (match.start(), found, match[1] == '"') for match in INCLUDE.finditer(source.text)
                if source.code[match.start():].lstrip().startswith('#')
                for found in [find_include(match[1], match[2], path, roots)] if found]
        return self.included[path]

    def parents(self, path):
        """Return the sources beside a source that include it, and so give it their headers."""
        folder, name = os.path.split(path)
        if folder not in self.parts:
            self.parts[folder] = {}
            for other in sources_in(folder):
                with open(other, 'rb') as file:
                    for part in PART.findall(file.read()):
                        self.parts[folder].setdefault(part.decode(), []).append(other)
        return self.parts[folder].get(name, [])

    def headers(self, path):
        """Return a file and the headers of its driver, in any depth."""
        if path in self.known:
            return self.known[path]
        out, todo = [], [path, *(self.parents(path) if path.endswith('.c') else [])]
        while todo:
            one = todo.pop(0)
            if one not in out:
                out.append(one)
                todo += [found for _, found, is_own in self.includes(one) if is_own]
        self.known[path] = out
        return out

    def names_in(self, path):
        if path not in self.defined:
            self.defined[path] = {match[2]: match.start()
                                  for match in reversed(list(DEFINES.finditer(self.source(path).code)))}
        return self.defined[path]

    def closure(self, path):
        """Return all headers that a file includes, in any depth."""
        if path not in self.closures:
            seen, todo = set(), [path]
            while todo:
                one = todo.pop()
                if one not in seen:
                    seen.add(one)
                    todo += [found for _, found, _ in self.includes(one)]
            self.closures[path] = seen
        return self.closures[path]

    def is_complete(self, tag, path, at):
        """Whether a struct is known to be defined before an offset of a file."""
        here = self.names_in(path).get(tag)
        if here is not None:
            end = self.source(path).close_of(self.source(path).code.index('{', here))
            return end is not None and end < at
        return any(tag in self.names_in(name) for offset, found, _ in self.includes(path)
                   if offset < at for name in self.closure(found))


def element(member, tree, path):
    """Return the type of the elements that a member points to, as a mem can have it."""
    if not isinstance(member.kind, str):
        inner = member.kind.name
        return f'{member.kind.kind} {inner}' if inner else 'u8'
    kind = re.sub(r'\b(?:const|volatile)\b\s*', '', member.kind).strip()
    if kind == 'void':
        return 'u8'
    tag = re.match(r'(struct|union|enum) (\w+)$', kind)
    if tag:
        return kind if tree.is_complete(tag[2], path, member.start) else 'u8'
    if SCALARS.match(kind):
        return kind
    # A typedef can name a struct that is defined later.
    for name in tree.headers(path):
        match = re.search(rf'\btypedef\s+(?:struct|union)\s+(\w+)\s+{kind}\s*;', tree.source(name).code)
        if match and not tree.is_complete(match[1], path, member.start):
            return 'u8'
    return kind


def members_named(tree, path, name):
    """Return each (file, member) with a name, in a file and the headers of its driver."""
    return [(file, member) for file in tree.headers(path)
            for body in tree.source(file).all_bodies() for member in body.members
            if member.name == name]


def bodies_named(tree, path, tag):
    return [(file, body) for file in tree.headers(path)
            for body in tree.source(file).all_bodies() if body.name == tag]


def find_member(file, body, name):
    """Return (file, member) of the member with a name, or None."""
    for member in body.members:
        if member.name == name:
            return file, member
    return None


def type_of_variable(code, at, name):
    """Return the tag of the struct that a variable is or points to, where it is used, or None."""
    # A function begins behind the last line that is only a closing brace.
    start = max(code.rfind('\n}', 0, at), 0)
    found = None
    declares = (rf'\b(?:struct|union)\s+(\w+)\s*(?:\*|const\b|\s)*'
                rf'(?:\w[^;{{}}()]*,\s*\**\s*)?\b{name}\b\s*(?=[=,;)\[])')
    for match in re.finditer(declares, code[start:at]):
        found = match[1]
    if not found:
        match = re.search(rf'^(?:static\s+)?struct\s+(\w+)\s*\**\s*{name}\b', code[:at], re.M)
        found = match[1] if match else None
    return found


def walk(tree, path, at, before):
    """Return (file, body) of the struct that an expression such as a->b[i]. leads to, or None."""
    text = re.sub(r'\s+', '', before)
    while re.search(r'\[[^\[\]]*\]', text):
        text = re.sub(r'\[[^\[\]]*\]', '', text)
    parts = re.split(r'->|\.', text)[:-1]
    if not parts or not all(re.fullmatch(r'[A-Za-z_]\w*', part) for part in parts):
        return None
    tag = type_of_variable(tree.source(path).code, at, parts[0])
    found = bodies_named(tree, path, tag) if tag else []
    for name in parts[1:]:
        if len(found) != 1:
            return None
        member = find_member(*found[0], name)
        if not member:
            return None
        kind = member[1].kind
        if isinstance(kind, str):
            tag = re.search(r'(?:struct|union) (\w+)', kind)
            found = bodies_named(tree, path, tag[1]) if tag else []
        else:
            found = [(member[0], kind)]
    return found[0] if len(found) == 1 else None


def resolve(tree, call):
    """Return ((file, member), None) of the field of a call, or (None, why it is not known)."""
    before, name, _ = call.field()
    body = walk(tree, call.source.path, call.at, before)
    if body:
        member = find_member(*body, name)
        if member:
            return member, None
    found = members_named(tree, call.source.path, name)
    if len(found) > 1:
        found = [each for each in found if each[1].stars] or found
    handle = call.arguments[2 if call.allocates else 3] if len(call.arguments) > 3 else None
    word = re.search(r'(\w+)\s*(?:\[[^\]]*\]\s*)*$', call.source.code[slice(*handle)]) if handle else None
    if len(found) > 1 and word:
        found = [each for each in found
                 if any(other.name == word[1] for other in each[1].body.members)] or found
    if len(found) == 1:
        return found[0], None
    return None, (f'{len(found)} structs have a field {name}' if found else
                  f'no struct here has a field {name}')
