# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Read the control flow graphs that gcc prints with -fdump-tree-cfg-lineno.

An expression is a tuple; its first item says what it is:

    ('c', number)  ('v', name)  ('s', text)  a constant, a variable, a string
    ('f', place, field)  ('i', place, index) a member, an element of an array
    ('d', pointer, offset)  ('a', place)     what a pointer leads to, an address
    ('b', operator, x, y)  ('u', operator, x)
    ('call', function, arguments)  ('{}',)  ('clob',)  ('?',)  zeros, end of life, not understood
"""
import re

FUNCTION = re.compile(r'^;; Function (\S+) \((\S+?)[,)]', re.M)
PLACE = re.compile(r'\[([^\[\]\n]*?):(\d+):(\d+)(?: discrim \d+)?\] ?')
SUFFIX = re.compile(r' \[(?:return slot optimization|(?:must )?tail call|static-chain: [^]]*)\]')
BLOCK = re.compile(r'^  <bb (\d+)>.*$', re.M)
SUCCESSORS = re.compile(r'^;; (\d+) succs \{ ([\d ]*)\}', re.M)
LOOP = re.compile(r'^;;  header (\d+),.*\n;;  depth .*\n;;  nodes: ([\d ]*)', re.M)
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|->|<retval>|\{CLOBBER[^}]*\}|/\[\w+\]|'
                   r'[A-Za-z_$][\w$]*(?:\.\d[\d_]*)*|\d+(?:\.\d+)?e[+-]\d+|\d+\.\d+|\d+B?\b|'
                   r'<<|>>|<=|>=|==|!=|&&|\|\||\.\.\.|\S')
NUMBER = re.compile(r'\d+B?$')
OPERATORS = {'+', '-', '*', '/', '%', '&', '|', '^', '<<', '>>', '<', '<=', '>', '>=', '==', '!=',
             '&&', '||'}
UNKNOWN = ('?',)


class Parser:
    """A parser of one expression."""

    def __init__(self, text):
        self.tokens = TOKEN.findall(text)
        self.tokens.append('')
        self.at = 0

    def take(self):
        token = self.tokens[self.at]
        self.at += 1
        return token

    def skip(self, closing):
        """Skip to the bracket that closes the one that was just taken."""
        opening = {')': '(', ']': '[', '>': '<'}[closing]
        depth = 1
        while depth and self.tokens[self.at]:
            token = self.take()
            depth += (token == opening) - (token == closing)

    def whole(self):
        """Return a right-hand side."""
        if self.tokens[0] == '{':
            return ('{}',) if self.tokens[1] == '}' else UNKNOWN
        if self.tokens[0].startswith('{CLOBBER'):
            return ('clob',)
        left = self.unary()
        token = self.take()
        if not token or token == ';':
            return left
        if token in OPERATORS:
            return ('b', token, left, self.unary())
        if token.startswith('/['):
            return ('b', '/', left, self.unary())
        return UNKNOWN

    def unary(self):
        token = self.take()
        if token == '&':
            return ('a', self.postfix(self.take()))
        if token in '-~!' and token:
            inner = self.unary()
            if token == '-' and inner[0] == 'c':
                return ('c', -inner[1])
            return ('u', token, inner)
        if token == '(' and self.tokens[self.at] not in ('*', '&'):
            self.skip(')')
            return self.unary()
        return self.postfix(token)

    def primary(self, token):
        if NUMBER.match(token):
            return ('c', int(token.rstrip('B')))
        if token[:1] == '"':
            return ('s', token)
        if token[:1] == "'":
            return UNKNOWN
        if token == '*':
            return ('d', self.postfix(self.take()), 0)
        if token == '(':
            inner = self.unary()
            self.skip(')')
            return inner
        if token == 'MEM':
            return self.memory()
        if token[:1].isalpha() or token[:1] in '_<$':
            if self.tokens[self.at] == '<' and token.isupper():  # such as MAX_EXPR <a, b>
                self.take()
                self.skip('>')
                if self.tokens[self.at] == '(':
                    self.take()
                    self.skip(')')
                return UNKNOWN
            return ('v', token)
        return UNKNOWN

    def memory(self):
        """Return MEM[(type)pointer + offset]."""
        if self.tokens[self.at] == '<':
            self.take()
            self.skip('>')
        self.take()
        pointer = self.unary()
        offset = 0
        if self.tokens[self.at] == '+':
            self.take()
            number = self.unary()
            offset = number[1] if number[0] == 'c' else 0
        self.skip(']')
        return ('d', pointer, offset)

    def postfix(self, token):
        result = self.primary(token)
        while True:
            token = self.tokens[self.at]
            if token == '->':
                self.take()
                result = ('f', ('d', result, 0), self.take())
            elif token == '.':
                self.take()
                result = ('f', result, self.take())
            elif token == '[':
                self.take()
                index = self.unary()
                self.skip(']')
                result = ('i', result, index)
            else:
                return result

    def arguments(self):
        """Return the arguments of a call, after its opening bracket."""
        result = []
        while self.tokens[self.at] not in (')', ''):
            result.append(self.unary())
            while self.tokens[self.at] not in (',', ')', ''):
                self.take()
            if self.tokens[self.at] == ',':
                self.take()
        return result


REGISTER = re.compile(r'_\d+$|(?!D\.|iftmp)\w+\.\d[\d_]*$')
WHOLE = re.compile(r'(?:const |volatile )*(?:struct|union) [^*]*$')
CALL = re.compile(r'([A-Za-z_$.][\w$.]*) \(')
ASSIGN = re.compile(r'([^="]+?) = (.*);$', re.S)
IF = re.compile(r'if \((.*)\)$')
GOTO = re.compile(r'goto <bb (\d+)>')
CASE = re.compile(r'(default|case (-?\d+)(?: \.\.\. (-?\d+))?): (<\w+>|\w+)')


def right_side(text):
    call = CALL.match(text)
    if call:
        parser = Parser(text[call.end():])
        return ('call', ('v', call[1]), parser.arguments())
    return Parser(text).whole()


def statement(text):
    """Return a statement without its place, or None if it does nothing."""
    if text.startswith('return'):
        value = text[6:].strip(' ;')
        return ('ret', Parser(value).unary() if value else None)
    if text.startswith('switch ('):
        value = Parser(text[8:]).unary()
        cases = [(int(low) if low else None, int(high or low or 0), label.strip('<>'))
                 for _, low, high, label in CASE.findall(text)]
        return ('switch', value, cases)
    if text.startswith('__asm__'):
        return ('asm', text)
    call = CALL.match(text)
    if call:
        return ('=', None, right_side(text))
    assign = ASSIGN.match(text)
    if assign:
        return ('=', Parser(assign[1]).unary(), right_side(assign[2]))
    return None


class Block:
    """A basic block: statements, then where the path goes."""
    __slots__ = ('statements', 'then', 'otherwise', 'condition', 'next', 'place', 'joins', 'live')

    def __init__(self):
        self.statements = []
        self.condition = self.then = self.otherwise = self.next = self.place = None
        self.joins = 0
        self.live = frozenset()


class Function:
    """A function. Its blocks are parsed when somebody asks for them."""

    def __init__(self, unit, name, text):
        self.unit, self.name, self.text = unit, name, text
        self.parsed = None
        self.params, self.locals, self.labels, self.result = [], set(), {}, None
        self.loops, self.wholes, self.addressed, self.read = {}, set(), set(), set()
        self.constants = set()  # variables of macros that were given a constant

    @property
    def blocks(self):
        if self.parsed is None:
            self.parsed = {}
            self.parse()
        return self.parsed

    def parse(self):
        first = BLOCK.search(self.text)
        head = self.text[:first.start()] if first else self.text
        self.parse_head(PLACE.sub('', head))
        succs = {int(number): [int(name) for name in names.split()]
                 for number, names in SUCCESSORS.findall(head)}
        for header, nodes in LOOP.findall(head):
            self.loops[int(header)] = {int(node) for node in nodes.split()} - {int(header)}
        pieces = BLOCK.split(self.text)[1:]
        numbers = [int(number) for number in pieces[::2]]
        for at, (number, text) in enumerate(zip(numbers, pieces[1::2])):
            block = self.parsed[number] = Block()
            self.parse_block(block, number, text)
            follow = succs.get(number)
            if follow is None:
                follow = numbers[at + 1:at + 2]
            if not block.condition and not block.next and len(follow) == 1 and follow[0] != 1:
                block.next = follow[0]
        self.find_joins()

    def parse_head(self, head):
        prototype = re.search(rf'^[^;\n].*?{re.escape(self.name)} \((.*)\)$', head, re.M)
        depth, piece = 0, ''
        for letter in (prototype[1] if prototype else '') + ',':
            depth += (letter in '(<') - (letter in ')>')
            if letter == ',' and not depth:
                names = re.findall(r'[A-Za-z_$][\w$.]*', piece)
                if names and piece.strip() not in ('void', '...'):
                    self.params.append(names[-1])
                piece = ''
            else:
                piece += letter
        body = head[prototype.end():] if prototype else ''
        # The type of a static variable may have lines of its own, and its name is behind them.
        body = re.sub(r'^  (?:static|extern) [^;\n]*\n  \{$.*?^  \}[^\n]*;$', '', body, flags=re.M | re.S)
        for line in re.findall(r'^  (?! |static |extern )(.*);$', body, re.M):
            line = line.split(' = ')[0]
            name = re.match(r'.*?([A-Za-z_$][\w$.]*)\s*(?:\[.*\])*$', line)
            if name:
                self.locals.add(name[1])
                if line[0] == '}' or line[-1] == ']' or WHOLE.match(line):
                    self.wholes.add(name[1])
        self.wholes.add('<retval>')
        self.locals.update(self.params)
        self.locals.add('<retval>')

    def parse_block(self, block, number, text):
        lines = text.split('\n')
        at = 0
        while at < len(lines):
            line = lines[at]
            at += 1
            found = PLACE.search(line)
            place = (found[1], int(found[2])) if found and found[2] != '0' else None
            line = SUFFIX.sub('', PLACE.sub('', line)).strip()
            if not line or line.startswith(('//', '}')):
                continue
            if line.endswith(':') and not line.startswith('if'):
                self.labels[line[:-1].strip('<>')] = number
                continue
            while line.startswith(('__asm__', 'switch')) and not line.endswith(';') and at < len(lines):
                line += PLACE.sub('', lines[at]).strip()
                at += 1
            test = IF.match(line)
            if test:
                block.condition = Parser(test[1]).whole()
                block.place = place
                block.then = int(GOTO.search(lines[at])[1])
                block.otherwise = int(GOTO.search(lines[at + 2])[1])
                break
            if line.startswith('goto '):
                to = GOTO.match(line)
                if to:
                    block.next = int(to[1])
                continue
            what = statement(line)
            if what:
                if what[0] == 'ret' and what[1]:
                    self.result = what[1]
                if what[0] == '=' and what[1] and what[1][0] == 'v' and REGISTER.match(what[1][1]):
                    self.locals.add(what[1][1])
                self.note_constant(what)
                block.statements.append((place, *what))

    def note_constant(self, what):
        """A macro stores what it was given by coherent_same_number()."""
        if what[0] == '=' and what[1] and what[1][0] == 'v' and what[2][0] == 'call' and \
                what[2][1][1] == 'coherent_same_number' and what[2][2][0][0] == 'c':
            self.constants.add(what[1][1])

    def find_joins(self):
        into = {number: 0 for number in self.parsed}
        for block in self.parsed.values():
            for number in self.successors(block):
                into[number] = into.get(number, 0) + 1
        for number, block in self.parsed.items():
            block.joins = into[number]
        self.find_live()

    def successors(self, block):
        last = block.statements[-1] if block.statements else None
        if last and last[1] == 'switch':
            return [self.labels[label] for _, _, label in last[3] if label in self.labels]
        return [number for number in (block.next, block.then, block.otherwise) if number]

    def find_addressed(self, expression):
        """Note the variables whose address an expression takes."""
        if expression[0] == 'a':
            inner = expression[1]
            while inner[0] in 'fi':
                inner = inner[1]
            if inner[0] == 'v':
                self.addressed.add(inner[1])
        for part in expression[2] if expression[0] == 'call' else expression[1:]:
            if isinstance(part, tuple):
                self.find_addressed(part)

    def find_live(self):
        """Find which plain variables are read later, so that paths that differ in others can meet."""
        uses, kills = {}, {}
        for number, block in self.parsed.items():
            use, kill = set(), set()
            for item in block.statements:
                if item[1] == '=':
                    self.find_addressed(item[3])
                    names_of(item[3], self.read, ())
                    names_of(item[3], use, kill)
                    if item[2] is not None and item[2][0] == 'v':
                        kill.add(item[2][1])
                    elif item[2] is not None:
                        names_of(item[2], use, kill)
                elif item[1] in ('ret', 'switch') and item[2]:
                    names_of(item[2], self.read, ())
                    names_of(item[2], use, kill)
            if block.condition:
                names_of(block.condition, use, kill)
                names_of(block.condition, self.read, ())
            uses[number], kills[number] = use, kill
        changed = True
        live = {number: uses[number] for number in self.parsed}
        order = sorted(self.parsed, reverse=True)
        while changed:
            changed = False
            for number in order:
                after = set()
                for to in self.successors(self.parsed[number]):
                    after |= live.get(to, set())
                now = uses[number] | (after - kills[number])
                if now != live[number]:
                    live[number] = now
                    changed = True
        for number, block in self.parsed.items():
            block.live = live[number]


def is_named(name):
    """Return whether a local variable has a name in the program."""
    return name[0] not in '_<' and '.' not in name and not re.match(r'coherent_[a-z]+_\d', name)


def names_of(expression, use, kill):
    """Add the variables that an expression mentions to use, unless they are in kill."""
    if expression[0] == 'v':
        if expression[1] not in kill:
            use.add(expression[1])
    elif expression[0] == 'call':
        if expression[1][1] not in kill:
            use.add(expression[1][1])
        for argument in expression[2]:
            names_of(argument, use, kill)
    else:
        for part in expression[1:]:
            if isinstance(part, tuple):
                names_of(part, use, kill)


def functions_of(unit, text):
    """Return the functions of a dump by name."""
    result = {}
    starts = list(FUNCTION.finditer(text))
    for at, start in enumerate(starts):
        end = starts[at + 1].start() if at + 1 < len(starts) else len(text)
        result[start[1]] = Function(unit, start[1], text[start.end():end])
    return result
