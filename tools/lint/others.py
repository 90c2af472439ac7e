# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Calls of functions that are not part of the library."""
from . import known
from .ends import Ends


class Others(Ends):
    """A walker that knows libc, and that gives up what unknown functions may change."""

    @staticmethod
    def assertion_fails(state, name, arguments):
        """Return whether a function of a test framework does not return."""
        for value in arguments[:2]:
            if value.__class__ is tuple and value[0] == 'S' and \
                    state.compare('<', value, 0) is True and 0 in arguments[:2]:
                return True
        numbers = [value % (1 << 64) for value in arguments[:2] if value.__class__ is int]
        if 'equal' in name and len(numbers) == 2:
            return (numbers[0] == numbers[1]) == ('not' in name)
        return 'true' in name and arguments[:1] == [0] or \
            'false' in name and numbers[:1] not in ([], [0])

    def unknown_call(self, state, name, arguments):
        """A function that nobody knows may free or change what it can reach."""
        for value in arguments:
            if value.__class__ is not tuple:
                continue
            if value[0] in 'PZ':
                self.through_pointer(state, value, f'given to {name or "a function"}()')
            elif value[0] == 'H':
                state.live.pop(value, None)
            elif value[0] == 'S':
                self.failure_is_known(state, value)
            if value[0] in 'AS':
                self.give_away(state, self.object_at(value), set())
        for place in list(state.escaped):
            self.give_away(state, place, set())
        self.forget_twins(state, lambda twin: twin[0][0] != 'L')
        for place in [place for place in state.objects if place[0][0] == 'G']:
            self.forget(state, place)
        for place in [place for place in state.store if place[0][0] == 'G']:
            value = state.store.pop(place)
            state.live.pop(value, None)
        return [(None, state)]

    @staticmethod
    def failure_is_known(state, symbol):
        for place, now in state.objects.items():
            if now[0] == 'E' and now[1] and now[1][2] == symbol:
                state.objects[place] = ('U',)
        state.looked.add(symbol[1])

    def give_away(self, state, place, done):
        """Unknown code has a pointer to this place."""
        if place in done or len(done) > 20:
            return
        done.add(place)
        values, objects = state.below(place)
        for key in objects:
            self.forget(state, key)
        held = [state.store[key] for key in values]
        state.clear(place, self.fresh(state))
        for key in objects:
            state.objects[key] = ('U',)
        self.symbols.forget_below(state, place)
        for value in held:
            if value.__class__ is not tuple:
                continue
            if value[0] == 'H':
                state.live.pop(value, None)
            if value[0] == 'A' or value[0] == 'S' and value[1] in state.heap:
                self.give_away(state, self.object_at(value), done)
        if place[0][0] in 'Lm':
            state.escaped.add(place)

    def harmless_call(self, state, name, arguments):
        for value in arguments:
            if value.__class__ is tuple and value[0] in 'PZ' and not known.prints(name):
                self.through_pointer(state, value, f'given to {name}()')
            if value.__class__ is tuple and value[0] == 'A' and ('scan' in name or 'get' in name):
                self.unknown(state, value[1])
        if name in known.PURE:
            return [(self.symbol(('pure', name, *arguments)), state)]
        if name in ('__builtin_expect',):
            return [(arguments[0], state)]
        return [(None, state)]

    def is_array_of(self, name, arguments):
        """Return whether memory from malloc() or its like has a number of elements that is unknown."""
        counts = arguments[:1] if name in known.COUNTED else []
        return any(value.__class__ is not int for value in counts) or any(
            self.symbols.keys[value[1]][:2] == ('b', '*') for value in arguments
            if value.__class__ is tuple and value[0] == 'S')

    def memory_call(self, state, name, arguments):
        """malloc(), free(), memcpy(), memset() and their like."""
        if name in known.ALLOCATES:
            symbol = self.renewed(state, ('heap', state.at, self.frame.depth,
                                          self.is_array_of(name, arguments)))
            place = (('m', symbol[1]),)
            state.clear(place, 0 if name in known.ZEROED else self.fresh(state))
            self.symbols.forget_below(state, place)
            state.escaped.discard(place)
            state.heap.add(symbol[1])
            return [(symbol, state)]
        target = self.object_at(arguments[0]) if arguments else None
        if name in known.FREES:
            for key in state.below(target)[1] if target else []:
                now = state.objects[key]
                if now[0] == 'F' and now[1] in state.live and not self.is_escaped(state, key) and \
                        not self.is_element(state, key):
                    self.leak(state, now[1], key)
            return [(None, state)]
        for value in arguments[:2]:
            if value.__class__ is tuple and value[0] in 'PZ':
                self.through_pointer(state, value, f'given to {name.replace("__builtin_", "")}()')
        source = self.object_at(arguments[1]) if len(arguments) > 1 else None
        if target and name in known.COPIES:
            if source and source != target and any(key[:len(source)] == source
                                                   for key in state.objects):
                self.copy(state, target, source)
            else:
                self.unknown(state, target)
        elif target and (name == 'bzero' or arguments[1:2] == [0]):
            self.overwrite(state, target, 0)
        elif target:
            self.overwrite(state, target, self.fresh(state))
        return [(arguments[0], state)]

    def known_call(self, state, name, arguments):
        """Follow a call of a function that the rules know. Return None for another one."""
        if name is None:
            return None
        if name in known.SAME:
            return [(arguments[0], state)]
        if name.startswith('coherent_') and 'manage' not in name:
            return self.library_call(state, name, arguments)
        if name in known.ENDS or 'assert' in name and self.assertion_fails(state, name, arguments):
            return []
        if name in known.ALLOCATES or name in known.FREES or name in known.COPIES or \
                name in known.SETS:
            return self.memory_call(state, name, arguments)
        if name in known.HARMLESS or known.prints(name) and \
                not self.program.find(self.frame.function.unit, name):
            return self.harmless_call(state, name, arguments)
        return None
