# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The lives of objects: what fills, uses and ends them, and the pointers into them."""
from .gimple import is_named
from .texts import Texts

HELD = {'device', 'bar', 'irq'}


class Life:
    """The call that made an object, and what it said. The kernel frees an object that is managed."""

    def __init__(self, kind, name, call, at, dev=None, pool=None, size=None, count=None,
                 managed=False):
        self.kind, self.name, self.call, self.at = kind, name, call, at
        self.dev, self.pool, self.size, self.count = dev, pool, size, count
        self.managed = managed


class Objects(Texts):
    """A walker that knows which objects are full, empty or ended."""

    def __init__(self, program):
        super().__init__(program)
        self.rules = self
        self.lives, self.marks = {}, {}

    def fresh(self, state):
        return self.marks.setdefault(state.at, len(self.marks) + 2)

    def unknown(self, state, place):
        """Unknown code wrote to a place."""
        state.clear(place, self.fresh(state))
        self.symbols.forget_below(state, place)

    def object_at(self, value):
        """Return the place of the object that an argument points to, or None."""
        if value.__class__ is not tuple or value[0] not in 'AS':
            return None
        place = value[1] if value[0] == 'A' else self.behind(value)
        return place[:-1] if place[-1] == 'base' else place

    def state_of(self, state, place):
        """Return the state of an object. An unknown one counts as full from now on."""
        now = state.objects.get(place)
        if now is None or now[0] == 'U':
            origin, mark = state.began(place)
            if now is None and self.is_blurred(state, place):
                return ('U',)
            if now is None and mark == 0:
                return ('E', None)
            life = ('as', origin, mark if now is None else -1)
            if now is not None:
                state.dead.pop(life, None)
            now = state.objects[place] = ('F', life)
        return now

    @staticmethod
    def first_index(place):
        for at, part in enumerate(place):
            if isinstance(part, tuple) and at and part[0] in '[+':
                return at
        return None

    def is_element(self, state, place):
        """Return whether an object or a handle is in an element of an array, also in element 0."""
        key = self.symbols.keys[place[0][1]] if place[0][0] == 'm' else ('',)
        if self.first_index(place) is not None or key[0] == 'heap' and key[3]:
            return True
        arrays = {other[:self.first_index(other)] for places in (state.objects, state.store)
                  for other in places if self.first_index(other) is not None}
        return any(place[:length] in arrays for length in range(1, len(place) + 1))

    @staticmethod
    def has_unknown_index(place):
        return any(part.__class__ is tuple and part[0] == '[' and part[1].__class__ is not int
                   for part in place[1:])

    def is_blurred(self, state, place):
        """Return whether another index may mean the same element. Then forget such elements."""
        at = self.first_index(place)
        stem = place[:at] if at else place
        inexact = at and any(isinstance(part, tuple) and (part[0] == '+' or
                                                          not isinstance(part[1], int))
                             for part in place[at:])
        blurred = False
        for other in [other for other in state.objects if other != place and
                      other[:len(stem)] == stem and len(other) >= len(place)]:
            index = self.first_index(other)
            if index == len(stem) and (inexact or other[index][0] == '+' or
                                       not isinstance(other[index][1], int)):
                self.forget(state, other)
                blurred = True
        return blurred

    @staticmethod
    def may_be_same_element(place, other):
        """Return whether two places differ only in indexes that may be equal."""
        if [part for part in place[1:] if part.__class__ is str] != \
                [part for part in other[1:] if part.__class__ is str]:
            return False
        kinds = {part[0] if part[1].__class__ is int else '?' for part in (*place[1:], *other[1:])
                 if part.__class__ is tuple}
        return '?' in kinds or len(kinds) > 1

    def same_elements(self, state, place):
        """Return the places whose values may be the same element. Forget that they hold devices."""
        if self.first_index(place) is None:
            return []
        same = [other for other in state.store if other[0] == place[0] and other != place and
                self.may_be_same_element(place, other)]
        for other in same:
            state.live.pop(state.store[other], None)
        return same

    def element_changes(self, state, place):
        """An element gets a value: forget the values that other indexes may mean."""
        if self.first_index(place) is None:
            return
        for other in self.same_elements(state, place):
            del state.store[other]
        old = {number for number in self.symbols.unknown.get(place[0], ())
               if self.may_be_same_element(place, self.symbols.keys[number][1])}
        if old:
            self.symbols.forget(state, old)

    def forget(self, state, place):
        now = state.objects[place]
        if now[0] == 'F':
            state.live.pop(now[1], None)
        state.objects[place] = ('U',)

    def blur(self, state):
        """Forget the elements of arrays, after a loop that is too long to follow."""
        for place in [place for place in state.objects
                      if self.is_element(state, place) or
                      place[0][0] == 'm' and place[0][1] in state.heap]:
            self.forget(state, place)
        for life in [life for life, place in state.live.items()
                     if life[0] == 'H' and self.is_element(state, place)]:
            del state.live[life]

    def lives_info(self, life, kind='object', place=None):
        info = self.lives.get(life)
        if info is None:
            info = self.lives[life] = Life(kind, self.text(place) if place else 'object', None, None)
        elif info.call is None and kind != 'object':
            info.kind = kind
        return info

    def use(self, state, place, kind, verb='used', call=None):
        """Note a use of an object. Return its life, or None."""
        if place is None:
            return None
        self.check_initialised(state, place, kind)
        now = self.state_of(state, place)
        if now[0] in 'FV':
            life = now[1]
            # A view is of another kind than the object to which it leads.
            info = self.lives_info(life, kind if now[0] == 'F' else 'object', place)
            end = state.dead.get(life)
            if end and now[0] == 'V':
                self.report(state, 'view', f"{self.named(kind, place)} is {verb} here after "
                            f"{self.whole_ending(end, state.at, info.kind)}",
                            (end[1], f'{end[0]}() is called here'))
                state.objects[place] = ('U',)
                return None
            if end:
                self.report(state, 'copy', f"{self.named(kind, place)} is {verb} here, but it is a copy:"
                            f" {self.whole_ending(end, state.at, info.kind)}",
                            (end[1], f'{end[0]}() is called here'))
                state.objects[place] = ('U',)
                return None
            if now[0] == 'V' and now[2]:
                self.use_of_view(state, place, now, kind, verb)
            return life
        if now[0] == 'X':
            end = now[1]
            kind = end[3] if kind == 'object' or end[0] == 'coherent_move' else kind
            self.report(state, 'dead', f"{self.named(kind, place)} is {verb} here after "
                        f"{self.ending(end, state.at)}",
                        (end[1], f'{end[0]}() is called here'))
            state.objects[place] = ('U',)
        elif now[0] == 'E' and now[1]:
            self.unchecked(state, self.named(kind, place), verb, now[1])
            state.objects[place] = ('U',)
        return None

    def use_of_view(self, state, place, now, kind, verb):
        """A view, slot or ring is used: was the call that made it checked?"""
        symbol, call, at = now[2]
        may_fail = state.compare('==', symbol, 0)
        if may_fail is False or (may_fail is None and symbol[1] not in state.looked):
            self.unchecked(state, self.named(kind, place), verb, (call, at))
        state.objects[place] = ('V', now[1], None, now[3])

    def end(self, state, place, kind, call):
        """End an object. Return its life, or None."""
        now = self.state_of(state, place)
        life = None
        if now[0] == 'F':
            life = now[1]
            self.lives_info(life, kind, place)
            if life in state.live:
                state.freed.add(place)
            state.dead[life] = (call, state.at, self.text(place))
            state.live.pop(life, None)
        state.objects[place] = ('X', (call, state.at, self.owner(place), kind))
        return life

    def owner(self, place):
        """Return which call of a function got the object itself, and not a struct around it."""
        frame = self.frame
        while frame.outer and any(self.object_at(value) == place for value in frame.arguments):
            frame = frame.outer
        return frame.serial

    def new_life(self, state, call):
        number = 0
        while ('r', call, state.at, number) in state.live or \
                ('r', call, state.at, number) in state.dead or \
                ('H', ('r', call, state.at, number)) in state.live or \
                ('H', ('r', call, state.at, number)) in state.dead:
            number += 1
        return ('r', call, state.at, number)

    def failure(self, state, call):
        symbol = self.symbol(('fail', call, state.at, self.frame.depth))
        state.limits[symbol[1]] = (None, -1, frozenset())
        state.looked.discard(symbol[1])
        return symbol

    def maybe(self, state, call):
        """Return a result that is 0 or negative."""
        symbol = self.symbol(('maybe', call, state.at, self.frame.depth))
        state.limits[symbol[1]] = (None, 0, frozenset())
        state.looked.discard(symbol[1])
        state.last = (call, state.at)
        return symbol

    def check_initialised(self, state, place, kind):
        """Report a variable to which nothing was ever written. gcc misses it behind another call."""
        if place[0][0] != 'L' or place in state.objects or self.is_blurred(state, place) or \
                any(place[:length] in state.base for length in range(1, len(place) + 1)):
            return
        if any(key[:len(place)] == place for key in state.store):
            return
        self.report(state, 'uninitialised', f"{self.named(kind, place)} was never initialised: write "
                    "= COHERENT_EMPTY where it is declared")
        state.objects[place] = ('E', None)

    def is_free_for(self, state, place, kind, call):
        """Check that an output is empty."""
        self.check_initialised(state, place, kind)
        now = self.state_of(state, place)
        if now[0] == 'F' and now[1] in state.live:
            info = self.lives[now[1]]
            self.report(state, 'full', f"{self.named(kind, place)} is not empty here: {info.call}()"
                        f"{self.line(info.at, state.at)} filled it, so {call}() returns -EBUSY",
                        (info.at, f'{info.call}() is called here'))
            return False
        return True

    def fill(self, state, place, kind, call, **more):
        """Return the two ways in which a call that makes an object ends."""
        state.last = (call, state.at)
        if place is None:
            return [(self.maybe(state, call), state)]
        if not self.is_free_for(state, place, kind, call):
            return [(-16, state)]
        failed = state.copy()
        symbol = self.failure(failed, call)
        failed.objects[place] = ('E', (call, state.at, symbol))
        life = self.new_life(state, call)
        self.lives[life] = Life(kind, self.text(place), call, state.at, **more)
        state.objects[place] = ('F', life)
        if not self.lives[life].managed:
            state.live[life] = place
        return [(0, state), (symbol, failed)]

    def field_of_object(self, state, place):
        """Return the value of a member of a base struct, or None if it is not one."""
        name = place[-1]
        if name not in ('va', 'count', 'inverted_address') or len(place) < 2:
            return None
        if place[-2] == 'base':
            place = place[:-2]
        elif place[:-1] in state.objects:
            place = place[:-1]
        else:
            return None
        now = self.state_of(state, place)
        if name == 'count':
            if now[0] == 'E':
                return 0
            life = self.use(state, place, 'box' if now[0] != 'V' else 'view')
            info = self.lives.get(life)
            if now[0] == 'F' and info and info.count.__class__ is int:
                return info.count
            return self.symbol(('count', life)) if life else self.symbol(('count', place))
        if name == 'va' and now[0] == 'E':
            return ('Z', (self.text(place), *now[1], place)) if now[1] else 0
        if now[0] == 'E' and not (now[1] and self.is_dropped(state, now[1][2])):
            return self.symbol(('address', place))
        kind = 'object'
        if now[0] in 'FV' and now[1] in self.lives:
            kind = self.lives[now[1]].kind if now[0] == 'F' else 'view'
        elif now[0] == 'X':
            kind = now[1][3]
        elif now[0] == 'E':
            kind = 'mem'
        life = self.use(state, place, kind)
        if name == 'va':
            return ('P', life, 0) if life else self.symbol(('pointer', place))
        return self.symbol(('address', life or place))

    @staticmethod
    def is_dropped(state, symbol):
        """Return whether no variable holds a result, and nobody looked at it."""
        return symbol[1] not in state.looked and not any(
            value == symbol and not (place[0][0] == 'L' and not is_named(place[0][2]))
            for place, value in state.store.items())

    # --- Twins of a mem: its state is then ('F', life, the lives of the twins) ---

    def twins(self, state, mem):
        """Return the places of the twins that this path made of a mem, and did not free."""
        now = state.objects.get(mem, 'U')
        lives = now[2] if now[0] == 'F' and len(now) > 2 else ()
        return [place for place, other in state.objects.items() if lives and
                other[0] == 'F' and other[1] in lives and other[1] in state.live and
                not self.is_escaped(state, place) and not self.has_unknown_index(place)]

    def forget_twins(self, state, is_changed):
        """Forget which mem a twin belongs to, if is_changed() says so of the place of the twin."""
        for mem in [place for place, now in state.objects.items() if now[0] == 'F' and len(now) > 2]:
            kept = {state.objects[twin][1] for twin in self.twins(state, mem) if not is_changed(twin)}
            state.objects[mem] = (*state.objects[mem][:2], frozenset(kept))

    def add_twin(self, state, mem, twin):
        """Note a new twin of a mem. An older twin may have had the same life."""
        self.forget_twins(state, lambda place: place == twin)
        now = state.objects.get(mem, 'U')
        if now[0] == 'F':
            older = now[2] if len(now) > 2 else frozenset()
            state.objects[mem] = (*now[:2], older | {state.objects[twin][1]})

    def may_be_same(self, place, other):
        """Return whether two different pointers may lead to one object."""
        root = place[0]
        if root[0] == 'm' and self.came_from_unknown_index(('S', root[1])):
            return True
        return root != other[0] and 'L' not in (root[0], other[0][0]) and \
            (1 in (len(place), len(other)) or place[-1] == other[-1])

    def came_from_unknown_index(self, value):
        key = self.symbols.keys[value[1]]
        return key[0] == 'init' and self.has_unknown_index(key[1])

    # --- Pointers into objects ---

    def through_pointer(self, state, value, verb='used'):
        """A pointer into an object is followed, or given to a function."""
        if value[0] == 'Z':
            name, call, at, _, place = value[1]
            self.unchecked(state, f"'{name}'", verb, (call, at))
            if state.objects.get(place, 'X')[0] == 'E':
                state.objects[place] = ('U',)
            return
        end = state.dead.get(value[1])
        info = self.lives_info(value[1])
        if end:
            self.report(state, 'pointer', f"a pointer into {info.kind} '{end[2]}' is {verb} here after "
                        f"{self.ending(end, state.at, 'the ' + info.kind)}",
                        (end[1], f'{end[0]}() is called here'))
        elif info.count.__class__ is int and info.size.__class__ is int and \
                value[2] is not None and not 0 <= value[2] < info.count * info.size and \
                verb == 'used':
            self.report(state, 'range', f"this is past the end of {info.kind} '{info.name}', which has "
                        f"{info.count} elements{self.line(info.at, state.at)}")

    @staticmethod
    def moved_pointer(_, left, right):
        if left[2] is None or right.__class__ is not int:
            return ('P', left[1], None)
        return ('P', left[1], left[2] + right - ((right >> 63) << 64))

    def decide_empty(self, state, other, operator, left, right):
        """A branch on coherent_is_empty() of an unknown object."""
        empty = state if (operator == '!=') == (right == 0) else other
        full = other if empty is state else state
        place = left[1]
        if place in full.objects and full.objects[place][0] == 'U':
            empty.objects[place] = ('E', None)
        elif place not in full.objects:
            empty.objects[place] = ('E', None)
            self.state_of(full, place)
