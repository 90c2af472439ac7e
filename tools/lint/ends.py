# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The end of a variable, copies of a struct, and results that nobody reads."""
from .gimple import REGISTER, is_named
from .memory import State
from .objects import HELD, Objects

# An ignored result of these is a mistake, whatever comes later.
MAKES = {'coherent_box_zeroed', 'coherent_box_from', 'coherent_box_adopt', 'coherent_zeroed', 'coherent_from',
         'coherent_init', 'coherent_expose', 'coherent_expose_all',
         'coherent_handle_zeroed', 'coherent_handle_adopt', 'coherent_pool_create', 'coherent_pool_box',
         'coherent_pool_from', 'coherent_pool_from_all', 'coherent_pool_boxes', 'coherent_pool_expose',
         'coherent_device_open', 'coherent_bar_open', 'coherent_irq_open',
         'coherent_device_set_mask'}
# A driver that ends may ignore these.
MAY_FAIL = {'coherent_pool_destroy', 'coherent_device_fence', 'coherent_device_reset',
            'coherent_device_next_fault', 'coherent_device_stats'}


class Ends(Objects):
    """A walker that finds leaks, copies and lost results."""

    def __init__(self, program):
        super().__init__(program)
        self.results = {}       # places of calls whose result somebody read
        self.device_fields = set()      # the members of structs that hold devices
        self.failures = []      # (place, objects that are kept, objects that were freed)
        self.tentative = []     # findings that are true if there is only one such member
        self.unread = {}        # places of calls whose result was lost on some path

    def leak(self, state, life, place, at=None):
        info = self.lives[life]
        state.live.pop(life, None)
        self.report(state, f'leak {info.name}', f"{self.named(info.kind, place)} from {info.call}()"
                    f"{self.line(info.at, at or state.at)} is never "
                    f"{'closed' if info.kind in HELD else 'freed'} on this path",
                    (info.at, f'{info.call}() is called here'), at=at)

    def is_escaped(self, state, place):
        return any(place[:len(other)] == other for other in state.escaped)

    def end_of_scope(self, state, place):
        """A variable ends."""
        values, objects = state.below(place)
        for key in objects:
            now = state.objects[key]
            if now[0] == 'F' and now[1] in state.live and not self.is_escaped(state, key) and \
                    not self.has_unknown_index(key):
                self.leak(state, now[1], key)
        held = [state.store[key] for key in values]
        state.clear(place, None)
        self.symbols.forget_below(state, place)
        for value in held:
            if value.__class__ is tuple and value[0] == 'H':
                self.lost_handle(state, value, place)

    def lost_handle(self, state, value, place):
        """A variable that held a device, a BAR or an interrupt holds it no more."""
        if value in state.live and not self.is_escaped(state, place) and \
                not self.has_unknown_index(state.live[value]) and not any(
                held == value and not REGISTER.match(str(home[0][-1]))
                for home, held in state.store.items()):
            self.leak(state, value, state.live[value])

    def end_of_function(self, frame, state, result):
        """Find the objects that only variables of this call hold."""
        self.forget_results(frame, state)
        if frame.depth == 0 and result is not None and state.compare('<', result, 0) is True:
            kept = {place: now[1] for place, now in state.objects.items()
                    if place[0][0] == 'm' and now[0] == 'F' and now[1] in state.live and
                    not self.is_element(state, place)}
            kept.update((place, life) for life, place in state.live.items()
                        if life[0] == 'H' and place[0][0] == 'm' and
                        not self.is_element(state, place))
            self.failures.append((state.at, kept, state.freed))
        if not state.live:
            return
        for place, now in list(state.objects.items()):
            if now[0] != 'F' or now[1] not in state.live or self.is_escaped(state, place) or \
                    self.has_unknown_index(place):
                continue
            root = place[0]
            if root[0] == 'L' and root[1] >= frame.depth:
                self.leak(state, now[1], place)
            elif root[0] == 'm' and root[1] in state.heap and not self.is_element(state, place) and \
                    not self.is_reachable(frame, state, ('S', root[1]), result):
                self.leak(state, now[1], place)
        for life, place in list(state.live.items()):
            if life[0] == 'H' and not self.is_reachable(frame, state, life, result) and \
                    not self.is_escaped(state, place) and not self.has_unknown_index(place) and \
                    not (place[0][0] == 'm' and self.is_element(state, place)):
                self.leak(state, life, place)

    def is_reachable(self, frame, state, value, result, depth=3):
        """Return whether the caller can reach a value after this function."""
        if result == value:
            return True
        for place, held in state.store.items():
            same = held == value or held.__class__ is tuple and value[0] == 'S' and \
                held[0] == 'A' and held[1][0] == ('m', value[1])
            if not same:
                continue
            root = place[0]
            if root[0] == 'm' and root[1] in state.heap:
                if root != ('m', value[1]) and depth and \
                        self.is_reachable(frame, state, ('S', root[1]), result, depth - 1):
                    return True
            elif root[0] != 'L' or root[1] < frame.depth or self.is_escaped(state, place):
                return True
        return value[0] == 'S' and self.is_escaped(state, (('m', value[1]),))

    def root(self, function):
        """Follow a function. Then compare what it leaves on the paths on which it fails."""
        self.failures, self.last_function = [], function
        super().root(function)
        freed = set().union(*(freed for _, _, freed in self.failures))
        for at, kept, _ in self.failures:
            for place, life in kept.items():
                info = self.lives[life]
                if place in freed and at and info.at[0] == at[0]:
                    self.report(State(self.symbols), f'leak {info.name}',
                                f"{self.named(info.kind, place)} from {info.call}()"
                                f"{self.line(info.at, at)} is not "
                                f"{'closed' if info.kind in HELD else 'freed'} on this error path of "
                                f"{function.name}(), but on others",
                                (info.at, f'{info.call}() is called here'), at=at)

    def overwrite(self, state, place, mark):
        """A struct gets other contents."""
        values, objects = state.below(place)
        for key in objects:
            now = state.objects[key]
            if now[0] == 'F' and now[1] in state.live and not self.is_escaped(state, key):
                info = self.lives[now[1]]
                state.live.pop(now[1])
                self.report(state, 'overwritten', f"{self.named(info.kind, key)} is overwritten here, but"
                            f" nobody freed what {info.call}(){self.line(info.at, state.at)} put"
                            " into it", (info.at, f'{info.call}() is called here'))
        held = [state.store[key] for key in values]
        state.clear(place, mark)
        for value in held:
            if value.__class__ is tuple and value[0] == 'H':
                self.lost_handle(state, value, place)

    def copy(self, state, target, source):
        """A struct is copied."""
        if source[0] == ('R',):
            self.move_whole(state, target, source)
            return
        if target == source:
            return
        _, objects = state.below(source)
        for key in objects:
            now = state.objects[key]
            if now[0] == 'F' and now[1] not in state.dead:
                info = self.lives_info(now[1], 'object', key)
                self.report(state, 'copy', f"{self.named(info.kind, key)} is copied here, so two variables"
                            " hold one object: use coherent_move() or a pointer")
                state.live.pop(now[1], None)
        self.transfer(state, target, source)
        for key in objects:
            key = (*target, *key[len(source):])
            if state.objects.get(key, 'U')[0] == 'F':
                state.objects[key] = ('U',)

    def move_whole(self, state, target, source):
        """A struct is returned by value: its objects go along."""
        self.transfer(state, target, source)
        _, objects = state.below(source)
        for key in objects:
            if state.objects[key][0] == 'F':
                state.objects[key] = ('U',)

    def transfer(self, state, target, source):
        values, objects = state.below(source)
        length = len(source)
        values = [(key[length:], state.store[key]) for key in values]
        objects = [(key[length:], state.objects[key]) for key in objects]
        origin = state.began(source)
        self.overwrite(state, target, 0 if origin[1] == 0 else
                       origin if source[0][0] != 'G' else self.fresh(state))
        for rest, value in values:
            state.store[(*target, *rest)] = value
        for rest, now in objects:
            state.objects[(*target, *rest)] = now

    # --- Results that nobody reads ---

    def new_result(self, state, place, function):
        """A variable gets the result of a call."""
        name = place[0][2] if place and place[0][0] == 'L' and len(place) == 1 else '_'
        if state.last and is_named(name) and not name.startswith('coherent_'):
            state.pending[place] = state.last
        elif state.last and state.last[0] in MAKES and place and place[0][-1] not in function.read:
            self.report(state, 'result', f'the result of {state.last[0]}() is ignored')

    def read_result(self, state, place):
        self.results[state.pending.pop(place)] = True

    def overwrite_result(self, state, place, by_result):
        call, at = state.pending.pop(place)
        if by_result:
            self.result_is_lost(call, at, state.at)
            return
        self.unread.setdefault((call, at), (state.at, self.frame.function))

    def drop_result(self, state, place, function):
        """A path does not need a variable any more."""
        call, at = state.pending.pop(place)
        if call not in MAY_FAIL:
            self.unread.setdefault((call, at), (None, function))

    def forget_results(self, frame, state):
        """A function ends: its variables may hold results that nobody read."""
        for place in [place for place in state.pending if place[0][1] >= frame.depth]:
            self.drop_result(state, place, frame.function)

    def finish(self):
        """Report the results that no path reads."""
        for (call, at), (there, function) in self.unread.items():
            if (call, at) in self.results:
                continue
            self.last_function = function
            if there:
                self.result_is_lost(call, at, there)
            else:
                self.report(State(self.symbols), 'result', f'the result of {call}() is ignored', at=at)
        for finding in self.tentative if len(self.device_fields) == 1 else []:
            self.found.setdefault(*finding)

    def result_is_lost(self, call, at, there):
        self.report(State(self.symbols), 'result', f"the result of {call}(){self.line(at, there)} is "
                    "overwritten here before the driver looks at it",
                    (at, f'{call}() is called here'), at=there)
