# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The findings, and their words."""
from .walk import Walker

ENDED = {'coherent_expose': 'consumed {}', 'coherent_expose_all': 'consumed {}',
         'coherent_init': 'consumed {}', 'coherent_lend': 'consumed {}',
         'coherent_reclaim': 'took {} back', 'coherent_take': 'ended {}',
         'coherent_move': 'moved {} away', 'coherent_pool_destroy': 'destroyed {}',
         'coherent_device_close': 'closed {}', 'coherent_bar_close': 'closed {}',
         'coherent_irq_close': 'closed {}'}


class Texts(Walker):
    """A walker that reports what it finds."""

    def __init__(self, program):
        super().__init__(program)
        self.found = {}
        self.last_function = None

    def report(self, state, kind, text, *notes, at=None):
        at = at or state.at
        if at is None:
            return
        calls = []
        frame = self.frame
        unit = (frame.function if frame else self.last_function).unit
        while frame and frame.place:
            calls.append((frame.place, f'{frame.function.name}() is called here'))
            frame = frame.outer
        key = (at, kind)
        finding = (text, [*notes, *calls])
        if key not in self.found or len(calls) < self.found[key][2]:
            self.found[key] = (*finding, len(calls), unit)

    def line(self, at, here):
        if not at:
            return ''
        return f' at line {at[1]}' if not here or at[0] == here[0] else f' at {at[0]}:{at[1]}'

    def text(self, place):
        """Return a place as C writes it."""
        root = place[0]
        pointer = False
        if root[0] == 'm':
            name, pointer = self.symbol_text(root[1]), True
        elif root[0] == 'R':
            name = 'the result'
        else:
            name = root[-1]
        for part in place[1:]:
            if isinstance(part, tuple):
                name += f'[{part[1]}]' if part[0] == '[' and isinstance(part[1], int) else '[...]'
                pointer = False
            elif part != 'base':
                name += ('->' if pointer else '.') + part
                pointer = False
        return name

    def symbol_text(self, symbol):
        name = self.symbols.names[symbol]
        key = self.symbols.keys[symbol]
        if not name and key[0] == 'init':
            name = self.text(key[1])
        return name or 'object'

    def named(self, kind, place):
        return f"{kind} '{self.text(place)}'"

    def ending(self, end, here, what='it'):
        """Return for instance: coherent_expose() at line 3 consumed it."""
        return f'{end[0]}(){self.line(end[1], here)} {ENDED.get(end[0], "freed {}").format(what)}'

    def whole_ending(self, end, here, kind):
        return self.ending(end, here, f"{kind} '{end[2]}'")

    def unchecked(self, state, name, verb, failed):
        call, at = failed[:2]
        self.report(state, 'unchecked', f"{name} is {verb} here, but {call}()"
                    f"{self.line(at, state.at)} may have failed: check its result first",
                    (at, f'{call}() is called here'))
