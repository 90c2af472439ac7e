# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The calls of the library, one method for each kind."""
import re

from . import known
from .objects import Life
from .others import Others

FILLS = {'coherent_base_box_zeroed': 'box', 'coherent_base_box_from': 'box',
         'coherent_base_zeroed': 'mem', 'coherent_base_from': 'mem',
         'coherent_base_box_adopt': 'box',
         'coherent_base_handle_zeroed': 'handle', 'coherent_base_handle_adopt': 'handle'}
FREES = {'coherent_base_box_free': 'box', 'coherent_base_box_cleanup': 'box',
         'coherent_base_free': 'mem', 'coherent_base_cleanup': 'mem',
         'coherent_base_loan_free': 'loan', 'coherent_base_loan_cleanup': 'loan',
         'coherent_handle_free': 'handle', 'coherent_base_handle_cleanup': 'handle'}
OPENS = {'coherent_base_device_open': 'device', 'coherent_bar_open': 'bar',
         'coherent_irq_open': 'irq', 'coherent_base_bar_open': 'bar',
         'coherent_base_irq_open': 'irq'}
CLOSES = {'coherent_device_close': 'device', 'coherent_bar_close': 'bar',
          'coherent_irq_close': 'irq', 'coherent_base_device_cleanup': 'device',
          'coherent_base_bar_cleanup': 'bar', 'coherent_base_irq_cleanup': 'irq'}
PARTS = {'coherent_mem_view': 'view', 'coherent_mem_part': 'view', 'coherent_mem_slot': 'slot',
         'coherent_mem_ring': 'ring', 'coherent_mem_ring_field': 'ring'}
# Functions that take a pointer but do not follow it.
LOOKUPS = {'coherent_find_ptr', 'coherent_find_addr'}
SILENT = {'coherent_base_refuse_element', 'coherent_base_wait_begin', 'coherent_base_refuse_view',
          'coherent_base_refuse_ring', 'coherent_report_stderr', 'coherent_padding'}
# Functions that return a member of a base struct, also of an empty object.
MEMBERS = {'coherent_box_va': 'va', 'coherent_box_count_of': 'count', 'coherent_mem_va': 'va',
           'coherent_loan_addr_of': 'inverted_address', 'coherent_loan_count_of': 'count',
           'coherent_mem_count': 'count', 'coherent_mem_addr': 'inverted_address'}
# Functions that take arrays of objects of a pool.
ARRAYS = {'coherent_base_pool_boxes', 'coherent_base_pool_mems', 'coherent_base_pool_expose',
          'coherent_base_pool_box_free', 'coherent_base_pool_free'}
BUSY = re.compile(r'(?:[!=]=|case) -16\b')
EMPTY = {'coherent_mem_is_empty', 'coherent_box_is_empty', 'coherent_slot_is_empty',
         'coherent_ring_is_empty', 'coherent_loan_is_empty'}


class Calls(Others):
    """The rules, with the calls of the library."""

    def library_call(self, state, name, arguments):
        state.last = (known.macro(name), state.at)
        if name in SILENT:
            return [(None, state)]
        if name in FILLS:
            return self.allocate(state, name, arguments)
        if name in FREES:
            return self.free(state, name, arguments)
        if name in OPENS:
            return self.open(state, name, arguments)
        if name in CLOSES:
            return self.close(state, name, arguments)
        if name in PARTS:
            return self.part(state, name, arguments)
        if name in EMPTY:
            return self.is_empty(state, arguments)
        if name in ARRAYS:
            return self.arrays(state, name, arguments)
        if name in MEMBERS:
            return self.member_of_base(state, MEMBERS[name], arguments)
        method = getattr(self, name, None)
        return method(state, arguments) if method else self.other(state, name, arguments)

    def member_of_base(self, state, member, arguments):
        """A function of the headers that returns a member of a base struct."""
        place = self.object_at(arguments[0])
        if place is None:
            return [(None, state)]
        return [(self.field_of_object(state, (*place, 'base', member)), state)]

    def option(self, state, arguments, name):
        """Return an option: a member of one of the structs that a macro passes."""
        for value in arguments:
            if value.__class__ is tuple and value[0] == 'A':
                place = (*value[1], name)
                if place in state.store:
                    return state.store[place]
        return None

    def device(self, state, value, call):
        """Check a device, a BAR or an interrupt that a call uses."""
        if value == 0 and value.__class__ is int:
            if call.startswith(('coherent_bar_r', 'coherent_bar_w', 'coherent_irq_w')):
                return
            self.report(state, 'null', f'{call}() gets NULL here: nothing is open')
            return
        if value.__class__ is not tuple:
            return
        if value[0] == 'Z':
            failed = value[1]
            if failed[3][1] not in state.looked:
                self.unchecked(state, f"'{failed[0]}'", 'used', failed[1:3])
            return
        end = state.dead.get(value)
        if end:
            self.report(state, 'closed', f"'{end[2]}' is used here after {end[0]}()"
                        f"{self.line(end[1], state.at)} closed it",
                        (end[1], f'{end[0]}() is called here'))
            return
        info = self.lives.get(value)
        if info:
            self.check_device_of(state, info, f"{info.kind} '{info.name}'")
        elif value[0] == 'S':
            self.check_beside(state, value, call)

    def member(self, value):
        """Return (struct, name) of the member from which an unknown value came, or None."""
        key = self.symbols.keys[value[1]]
        if key[0] == 'init' and len(key[1]) > 1 and key[1][-1].__class__ is str:
            return key[1][:-1], key[1][-1]
        return None

    def check_beside(self, state, value, call):
        """A BAR or an interrupt probably belongs to the device in the same struct."""
        member = self.member(value)
        if member and call.startswith('coherent_device'):
            self.device_fields.add(member[1])
        if not member or not call.startswith(('coherent_bar', 'coherent_irq')):
            return
        for life, end in state.dead.items():
            closed = life[0] == 'S' and self.member(life)
            if closed and end[0] == 'coherent_device_close' and \
                    member[0][:len(closed[0])] == closed[0]:
                before = dict(self.found)
                self.report(state, 'closed', f"'{self.symbol_text(value[1])}' is used here after "
                            f"{end[0]}(){self.line(end[1], state.at)} closed its device '{end[2]}'",
                            (end[1], f'{end[0]}() is called here'))
                self.tentative += [item for item in self.found.items() if item[0] not in before]
                self.found = before

    def check_device_of(self, state, info, name):
        end = state.dead.get(info.dev) if info.dev else None
        if end:
            self.report(state, 'closed', f"{name} is used here after {end[0]}()"
                        f"{self.line(end[1], state.at)} closed its device '{end[2]}'",
                        (end[1], f'{end[0]}() is called here'))

    # --- Begin and end ---

    def allocate(self, state, name, arguments):
        call = known.macro(name)
        self.device(state, arguments[1], call)
        for value in arguments[2:4]:
            if value.__class__ is tuple and value[0] in 'PZ':
                self.through_pointer(state, value, f'given to {call}()')
        sizes = [value for value in arguments[2:] if value.__class__ is int]
        return self.fill(state, self.object_at(arguments[0]), FILLS[name], call, dev=arguments[1],
                         size=sizes[0] if sizes else None,
                         count=self.option(state, arguments[2:], 'count'),
                         managed=bool(self.option(state, arguments[2:], 'managed')))

    def free(self, state, name, arguments):
        place, kind = self.object_at(arguments[0]), FREES[name]
        if kind == 'mem':
            self.forget_twins(state, lambda twin: twin[0][0] != 'L' if place is None else
                              self.may_be_same(place, twin))
        if place is None:
            return [(None, state)]
        call = known.macro(name)
        self.check_initialised(state, place, kind)
        now = self.state_of(state, place)
        if now[0] == 'F' and now[1] in state.dead:
            self.use(state, place, kind, 'freed')
        elif now[0] == 'X' and 'cleanup' not in name and now[1][0] == call and \
                now[1][2] == self.owner(place) and now[1][1] != state.at:
            self.report(state, 'twice', f"{self.named(kind, place)} is freed twice: here, and by "
                        f"{call}(){self.line(now[1][1], state.at)}",
                        (now[1][1], f'{call}() is called here'))
        elif now[0] in 'FU':
            self.end(state, place, kind, call)
        return [(None, state)]

    def open(self, state, name, arguments):
        call, kind = known.macro(name), OPENS[name]
        if kind != 'device':
            self.device(state, arguments[1], call)
        place = self.target(state, arguments[0])
        if place is None:
            return [(self.maybe(state, call), state)]
        failed = state.copy()
        symbol = self.failure(failed, call)
        failed.store[place] = ('Z', (self.text(place), call, state.at, symbol, place))
        life = ('H', self.new_life(state, call))
        self.lives[life] = Life(kind, self.text(place), call, state.at,
                                dev=arguments[1] if kind != 'device' else None)
        self.element_changes(state, place)
        old = state.store.get(place)
        state.live[life] = place
        state.store[place] = life
        if old.__class__ is tuple and old[0] == 'H':
            self.lost_handle(state, old, place)
        return [(0, state), (symbol, failed)]

    def close(self, state, name, arguments):
        value, kind = arguments[0], CLOSES[name]
        if 'cleanup' in name:
            place = self.target(state, value)
            value = self.load(state, place) if place else None
        if value.__class__ is not tuple or value[0] not in 'HS':
            return [(None, state)]
        call = f'coherent_{kind}_close'
        if kind == 'device' and value[0] == 'S':
            self.check_beside(state, value, call)
        end = state.dead.get(value)
        if end:
            self.report(state, 'twice', f"{kind} '{end[2]}' is closed twice: here, and by {end[0]}()"
                        f"{self.line(end[1], state.at)}", (end[1], f'{end[0]}() is called here'))
        elif value[0] == 'H' or not self.came_from_unknown_index(value):
            if value in state.live:
                state.freed.add(state.live.pop(value))
            state.dead[value] = (call, state.at, self.name_of(state, value))
        return [(None, state)]

    def name_of(self, state, value):
        if value in self.lives:
            return self.lives[value].name
        return self.symbol_text(value[1])

    def coherent_base_pool_create(self, state, arguments):
        dev = self.option(state, arguments, 'dev')
        self.device(state, dev, 'coherent_pool_create')
        return self.fill(state, self.object_at(arguments[0]), 'pool', 'coherent_pool_create', dev=dev)

    def use_pool(self, state, value):
        """Check a pool that a call takes an object from. Return (pool, its life)."""
        pool = self.use(state, self.object_at(value), 'pool')
        info = self.lives.get(pool)
        if info:
            self.check_device_of(state, info, f"pool '{info.name}'")
        return pool, info

    def coherent_base_pool_box(self, state, arguments):
        pool, info = self.use_pool(state, arguments[0])
        return self.fill(state, self.object_at(arguments[1]), 'box', 'coherent_pool_box', pool=pool,
                         dev=info and info.dev)

    def coherent_base_pool_mem(self, state, arguments):
        pool, info = self.use_pool(state, arguments[0])
        return self.fill(state, self.object_at(arguments[1]), 'mem', 'coherent_pool_from', pool=pool,
                         dev=info and info.dev)

    def arrays(self, state, name, arguments):
        """A call that takes arrays of objects of a pool. Nothing is known of them afterwards."""
        call = known.macro(name)
        if not name.endswith('free'):
            self.use_pool(state, arguments[0])
        for value in arguments[1:3]:
            if value.__class__ is tuple and value[0] == 'A':
                place = value[1]
                while len(place) > 1 and (place[-1] == 'base' or place[-1].__class__ is tuple):
                    place = place[:-1]
                self.unknown(state, place)
        return [(None if name.endswith('free') else self.maybe(state, call), state)]

    def coherent_base_pool_destroy(self, state, arguments):
        place = self.object_at(arguments[0])
        now = self.state_of(state, place) if place else ('U',)
        if now[0] == 'F':
            for life in list(state.live):
                info = self.lives[life]
                if info.pool == now[1]:
                    self.report(state, 'busy', f"{self.named('pool', place)} is destroyed here, but "
                                f"{info.kind} '{info.name}' from {info.call}()"
                                f"{self.line(info.at, state.at)} is not freed",
                                (info.at, f'{info.call}() is called here'))
                    break
            self.end(state, place, 'pool', 'coherent_pool_destroy')
        return [(self.maybe(state, 'coherent_pool_destroy'), state)]

    def coherent_base_pool_cleanup(self, state, arguments):
        return [(None, self.coherent_base_pool_destroy(state, arguments)[0][1])]

    # --- Between the phases ---

    def consume_box(self, state, place, call, verb='exposed'):
        """Expose or lend a box. Return what is known of it, or None."""
        if place is None:
            return None
        life = self.use(state, place, 'box', verb)
        info = self.lives.get(life)
        if info:
            self.check_device_of(state, info, self.named('box', place))
        if life or self.state_of(state, place)[0] in 'FU':
            self.end(state, place, 'box', call)
        return info

    def fill_from(self, state, place, kind, call, info):
        """Like fill(), for memory that another object had before."""
        more = {}
        if info:
            more = {'dev': info.dev, 'pool': info.pool, 'size': info.size, 'count': info.count,
                    'managed': info.managed}
        return self.fill(state, place, kind, call, **more)

    def coherent_base_expose(self, state, arguments):
        mem = self.object_at(self.option(state, arguments[1:], 'mem'))
        return self.leave_box(state, self.object_at(arguments[0]), mem, 'mem', 'coherent_expose',
                              'exposed')

    def coherent_base_lend(self, state, arguments):
        loan = self.object_at(arguments[1])
        return self.leave_box(state, self.object_at(arguments[0]), loan, 'loan', 'coherent_lend',
                              'lent')

    def leave_box(self, state, place, output, kind, call, verb):
        """The memory of a box becomes another object."""
        was_empty = place is not None and self.state_of(state, place) == ('E', None)
        info = self.consume_box(state, place, call, verb)
        if was_empty:
            symbol = self.failure(state, call)
            if output and self.state_of(state, output)[0] != 'F':
                state.objects[output] = ('E', (call, state.at, symbol))
            return [(symbol, state)]
        return self.fill_from(state, output, kind, call, info)

    def coherent_base_expose_all(self, state, arguments):
        call = 'coherent_expose_all'
        array = self.target(state, arguments[0])
        failed = state.copy()
        mems = []
        for number in range(32):
            item = (*array, ('[', number)) if number and array else array
            box = self.object_at(state.store.get((*item, 'box'))) if item else None
            if box is None:
                break
            mem = self.object_at(self.option(state, [state.store.get((*item, 'options'))], 'mem'))
            info = self.consume_box(state, box, call)
            self.consume_box(failed, box, call)
            if mem:
                symbol = self.failure(failed, call)
                failed.objects[mem] = ('E', (call, state.at, symbol))
                mems.append(mem)
                state = self.fill_from(state, mem, 'mem', call, info)[0][1]
        state.last = failed.last = (call, state.at)
        return [(0, state), (self.failure(failed, call), failed)]

    def coherent_base_reclaim(self, state, arguments):
        return self.become_box(state, arguments, 'mem', 'coherent_reclaim', 'reclaimed')

    def coherent_base_take(self, state, arguments):
        return self.become_box(state, arguments, 'loan', 'coherent_take', 'taken')

    def coherent_base_share(self, state, arguments):
        """Another device gets the memory of a mem, which stays."""
        call, mem = 'coherent_share', self.object_at(arguments[0])
        info = None
        if mem is not None:
            info = self.lives.get(self.use(state, mem, 'mem', 'shared'))
        if info:
            self.check_device_of(state, info, self.named('mem', mem))
        self.device(state, arguments[1], call)
        twin = self.object_at(self.option(state, arguments[2:], 'twin'))
        results = self.fill(state, twin, 'twin', call, dev=arguments[1], size=info and info.size,
                            count=info and info.count)
        if info and twin and results[0][0] == 0:
            self.add_twin(state, mem, twin)
        return results

    def become_box(self, state, arguments, kind, call, verb):
        """The memory of a mem or a loan becomes a box."""
        place = self.object_at(arguments[0])
        box = self.object_at(self.option(state, arguments[1:], 'box'))
        if place is None:
            return [(self.maybe(state, call), state)]
        life = self.use(state, place, kind, verb)
        info = self.lives.get(life)
        if info:
            self.check_device_of(state, info, self.named(kind, place))
        if not self.expects_busy() and self.has_twin(state, place, kind, call, verb):
            return [(-16, state)]
        results = self.fill_from(state, box, 'box', call, info)
        if results[0][0] == 0:
            self.end(results[0][1], place, kind, call)
        return results

    def expects_busy(self):
        """Return whether this function, or one that calls it, compares a result with -EBUSY."""
        frame = self.frame
        while frame and not BUSY.search(frame.function.text):
            frame = frame.outer
        return frame is not None

    def has_twin(self, state, mem, kind, call, verb):
        """Report the first twin of a mem, if there is one."""
        for twin in self.twins(state, mem)[:1]:
            info = self.lives[state.objects[twin][1]]
            self.report(state, 'busy', f"{self.named(kind, mem)} is {verb} here, but its "
                        f"{self.named('twin', twin)} from {info.call}(){self.line(info.at, state.at)}"
                        f" is not freed; free it first, because {call}() returns -EBUSY",
                        (info.at, f'{info.call}() is called here'))
            return True
        return False

    def coherent_base_init_begin(self, state, arguments):
        call = 'coherent_init'
        self.device(state, arguments[2], call)
        mem, box = self.object_at(arguments[0]), self.object_at(arguments[1])
        if mem and not self.is_free_for(state, mem, 'mem', call):
            return [(-16, state)]
        state.clear(box, 0)
        results = self.fill(state, box, 'box', call, dev=arguments[2],
                            count=arguments[3], size=arguments[4],
                            managed=bool(self.option(state, arguments[5:], 'managed')))
        if mem and len(results) > 1:
            failed = results[1][1]
            failed.objects[mem] = ('E', (call, state.at, results[1][0]))
        return results

    def coherent_base_init_end(self, state, arguments):
        call = 'coherent_init'
        mem, box = self.object_at(arguments[0]), self.object_at(arguments[1])
        info = self.consume_box(state, box, call)
        failed = state.compare('!=', arguments[2], 0)
        results = self.fill_from(state, mem, 'mem', call, info)
        return results[1:] if failed and len(results) > 1 else results

    def coherent_base_box_move(self, state, arguments):
        return self.move(state, arguments, 'box')

    def coherent_base_move(self, state, arguments):
        return self.move(state, arguments, 'mem')

    def coherent_base_loan_move(self, state, arguments):
        return self.move(state, arguments, 'loan')

    def move(self, state, arguments, kind):
        call = 'coherent_move'
        source, target = map(self.object_at, arguments[:2])
        if source is None or target is None or source == target:
            return [(None, state)]
        if not self.is_free_for(state, target, kind, call):
            return [(None, state)]
        now = self.state_of(state, source)
        if now[0] == 'E':
            state.objects[target] = now
            return [(None, state)]
        life = self.use(state, source, kind, 'moved')
        if life is None:
            state.objects[target] = ('U',)
            return [(None, state)]
        info = self.lives[life]
        was_live = state.live.get(life)
        if kind == 'box':
            # A pointer into a box ends when the box moves.
            self.end(state, source, kind, call)
            life = self.new_life(state, call) if was_live else ('as', target, state.at)
            self.lives[life] = Life(kind, self.text(target), info.call or call, info.at or state.at,
                                    info.dev, info.pool, info.size, info.count, info.managed)
        state.objects[source] = ('X', (call, state.at, self.owner(source), kind))
        state.objects[target] = ('F', life, *(now[2:] if now[0] == 'F' else ()))
        if was_live:
            state.live[life] = target
        return [(None, state)]

    # --- Uses ---

    def part(self, state, name, arguments):
        """A view, a slot or a ring of a mem."""
        call = known.macro(name)
        mem = self.object_at(arguments[0])
        life = self.use(state, mem, 'mem')
        if name != 'coherent_mem_ring':
            self.check_index(state, life, mem, 1, arguments[1])
        made = None
        if name == 'coherent_mem_view' and \
                all(value.__class__ is int for value in arguments[1:3]) and \
                all(map(self.is_constant, self.expressions[1:3])):
            made = self.count_of(state, life, mem)
            if made and arguments[1] < made[1] < arguments[1] + arguments[2]:
                self.past_the_end(state, f'element {arguments[1] + arguments[2] - 1}', mem, made)
            made = ('view', arguments[2], call, state.at)
        place = self.object_at(arguments[-1])
        symbol = self.maybe(state, call)
        if place:
            state.objects[place] = ('V', life, (symbol, call, state.at), made) if life else ('U',)
        return [(symbol, state)]

    def count_of(self, state, life, mem):
        """Return (kind, count, call, its place) of a mem or a view, or None if it is not known."""
        now = state.objects.get(mem, ' ')
        if now[0] == 'V':
            return now[3]
        info = self.lives.get(life)
        if now[0] == 'F' and info and info.count.__class__ is int:
            return info.kind, info.count, info.call, info.at
        return None

    def is_constant(self, expression):
        """Return whether an index is a constant, or the variable in which a macro has a constant."""
        return expression[0] == 'c' or expression[0] == 'v' and \
            expression[1] in self.frame.function.constants

    def check_index(self, state, life, mem, number, index):
        """Refuse a constant index past a count that is known."""
        made = self.count_of(state, life, mem)
        if made and index.__class__ is int and self.is_constant(self.expressions[number]) and \
                index >= made[1]:
            self.past_the_end(state, f'index {index}', mem, made)

    def past_the_end(self, state, what, mem, made):
        kind, count, call, at = made
        self.report(state, 'range', f'{what} is past the end of {self.named(kind, mem)}, which has '
                    f'{count} elements{self.line(at, state.at)}', (at, f'{call}() is called here'))

    def is_empty(self, state, arguments):
        place = self.object_at(arguments[0])
        if place is None:
            return [(None, state)]
        now = state.objects.get(place)
        if now is None:
            now = ('E', None) if state.began(place)[1] == 0 else ('U',)
        if now[0] == 'V' and now[2]:
            state.looked.add(now[2][0][1])
            truth = state.compare('!=', now[2][0], 0)
            return [(None if truth is None else int(truth), state)]
        if now[0] in 'EX':
            return [(1, state)]
        if now[0] in 'FV':
            return [(0, state)]
        return [(('Q', place), state)]

    def coherent_box_at(self, state, arguments):
        place = self.object_at(arguments[0])
        life = self.use(state, place, 'box')
        if life is None:
            return [(self.symbol(('pointer', place)), state)]
        return [(('P', life, None), state)]

    def other(self, state, name, arguments):
        """A call that uses what it gets, and ends nothing."""
        call = known.macro(name)
        kind = 'slot' if '_slot_' in name else 'ring' if '_ring_' in name else \
            'loan' if '_loan_' in name else 'handle' if '_handle_' in name else 'pool' if '_pool_' in name else \
            'box' if '_box_' in name else 'mem'
        for number, value in enumerate(arguments):
            if value.__class__ is not tuple:
                continue
            if value[0] in 'HZ' or value in state.dead or value[0] == 'S' and number == 0:
                self.device(state, value, call)
            elif value[0] == 'P' and name not in LOOKUPS:
                self.through_pointer(state, value, f'given to {call}()')
            elif value[0] == 'A' and (number == 0 or value[1][-1] == 'base' or
                                      value[1] in state.objects):
                place = self.object_at(value)
                if place in state.objects or value[1][-1] == 'base':
                    life = self.use_mem(state, place, kind)
                    if name == 'coherent_base_wait_more' and life in self.lives:
                        of = 'view' if state.objects[place][0] == 'V' else 'mem'
                        self.check_device_of(state, self.lives[life], self.named(of, place))
                    if number == 0 and len(arguments) > 2 and name.startswith('coherent_mem_'):
                        self.check_index(state, life, place, 1, arguments[1])
                elif number:
                    self.unknown(state, value[1])
            elif value[0] == 'A':
                self.unknown(state, value[1])
        if name.endswith(('_load', 'level', '_fd', '8', '16', '64', '_size', '_addr', '_mask')) or \
                name.startswith('coherent_bar_read'):
            return [(None, state)]
        return [(self.maybe(state, call), state)]

    def use_mem(self, state, place, kind):
        now = state.objects.get(place)
        if now and now[0] == 'V' and kind == 'mem':
            kind = 'view'
        return self.use(state, place, kind)
