# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Follow the paths of a program, and call the rules for each call of the library.

A path forks where both sides of a branch are possible. Where two paths meet with equal knowledge,
only one goes on. A function of the program is followed at each of its calls, and once by itself
with unknown arguments. If a loop or a program is too long, its last part is left out: the checker
then sees less, but what it reports did happen on a path.
"""
from . import known
from .gimple import is_named
from .memory import NEGATED, State, Symbols, calculate

DEPTH_MAX = 9
VISITS_MAX = 9          # of a loop that counts, before its variables become unknown
TURNS_MAX = 3           # the same for another loop
STEPS_MAX = 3500       # statements that are followed for one function and its callees
STEPS_LATER = 1500      # the same, after so many of a whole file:
STEPS_OF_FILE = 8000
BLOCKS_MAX = 1500       # blocks in one call of a function
UNKNOWN = ('?',)


def is_handle(value):
    return value.__class__ is tuple and value[0] == 'H'


class Frame:
    """A call that is being followed."""
    serial = 0

    def __init__(self, function, arguments, place, outer):
        Frame.serial += 1
        self.function, self.arguments = function, arguments
        self.place, self.outer, self.serial = place, outer, Frame.serial
        self.depth = outer.depth + 1 if outer else 0


class Walker:
    """Follows all functions of a program. calls.Calls is the part that knows the library."""

    def __init__(self, program):
        self.program = program
        self.symbols = Symbols()
        self.steps, self.totals = 0, {}
        self.frame = None
        self.expressions = []

    # --- Values and places ---

    def symbol(self, key, name=None):
        return self.symbols.get(key, name)

    def renewed(self, state, key):
        """Return a symbol for a new value. The path forgets the older value of the same key."""
        symbol = self.symbols.get(key)
        if symbol[1] in state.made:
            self.symbols.forget(state, {symbol[1]})
        else:
            state.made.add(symbol[1])
        return symbol

    def load(self, state, place):
        value = state.store.get(place)
        if value is not None:
            return value
        field = self.rules.field_of_object(state, place)
        if field is not None:
            return field
        origin, mark = state.began(place)
        if self.rules.same_elements(state, place) or mark == 0 and self.rules.has_unknown_index(place):
            mark = -1
        return 0 if mark == 0 else self.symbol(('init', origin, mark))

    def put(self, state, place, value):
        self.rules.element_changes(state, place)
        old = state.store.get(place)
        if value == UNKNOWN:
            value = self.renewed(state, ('put', place, state.at))
        state.store[place] = value
        if old.__class__ is tuple and old[0] == 'H' and old != value:
            self.rules.lost_handle(state, old, place)

    def place(self, state, expression):
        """Return the place that an expression names, or None."""
        kind = expression[0]
        if kind == 'v':
            name = expression[1]
            if name in self.frame.function.locals:
                return (('L', self.frame.depth, name),)
            return (('G', name),)
        if kind == 'f':
            outer = self.place(state, expression[1])
            return outer and (*outer, expression[2])
        if kind == 'i':
            outer = self.place(state, expression[1])
            if outer is None:
                return None
            index = self.value(state, expression[2])
            return outer if index == 0 else (*outer, ('[', index))
        if kind == 'd':
            return self.target(state, self.value(state, expression[1]), expression[2])
        return None

    def target(self, state, value, offset=0):
        """Return the place that a pointer leads to, or None if the rules do not care."""
        if value.__class__ is int:
            return None
        kind = value[0]
        if kind == 'A':
            return self.moved(value[1], offset)
        if kind == 'S':
            return self.moved(self.behind(value), offset)
        if kind in 'PZ':
            self.rules.through_pointer(state, value)
        return None

    def behind(self, symbol):
        """Return the place that an unknown pointer leads to."""
        key = self.symbols.keys[symbol[1]]
        if key[:2] == ('b', '+') and key[2].__class__ is tuple and key[2][0] == 'S':
            inner = self.behind(key[2])
            if key[3].__class__ is int:
                return self.moved(inner, key[3] - ((key[3] >> 63) << 64))
            return (*inner, ('[', key[3]))
        return (('m', symbol[1]),)

    @staticmethod
    def moved(place, offset):
        """Return the place so many bytes behind a place."""
        if offset and isinstance(place[-1], tuple) and place[-1][0] == '+':
            offset += place[-1][1]
            place = place[:-1]
        return (*place, ('+', offset)) if offset else place

    def value(self, state, expression):
        """Return the value of an expression."""
        kind = expression[0]
        if kind == 'c':
            return expression[1]
        if kind == 'v':
            return self.variable(state, expression[1])
        if kind == 'b':
            left, right = self.value(state, expression[2]), self.value(state, expression[3])
            if left.__class__ is tuple and left[0] == 'P' and expression[3][0] != 'c':
                right = UNKNOWN
            return self.binary(state, expression[1], left, right)
        if kind == 'a':
            place = self.place(state, expression[1])
            if place is None and expression[1][0] == 'f':
                # &p->field of a pointer into an object is such a pointer too.
                inner = expression[1]
                while inner[0] in 'fi':
                    inner = inner[1]
                if inner[0] == 'd':
                    return self.value(state, inner[1])
            return ('A', place) if place else UNKNOWN
        if kind in 'fid':
            place = self.place(state, expression)
            return self.load(state, place) if place else UNKNOWN
        if kind == 's':
            return ('T', expression[1])
        if kind == 'u':
            return self.unary(state, expression[1], self.value(state, expression[2]))
        return UNKNOWN

    def variable(self, state, name):
        function = self.frame.function
        if name not in function.locals:
            if name in self.program.functions_of(function.unit) or \
                    self.program.find(function.unit, name):
                return ('F', name)
            return self.load(state, (('G', name),))
        place = (('L', self.frame.depth, name),)
        if name in function.wholes:
            return ('W', place)
        value = state.store.get(place)
        if place in state.pending:
            self.rules.read_result(state, place)
        return self.load(state, place) if value is None else value

    def unary(self, state, operator, value):
        if value.__class__ is int:
            return {'-': -value, '~': ~value, '!': int(not value)}[operator]
        if value[0] == 'B' and operator in '!~':
            return ('B', NEGATED[value[1]], value[2], value[3])
        if value[0] != 'S':
            return UNKNOWN
        state.looked.add(value[1])
        result = self.symbol(('u', operator, value))
        low, high, others = state.limits.get(value[1], (None, None, frozenset()))
        if operator == '-':
            state.limits[result[1]] = (None if high is None else -high, None if low is None else -low,
                                       frozenset(-number for number in others))
        return result

    def binary(self, state, operator, left, right):
        if left.__class__ is int and right.__class__ is int and operator in known.ARITHMETIC:
            result = calculate(operator, left, right)
            return UNKNOWN if result is None else result
        for value in (left, right):
            if value.__class__ is tuple and value[0] == 'S':
                state.looked.add(value[1])
        if operator in NEGATED:
            truth = state.compare(operator, left, right)
            return ('B', operator, left, right) if truth is None else int(truth)
        left, right = self.number(state, left), self.number(state, right)
        if left.__class__ is int and right.__class__ is int:
            result = calculate(operator, left, right)
            return UNKNOWN if result is None else result
        if operator in '|&' and (left == 0 or right == 0):
            return 0 if operator == '&' else right if left == 0 else left
        if operator == '+' and left.__class__ is tuple and left[0] in 'AP':
            if left[0] == 'P':
                return self.rules.moved_pointer(state, left, right)
            if right.__class__ is int:
                # gcc prints p - 8 as p + 18446744073709551608.
                right -= (right >> 63) << 64
                place = self.moved(left[1], right)
            else:
                place = (*left[1], ('[', right))
            return ('A', place)
        if UNKNOWN in (left, right) or left.__class__ is tuple and left[0] in 'WF':
            return UNKNOWN
        result = self.symbol(('b', operator, left, right))
        if operator == '|' and (self.is_set(state, left) or self.is_set(state, right)):
            state.assume('!=', result[1], 0)
        return result

    @staticmethod
    def is_set(state, value):
        return state.compare('!=', value, 0) is True

    def number(self, state, value):
        """Return a comparison as a number, if it has one."""
        if value.__class__ is tuple and value[0] == 'B':
            truth = state.compare(value[1], value[2], value[3])
            return self.symbol(('B', *value[1:])) if truth is None else int(truth)
        return value

    # --- Branches ---

    def branch(self, state, condition):
        """Return [(truth, state)] for the sides of a branch that are possible."""
        if condition[0] == 'b' and condition[1] in NEGATED:
            operator = condition[1]
            left = self.value(state, condition[2])
            right = self.value(state, condition[3])
        else:
            operator, left, right = '!=', self.value(state, condition), 0
        return self.decide(state, operator, left, right)

    def decide(self, state, operator, left, right):
        while left.__class__ is tuple and left[0] == 'B' and right in (0, 1) and \
                operator in ('==', '!='):
            flip = (operator == '==') == (right == 0)
            operator = NEGATED[left[1]] if flip else left[1]
            left, right = left[2], left[3]
        for value in (left, right):
            if value.__class__ is tuple and value[0] == 'S':
                state.looked.add(value[1])
        truth = state.compare(operator, left, right)
        if truth is not None:
            return [(truth, state)]
        other = state.copy()
        if left.__class__ is tuple and left[0] == 'S' and right.__class__ is int:
            state.assume(operator, left[1], right)
            other.assume(NEGATED[operator], left[1], right)
            if operator in ('==', '!='):
                self.learn(state if operator == '==' else other, left, right)
                self.learn(other if operator == '==' else state, left, None)
        elif left.__class__ is tuple and left[0] == 'Q':
            self.rules.decide_empty(state, other, operator, left, right)
        return [(True, state), (False, other)]

    def learn(self, state, symbol, number):
        """Use what a branch said about a symbol that stands for a comparison or for a | b."""
        key = self.symbols.keys[symbol[1]]
        if key and key[0] == 'B' and number in (0, None):
            for truth, _ in self.decide(state.copy(), *key[1:]):
                if truth == (number is None):
                    operator = key[1] if truth else NEGATED[key[1]]
                    if key[2].__class__ is tuple and key[2][0] == 'S' and key[3].__class__ is int:
                        state.assume(operator, key[2][1], key[3])
        if key and key[0] == 'b' and key[1] == '|' and number == 0:
            for part in key[2:]:
                if part.__class__ is tuple and part[0] == 'S':
                    state.assume('==', part[1], 0)
                    self.learn(state, part, 0)

    def switch(self, block, item, state):
        """Return [(block number, state)] for the cases that are possible."""
        value = self.value(state, item[2])
        labels = self.frame.function.labels
        result = []
        default = None
        for low, high, label in item[3]:
            if low is None:
                default = label
                continue
            if value.__class__ is int:
                if low <= value <= high:
                    return [(labels[label], state)]
                continue
            if value.__class__ is tuple and value[0] == 'S':
                state.looked.add(value[1])
                if state.compare('<', value, low) or state.compare('>', value, high):
                    continue
                taken = state.copy()
                taken.assume('>=', value[1], low)
                taken.assume('<=', value[1], high)
                if low == high:
                    if state.compare('!=', value, low) is True:
                        continue
                    state.assume('!=', value[1], low)
                result.append((labels[label], taken))
            else:
                result.append((labels[label], state.copy()))
        result.append((labels[default], state))
        return result

    # --- Functions ---

    def root(self, function):
        """Follow a function with unknown arguments."""
        total = self.totals[function.unit] = self.totals.get(function.unit, 0) + self.steps
        self.steps = 0 if total < STEPS_OF_FILE else STEPS_MAX - STEPS_LATER
        state = State(self.symbols)
        arguments = [self.symbol(('param', function.unit, function.name, name), name)
                     for name in function.blocks and function.params]
        self.enter(function, arguments, state, None)

    def enter(self, function, arguments, state, place):
        """Follow a call. Return [(result, state)]."""
        frame = Frame(function, arguments, place, self.frame)
        blocks = function.blocks
        for name, value in zip(function.params, arguments):
            home = (('L', frame.depth, name),)
            if value.__class__ is tuple and value[0] == 'W':
                self.rules.copy(state, home, value[1])
            elif value != UNKNOWN:
                state.store[home] = value
        self.frame = frame
        try:
            return self.run(frame, min(blocks), state) if blocks else []
        finally:
            self.frame = frame.outer

    def run(self, frame, first, state):
        blocks = frame.function.blocks
        work, seen, exits = [(first, state)], {}, {}
        budget = BLOCKS_MAX
        while work and budget and self.steps < STEPS_MAX:
            number, state = work.pop()
            block = blocks[number]
            budget -= 1
            if block.joins > 1 or number in frame.function.loops:
                if not self.meet(frame, number, block, state, seen):
                    continue
            for after in self.block(frame, block, state, exits):
                work.extend(self.follow(frame, number, block, after))
        return list(exits.values())

    def meet(self, frame, number, block, state, seen):
        """Return whether this path is worth following from a block that several paths reach."""
        function = frame.function
        depth, live = frame.depth, block.live
        for place in [place for place in state.store
                      if place[0][0] == 'L' and place[0][1] == depth and place[0][2] not in live]:
            name = place[0][2]
            if name not in function.addressed and not (is_handle(state.store[place]) and
                                                       is_named(name)):
                del state.store[place]
                if place in state.pending:
                    self.rules.drop_result(state, place, function)
        state.collect()
        if number in function.loops and not self.count_visit(frame, number, state):
            return False
        key = state.key()
        known_keys = seen.setdefault(number, set())
        if key in known_keys:
            return False
        known_keys.add(key)
        return True

    def count_visit(self, frame, number, state):
        """Count a visit of a loop. After many, make unknown what the loop changes."""
        at = (frame.depth, number)
        count, before, last = state.heads.get(at, (0, None, None))
        count += 1
        now = dict(state.store)
        for inner in frame.function.loops[number].intersection(frame.function.loops):
            state.heads.pop((frame.depth, inner), None)
        if count == TURNS_MAX and not self.counts(last, now):
            count = VISITS_MAX
        state.heads[at] = (count, before or now, now)
        if count == VISITS_MAX:
            for place, value in now.items():
                if before.get(place) != value and (value.__class__ is int or value[0] == 'S' and
                                                   self.symbols.keys[value[1]][0] == 'b'):
                    state.store[place] = self.renewed(state, ('loop', at, place))
            self.rules.blur(state)
        return count <= VISITS_MAX + 2

    @staticmethod
    def counts(before, now):
        """Return whether a turn of a loop changed a number that is known."""
        return any(value.__class__ is int and before.get(place, value) != value and
                   before[place].__class__ is int for place, value in now.items())

    def block(self, frame, block, state, exits):
        """Follow the statements of a block. Return the states behind it."""
        work, done = [(0, state)], []
        statements = block.statements
        while work:
            at, state = work.pop()
            while at < len(statements):
                item = statements[at]
                at += 1
                self.steps += 1
                if item[0]:
                    state.at = item[0]
                what = item[1]
                if what == '=':
                    states = self.assign(frame, item, state)
                    if states is None:
                        continue
                    if not states:
                        break
                    state = states[0]
                    work.extend((at, other) for other in states[1:])
                elif what == 'ret':
                    self.leave(frame, item, state, exits)
                    break
                elif what == 'asm':
                    continue
            else:
                done.append(state)
        return done

    def follow(self, frame, number, block, state):
        """Return [(block number, state)] for what comes behind a block."""
        last = block.statements[-1] if block.statements else None
        if last and last[1] == 'switch':
            return self.switch(block, last, state)
        if block.condition:
            if block.place:
                state.at = block.place
            return [(block.then if truth else block.otherwise, after)
                    for truth, after in self.branch(state, block.condition)]
        return [(block.next, state)] if block.next else []

    def leave(self, frame, item, state, exits):
        """Note the end of a path through a function."""
        value = None
        if item[2]:
            value = self.value(state, item[2])
            if value.__class__ is tuple and value[0] == 'W':
                state.clear((('R',),), None)
                self.rules.move_whole(state, (('R',),), value[1])
                value = ('W', (('R',),))
        self.rules.end_of_function(frame, state, value)
        for place in [place for place in state.store
                      if place[0][0] == 'L' and place[0][1] >= frame.depth]:
            del state.store[place]
            state.pending.pop(place, None)
        for places in (state.objects, state.base):
            for place in [place for place in places
                          if place[0][0] == 'L' and place[0][1] >= frame.depth]:
                del places[place]
        for at in [at for at in state.heads if at[0] >= frame.depth]:
            del state.heads[at]
        depth = frame.depth
        for name in frame.function.locals:
            if ('L', depth, name) in self.symbols.unknown:
                self.symbols.forget_below(state, (('L', depth, name),))
        for life in [life for life in state.dead if life[0] == 'as' and
                     life[1][0][0] == 'L' and life[1][0][1] >= depth]:
            del state.dead[life]
        state.collect()
        key = (state.rough(value), state.key())
        exits.setdefault(key, (value, state))

    # --- Statements ---

    def assign(self, frame, item, state):
        """Follow an assignment or a call. Return None, or the states after it."""
        left, right = item[2], item[3]
        kind = right[0]
        if kind == 'call':
            return self.call_statement(frame, left, right, state)
        if left is None:
            return None
        if kind == 'clob':
            self.rules.end_of_scope(state, self.place(state, left))
            return None
        simple = left[0] == 'v' and left[1] in frame.function.locals and \
            left[1] not in frame.function.wholes
        if kind == '{}':
            place = self.place(state, left)
            if place:
                self.rules.overwrite(state, place, 0)
            return None
        if not simple and (kind in 'fid' or kind == 'v' and self.is_whole(frame, right)):
            place, source = self.place(state, left), self.place(state, right)
            if place and source:
                # A variable of this function ends when it returns. Memory behind a pointer stays.
                ends = left == ('v', '<retval>') and source[0][:2] == ('L', frame.depth)
                (self.rules.move_whole if ends else self.rules.copy)(state, place, source)
            elif place:
                state.clear(place, self.rules.fresh(state))
            return None
        self.store(state, left, self.value(state, right))
        return None

    @staticmethod
    def is_whole(frame, expression):
        return expression[1] in frame.function.wholes or \
            expression[1] not in frame.function.locals

    def store(self, state, left, value, by_result=False):
        """Store a value. A symbol gets the name of the first variable that holds it."""
        place = self.place(state, left)
        if place is None:
            return
        if place in state.pending:
            self.rules.overwrite_result(state, place, by_result)
        if value.__class__ is tuple and value[0] == 'W':
            self.rules.move_whole(state, place, value[1])
            return
        if value.__class__ is tuple and value[0] == 'S' and not self.symbols.names[value[1]] and \
                left[0] == 'v' and is_named(left[1]):
            self.symbols.names[value[1]] = left[1]
        self.put(state, place, value)

    def call_statement(self, frame, left, right, state):
        arguments = [self.value(state, argument) for argument in right[2]]
        self.expressions = right[2]
        here = state.at
        name = right[1][1]
        if name in frame.function.locals:
            value = self.variable(state, name)
            name = value[1] if value.__class__ is tuple and value[0] == 'F' else None
        results = self.rules.known_call(state, name, arguments)
        if results is None:
            function = name and self.program.find(frame.function.unit, name)
            if function and self.may_enter(function):
                results = self.enter(function, arguments, state, state.at)
            else:
                results = self.rules.unknown_call(state, name, arguments)
        after = []
        for value, then in results:
            then.at = here
            if left is not None:
                if value is None or value == UNKNOWN:
                    value = self.renewed(then, ('call', frame.depth, state.at, name or '?'))
                self.store(then, left, value, name == 'coherent_result')
                if name == 'coherent_result':
                    self.rules.new_result(then, self.place(then, left), frame.function)
            after.append(then)
        return after

    def may_enter(self, function):
        frame, depth = self.frame, 0
        while frame:
            if frame.function is function:
                return False
            frame, depth = frame.outer, depth + 1
        return depth < DEPTH_MAX and function.blocks
