# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Which types, variables and expressions of a file are a struct, or have one inside."""
import re

from migration import fields
from migration.source import CLOSE, OPEN, declarators

# A declarator of a variable: its stars, its name and its array suffix.
DECLARATOR = re.compile(r'((?:\*|const\b|\s)*)\b(\w+)\s*((?:\[[^\]]*\]\s*)*)'
                        r'(?:__\w+(?:\s*\([^()]*\))?\s*)*(?=[=,;):])')


def without_parentheses(text):
    """Return an expression without spaces and without the parentheses around it."""
    text = re.sub(r'\s+', '', text)
    while re.fullmatch(r'\([^()]*\)', text):
        text = text[1:-1]
    return text


class Variable:
    """A declaration: where its name is, and how many stars and indexes lead to the struct."""

    def __init__(self, match, value):
        self.name, self.at = match[2], match.start(2)
        self.stars, self.indexes = match[1].count('*'), match[3].count('[')
        # The offset behind the sign = of its initialiser, or None.
        self.value = value


class Holders:
    """A struct, and all those of a file and its headers that have it inside."""

    def __init__(self, tree, path, body):
        self.tree, self.path, self.source = tree, path, tree.source(path)
        self.sources = [tree.source(name) for name in tree.headers(path)]
        self.bodies, self.names = [], []
        self.add(body.named())
        while any([self.grow(source) for source in self.sources]):
            pass
        self.word = '(?:' + '|'.join(self.names or [r'(?!)']) + r')\b'
        self.members = {}
        for member in (member for source in self.sources for each in source.all_bodies()
                       for member in each.members):
            if self.is_kind(member.kind):
                self.members.setdefault(member.name, []).append((member.stars, member.suffix.count('[')))
        self.variables = list(self.read_variables())

    def add(self, body):
        """Add a struct, its tag and the names that a typedef gives to it."""
        self.bodies.append(body)
        if body.name:
            self.names.append(rf'\b{body.kind}\s+{body.name}')
        for source in self.sources:
            code = source.code
            if body in source.all_bodies() and re.search(r'\btypedef\s*$', code[:body.start]):
                text = code[body.end + 1:code.find(';', body.end)]
                self.names += [rf'\b{name}' for name, stars, _ in declarators(text) if not stars]
            if body.name:
                self.names += [rf'\b{name}' for name in
                               re.findall(rf'\btypedef\s+{body.kind}\s+{body.name}\s+(\w+)\s*;', code)]

    def is_kind(self, kind):
        """Whether the type of a member is one of the structs."""
        if not isinstance(kind, str):
            return kind.named() in self.bodies
        return bool(self.names) and re.fullmatch(
            r'(?:(?:const|volatile)\s+)*(?:' + '|'.join(self.names) + ')', kind)

    def grow(self, source):
        """Add the structs of a file that have one inside. Return whether there is one."""
        count = len(self.bodies)
        for body in source.all_bodies():
            if body.named() not in self.bodies and any(
                    not member.stars and self.is_kind(member.kind) for member in body.members):
                self.add(body.named())
        return len(self.bodies) > count

    def read_variables(self):
        """Yield the variables and arguments that have a type of these, also as pointers to it."""
        code = self.source.code
        for kind in re.finditer(self.word, code):
            if any(body.start <= kind.start() < body.end for body in self.source.all_bodies()):
                continue
            match = DECLARATOR.match(code, kind.end())
            while match:
                value = match.end() + 1 if code[match.end()] == '=' else None
                yield Variable(match, value)
                end = self.end_of(value or match.end())
                match = DECLARATOR.match(code, end + 1) if code[end:end + 1] == ',' else None

    def end_of(self, at):
        """Return the offset of the comma, semicolon or bracket that ends an expression."""
        code, depth = self.source.code, 0
        for i in range(at, len(code)):
            if not depth and code[i] in ',;' + CLOSE:
                return i
            depth += (code[i] in OPEN) - (code[i] in CLOSE)
        return len(code)

    def line_before(self, variable):
        start = self.source.starts[self.source.line(variable.at) - 1]
        return self.source.code[start:variable.at]

    def is_global(self, variable):
        before = self.line_before(variable)
        return re.match(r'\w', before) and '(' not in before

    def variable(self, at, name):
        """Return the declaration of a variable that is used at an offset, or None."""
        start = max(self.source.code.rfind('\n}', 0, at), 0)
        found = [each for each in self.variables if each.name == name]
        near = [each for each in found if start <= each.at <= at]
        return (near or [each for each in found if self.is_global(each)] or [None])[-1]

    def left(self, at, text):
        """Return (stars, indexes) to the struct that an expression leaves, or None."""
        text = without_parentheses(text)
        inner = text.lstrip('*')
        name = without_parentheses(inner)
        base = re.sub(r'(?:\[[^\[\]]*\])+$', '', name)
        taken = len(text) - len(inner) + name[len(base):].count('[')
        match = re.fullmatch(r'(.*(?:->|\.))?(\w+)', base)
        if not match:
            return None
        if match[1]:
            body = fields.walk(self.tree, self.path, at, match[1])
            member = body and fields.find_member(*body, match[2])
            if member and not self.is_kind(member[1].kind):
                return None
            found = [(member[1].stars, member[1].suffix.count('['))] if member else \
                self.members.get(match[2], [])
        else:
            variable = self.variable(at, match[2])
            found = [(variable.stars, variable.indexes)] if variable else []
        for stars, indexes in found:
            if taken <= stars + indexes:
                return max(stars - max(taken - indexes, 0), 0), max(indexes - taken, 0)
        return None

    def is_struct(self, at, text):
        return self.left(at, text) == (0, 0)

    def has_struct(self, at, text):
        """Whether a type or an expression is a struct or an array of it."""
        if re.fullmatch(rf'\s*(?:const\s+)?{self.word}\s*(?:\[[^\]]*\]\s*)*', text):
            return True
        left = self.left(at, text)
        return left is not None and not left[0]

    def initialisers(self):
        """Yield (offset of its brace, number of indexes) of each initialiser of a struct in the file."""
        code = self.source.code
        for variable in self.variables:
            if variable.value and not variable.stars:
                yield self.source.skip_space(variable.value), variable.indexes
        for literal in re.finditer(rf'\(\s*{self.word}\s*(\[[^\]]*\])?\s*\)\s*(?=\{{)', code):
            yield literal.end(), 1 if literal[1] else 0

    def is_by_position(self, at, indexes):
        """Whether an initialiser names no members, so that a new member shifts its values."""
        code, start, items = self.source.code, at + 1, []
        while code[at:at + 1] == '{' and start < len(code):
            end = self.end_of(start)
            items.append(self.source.trim(start, end))
            if code[end:end + 1] != ',':
                break
            start = end + 1
        items = [(first, last) for first, last in items if first < last]
        for first, last in items:
            name = re.match(r'(?:\.\s*(\w+)|\[[^\]]*\]|(\w+)\s*(?=:))[^={]*[=:]?\s*', code[first:last])
            inner = first + (name.end() if name else 0)
            word = name and (name[1] or name[2])
            if not word and not indexes:
                return len(items) > 1
            deep = indexes - 1 if not word else next(
                (count for stars, count in self.members.get(word, []) if not stars), None)
            if deep is not None and (self.is_by_position(inner, deep) if code[inner] == '{' else
                                     not name and len(items) > 1):
                return True
        return False

    def in_size(self, at, text):
        """Whether a size is that of a struct."""
        for match in re.finditer(r'\b(sizeof|struct_size)\b\s*(\()?', text):
            rest = text[match.end():]
            if match[2]:
                rest = first_argument(rest)
            else:
                rest = re.match(r'[*\w>.\[\]-]*', rest)[0]
            if self.has_struct(at, '*' + rest if match[1] == 'struct_size' else rest):
                return True
        return False


def first_argument(text):
    """Return the first argument of a call, from the text behind its parenthesis."""
    depth = 0
    for i, char in enumerate(text):
        if not depth and char in ',)':
            return text[:i]
        depth += (char in OPEN) - (char in CLOSE)
    return text


def holders(tree, path, body):
    """Return the holders of a struct in a file."""
    key = path, id(body.named())
    if key not in tree.holders:
        tree.holders[key] = Holders(tree, path, body)
    return tree.holders[key]
