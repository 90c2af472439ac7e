# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The memory of a driver on one path: values, objects, and what ended their lives.

A place is a tuple. It starts with a root: ('L', depth, name) for a local variable, ('G', name) for
a global one, ('m', symbol) for what a pointer of unknown value leads to. Names of members follow,
and ('[', index) or ('+', bytes). Element 0 is the array itself.

A value is a number or a tuple: ('S', symbol), ('A', place), ('P', life) for a pointer into the
memory of an object, ('F', function), ('H', life) for a device, BAR or interrupt, ('T', text), ('Z',
failed) for NULL after a failed call, ('B', operator, x, y) for a comparison, ('W', place) for a
struct.

The state of an object is ('F', life) full, ('F', life, lives of twins) a mem with twins, ('E',
failed) empty, ('X', end) ended, ('V', life, failed, count) a view, or ('U',) unknown. A life is
what one call started and another one ends.
"""

ROUGH = {'fail', 'maybe', 'call', 'b', 'u', 'put', 'loop'}
ANY = (None, None, frozenset())


SIGNS = {}


def sign_of(limits):
    """Return what limits say of a sign."""
    low, high, others = limits
    sign = SIGNS[limits] = ('<' if low is None or low < 0 else '0' if low == 0 else '>',
                            '>' if high is None or high > 0 else '0' if high == 0 else '<',
                            0 in others)
    return sign


sign_of(ANY)


class Symbols:
    """Unknown numbers and pointers. Equal keys are the same symbol."""

    def __init__(self):
        self.ids, self.names, self.keys, self.parts = {}, [], [], []
        self.unknown = {}       # symbols of unknown memory, by root

    def get(self, key, name=None):
        number = self.ids.get(key)
        if number is None:
            number = self.ids[key] = len(self.names)
            self.names.append(name)
            self.keys.append(key)
            self.parts.append(self.parts_of(key) | {number})
            if key[0] == 'init':
                self.unknown.setdefault(key[1][0], []).append(number)
        return ('S', number)

    def parts_of(self, key):
        """Return the symbols that a key, a place or a value is made of."""
        result = frozenset()
        for part in key:
            if part.__class__ is tuple:
                if len(part) == 2 and part[0] in ('S', 'm'):
                    result |= self.parts[part[1]]
                else:
                    result |= self.parts_of(part)
        return result

    def forget(self, state, old):
        """Forget what a path knows of symbols that now stand for something else."""
        parts = self.parts
        for symbol in [symbol for symbol in state.limits if not old.isdisjoint(parts[symbol])]:
            del state.limits[symbol]
        state.looked = {symbol for symbol in state.looked if old.isdisjoint(parts[symbol])}
        for place in [place for place in state.objects if not old.isdisjoint(self.parts_of(place))]:
            now = state.objects.pop(place)
            if now[0] == 'F':
                state.live.pop(now[1], None)
        for life in [life for life in state.dead if not old.isdisjoint(self.parts_of((life,)))]:
            del state.dead[life]

    def forget_below(self, state, place):
        """Forget the symbols that stood for unknown memory inside a place."""
        length = len(place)
        old = {number for number in self.unknown.get(place[0], ())
               if self.keys[number][1][:length] == place}
        if old:
            self.forget(state, old)
        for life in [life for life in state.dead
                     if life[0] == 'as' and life[1][:length] == place]:
            del state.dead[life]


class State:
    """The knowledge at one point of one path."""
    __slots__ = ('symbols', 'store', 'base', 'objects', 'dead', 'limits', 'live', 'escaped', 'pending',
                 'heads', 'at', 'last', 'looked', 'heap', 'made', 'freed')

    def __init__(self, symbols):
        self.symbols = symbols
        self.store = {}         # values by place
        self.base = {}          # how memory below a place began: 0, or a number of unknowns
        self.objects = {}       # states by place
        self.dead = {}          # ends by life
        self.limits = {}        # lowest, highest and excluded values by symbol
        self.live = {}          # the lives that this path started
        self.escaped = set()    # places that unknown code may change
        self.pending = {}       # results that nobody read yet, by variable
        self.heads = {}         # visits of loops
        self.at = self.last = None
        self.looked = set()     # symbols that the driver looked at
        self.heap = set()       # symbols of malloc() and its like
        self.freed = set()      # objects that this path filled and ended
        self.made = set()       # symbols that this path used already

    def copy(self):
        new = State.__new__(State)
        new.symbols = self.symbols
        new.store, new.base = dict(self.store), dict(self.base)
        new.objects, new.dead = dict(self.objects), dict(self.dead)
        new.limits, new.live = dict(self.limits), dict(self.live)
        new.escaped, new.pending = set(self.escaped), dict(self.pending)
        new.heads, new.at, new.last = dict(self.heads), self.at, self.last
        new.looked, new.heap, new.made = set(self.looked), set(self.heap), set(self.made)
        new.freed = set(self.freed)
        return new

    def began(self, place):
        """Return how the memory at a place began: the place, and 0 or a number of unknowns.

        The place is another one if the memory is a copy.
        """
        for length in range(len(place), 0, -1):
            mark = self.base.get(place[:length])
            if mark.__class__ is tuple:
                return (*mark[0], *place[length:]), mark[1]
            if mark is not None:
                return place, mark
        return place, 1

    def below(self, place):
        """Return the places of values and of objects inside a place."""
        length = len(place)
        return ([key for key in self.store if key[:length] == place],
                [key for key in self.objects if key[:length] == place])

    def clear(self, place, mark):
        """Forget what is inside a place. mark is how it begins anew; None forgets the place."""
        values, objects = self.below(place)
        for key in values:
            del self.store[key]
        for key in objects:
            del self.objects[key]
        length = len(place)
        for key in [key for key in self.base if key[:length] == place]:
            del self.base[key]
        if mark is not None:
            self.base[place] = mark

    def rough(self, value):
        """Return a value for comparing paths. Which error a result is does not matter."""
        if value.__class__ is tuple and value[0] == 'S':
            sign = SIGNS.get(self.limits.get(value[1], ANY)) or sign_of(self.limits[value[1]])
            return sign if self.symbols.keys[value[1]][0] in ROUGH else (value[1], sign)
        return value

    def collect(self):
        """Forget the ends of lives that nothing mentions any more."""
        if not self.dead:
            return
        used = {value[1] for value in self.store.values()
                if value.__class__ is tuple and value[0] in 'PHS'}
        used.update(state[1] for state in self.objects.values() if state[0] in 'FV')
        used.update(value for value in self.store.values() if value.__class__ is tuple)
        for life in [life for life in self.dead if life not in used and life[0] == 'r']:
            del self.dead[life]

    def key(self):
        """Return a key. Two paths with the same key are not worth following twice."""
        rough = self.rough
        return (frozenset([(place, value if value.__class__ is int else rough(value))
                           for place, value in self.store.items()]),
                frozenset(self.objects.items()), frozenset(self.dead), frozenset(self.live))

    def compare(self, operator, left, right):
        """Return whether a comparison is true, or None if both is possible."""
        if left.__class__ is int and right.__class__ is int:
            return compare_numbers(operator, left, right)
        if left == right and left.__class__ is tuple and left[0] != '?':
            return operator in ('==', '<=', '>=')
        if left.__class__ is int:
            return self.compare(MIRROR[operator], right, left)
        if left[0] == 'S' and right.__class__ is int:
            return self.compare_symbol(operator, left[1], right)
        if left[0] == 'Z':
            return self.compare(operator, 0, right)
        if right.__class__ is tuple and right[0] == 'Z':
            return self.compare(operator, left, 0)
        if left[0] == 'A' and right.__class__ is tuple and right[0] == 'A':
            (one, first), (other, second) = parts_of_place(left[1]), parts_of_place(right[1])
            return compare_numbers(operator, first, second) if one == other else None
        if right == 0 and left[0] in 'APFHT':
            return {'==': False, '!=': True}.get(operator)
        return None

    def compare_symbol(self, operator, symbol, number):
        low, high, others = self.limits.get(symbol, ANY)
        if operator in ('==', '!='):
            if low is not None and low == high:
                equal = low == number
            elif number in others or (low is not None and number < low) or \
                    (high is not None and number > high):
                equal = False
            else:
                return None
            return equal == (operator == '==')
        if low is not None and compare_numbers(operator, low, number) and operator in ('>', '>='):
            return True
        if high is not None and compare_numbers(operator, high, number) and operator in ('<', '<='):
            return True
        if high is not None and operator in ('>', '>=') and \
                not compare_numbers(operator, high, number):
            return False
        if low is not None and operator in ('<', '<=') and \
                not compare_numbers(operator, low, number):
            return False
        return None

    def assume(self, operator, symbol, number):
        """Note a comparison that is true on this path."""
        low, high, others = self.limits.get(symbol, ANY)
        if operator == '==':
            low = high = number
        elif operator == '!=':
            others = others | {number}
            low = number + 1 if low == number else low
            high = number - 1 if high == number else high
        elif operator in ('<', '<='):
            number -= operator == '<'
            high = number if high is None else min(high, number)
        else:
            number += operator == '>'
            low = number if low is None else max(low, number)
        self.limits[symbol] = (low, high, others)


MIRROR = {'==': '==', '!=': '!=', '<': '>', '>': '<', '<=': '>=', '>=': '<='}
NEGATED = {'==': '!=', '!=': '==', '<': '>=', '>': '<=', '<=': '>', '>=': '<'}


def parts_of_place(place):
    """Return a place and the number of bytes behind it."""
    if place[-1].__class__ is tuple and place[-1][0] == '+':
        return place[:-1], place[-1][1]
    return place, 0


def compare_numbers(operator, left, right):
    if operator == '==':
        return left == right
    if operator == '!=':
        return left != right
    if operator == '<':
        return left < right
    if operator == '<=':
        return left <= right
    if operator == '>':
        return left > right
    return left >= right


def calculate(operator, left, right):
    """Return the result of arithmetic on numbers. gcc prints x - 1 of unsigned numbers as x + max."""
    if operator == '+':
        result = left + right
        for bits in (32, 64):
            if (1 << bits) - 65536 <= max(left, right) < 1 << bits:
                return result % (1 << bits)
        return result
    if operator == '-':
        return left - right
    if operator == '*':
        return left * right
    if operator in '/%' and right:
        return left // right if operator == '/' else left % right
    if operator == '&':
        return left & right
    if operator == '|':
        return left | right
    if operator == '^':
        return left ^ right
    if operator == '<<' and 0 <= right < 64:
        return left << right
    if operator == '>>' and 0 <= right < 64:
        return left >> right
    return None
