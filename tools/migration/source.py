# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The text of a C source file: places, arguments, includes, and the members of structs."""
import bisect
import os
import re

NOISE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(["<])([^">\n]+)[">]', re.M)
BODY = re.compile(r'\b(struct|union)\b((?:\s+__\w+)*\s+(\w+))?[^;{}()=]*?\{')
ATTRIBUTE = re.compile(r'\b(?:__attribute__\s*\(\(.*?\)\)|__aligned\s*\([^()]*\)|'
                       r'____cacheline_aligned\w*|__(?:iomem|rcu|percpu|user|force|bitwise|'
                       r'packed|randomize_layout|counted_by\(\w+\)))', re.S)
OPEN, CLOSE = '([{', ')]}'


def real_path(path):
    """Return the path of a file from the current folder. A symbolic link is the file behind it."""
    path = os.path.normpath(path)
    real = os.path.realpath(path)
    return path if real == os.path.abspath(path) else os.path.relpath(real)


def blank(match):
    return re.sub(r'[^\n]', ' ', match[0])


class Member:
    """A declarator in a struct: its type, its name, and what stands around the name."""

    def __init__(self, name, kind, stars, suffix, body):
        self.name, self.kind, self.stars, self.suffix = name, kind, stars, suffix
        self.body = body
        self.start = self.end = 0


class Body:
    """A struct or a union, with its own members."""

    def __init__(self, kind, name, parent, start):
        self.kind, self.name, self.parent, self.start = kind, name, parent, start
        self.end, self.members = start, []

    def named(self):
        """Return the nearest struct around a member that has a name."""
        body = self
        while body.parent and not body.name:
            body = body.parent
        return body


class Source:
    """A file. Comments and strings are blank in .code, and every offset is the same as in .text."""

    def __init__(self, path, text=None):
        self.path = path
        if text is None:
            with open(path, encoding='utf-8', errors='surrogateescape', newline='') as file:
                text = file.read()
        self.text = text
        self.code = NOISE.sub(blank, text)
        self.starts = [0] + [m.end() for m in re.finditer('\n', text)]
        self.bodies = None
        # Coccinelle counts bytes, so a line that is not ASCII needs a conversion.
        self.is_ascii = text.isascii()

    def offset(self, line, column):
        start = self.starts[line - 1]
        if not self.is_ascii:
            end = self.starts[line] if line < len(self.starts) else len(self.text)
            raw = self.text[start:end].encode('utf-8', 'surrogateescape')[:column]
            column = len(raw.decode('utf-8', 'surrogateescape'))
        return start + column

    def line(self, offset):
        return bisect.bisect_right(self.starts, offset)

    def close_of(self, at):
        """Return the offset of the bracket that closes the one at an offset, or None."""
        depth = 0
        for match in re.finditer(r'[()\[\]{}]', self.code[at:]):
            depth += 1 if match[0] in OPEN else -1
            if not depth:
                return at + match.start()
        return None

    def open_of(self, at):
        """Return the offset of the bracket that the one at an offset closes, or 0."""
        depth = 0
        for i in range(at, -1, -1):
            depth += (self.code[i] in CLOSE) - (self.code[i] in OPEN)
            if not depth:
                return i
        return 0

    def arguments(self, at):
        """Return (start, end) of each argument of a call whose name begins at an offset."""
        opened = re.compile(r'\w+\s*\(').match(self.code, at)
        closed = self.close_of(opened.end() - 1) if opened else None
        if closed is None:
            return []
        out, start, depth = [], opened.end(), 0
        for i in range(opened.end(), closed + 1):
            char = self.code[i]
            depth += (char in OPEN) - (char in CLOSE)
            if i == closed or char == ',' and not depth:
                out.append(self.trim(start, i))
                start = i + 1
        return out

    def trim(self, start, end):
        text = self.text[start:end]
        return start + len(text) - len(text.lstrip()), end - len(text) + len(text.rstrip())

    def words(self, span):
        """Return a part of the text on one line."""
        return ' '.join(NOISE.sub(' ', self.text[slice(*span)]).split())

    def all_bodies(self):
        """Return each struct and union that the file defines."""
        if self.bodies is None:
            self.bodies, at = [], 0
            while match := BODY.search(self.code, at):
                at = self.read_body(match, None)
        return self.bodies

    def read_body(self, match, parent):
        """Read a struct. Return the offset behind its closing brace."""
        body = Body(match[1], match[3], parent, match.start())
        self.bodies.append(body)
        at = match.end()
        end = self.close_of(at - 1)
        body.end = len(self.code) if end is None else end
        while at < body.end:
            nested = BODY.match(self.code, self.skip_space(at))
            if nested and nested.end() <= body.end:
                after = self.read_body(nested, body)
                stop = self.code.find(';', after)
                inner = next(b for b in self.bodies if b.start == nested.start())
                self.read_names(body, inner, after, stop)
                at = stop + 1 if stop >= 0 else body.end
                continue
            stop = self.find_end(at, body.end)
            self.read_member(body, at, stop)
            at = stop + 1
        return body.end + 1

    def skip_space(self, at):
        return re.compile(r'(?:\s|^[ \t]*#(?:\\\n|[^\n])*)*', re.M).match(self.code, at).end()

    def find_end(self, at, end):
        """Return the offset of the semicolon that ends a declaration."""
        depth = 0
        for i in range(at, end):
            depth += (self.code[i] in OPEN) - (self.code[i] in CLOSE)
            if self.code[i] == ';' and depth <= 0:
                return i
        return end

    def read_names(self, body, inner, start, stop):
        """Read the declarators behind a nested struct."""
        for name, stars, suffix in declarators(self.code[start:stop]):
            member = Member(name, inner, stars, suffix, body)
            member.start, member.end = start, stop
            body.members.append(member)

    def read_member(self, body, start, stop):
        start = self.skip_space(start)
        code = ATTRIBUTE.sub(blank, re.sub(r'^[ \t]*#(?:\\\n|[^\n])*', blank, self.code[start:stop],
                                           flags=re.M))
        match = re.match(r'((?:(?:const|volatile|struct|union|enum|unsigned|signed|long|short)\s+)*'
                         r'\w+\b(?:\s+(?:const|volatile|int|long|char|unsigned|short)\b)*)\s*'
                         r'(?=[*\w])(?<!\w(?=\w))(.*)', code, re.S)
        if not match:
            return
        kind = ' '.join(match[1].split())
        for name, stars, suffix in declarators(match[2]):
            member = Member(name, kind, stars, suffix, body)
            member.start, member.end = start, stop
            body.members.append(member)


def declarators(code):
    """Yield (name, number of stars, array suffix) of each declarator of a declaration."""
    depth, part, parts = 0, '', []
    for char in code + ',':
        depth += (char in OPEN) - (char in CLOSE)
        if char == ',' and not depth:
            parts.append(part)
            part = ''
        else:
            part += char
    for text in parts:
        match = re.match(r'\s*((?:\*|const\b|volatile\b|__restrict\b|\s)*)(\w+)\s*((?:\[[^\]]*\]\s*)*)\s*$',
                         text, re.S)
        if match:
            yield match[2], match[1].count('*'), match[3].strip()


def find_include(quote, name, path, roots):
    """Return the path of an included file, or None."""
    folders = ([os.path.dirname(path) or '.'] if quote == '"' else []) + roots
    return next((os.path.normpath(os.path.join(folder, name)) for folder in folders
                 if os.path.isfile(os.path.join(folder, name))), None)
