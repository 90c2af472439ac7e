# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The functions of all source files that are checked together."""
import re

from .calls import Calls
from .gimple import functions_of

CALLS = re.compile(r'\b([A-Za-z_]\w*) \(')


class Program:
    """Functions by unit and name. A unit is a source file: a job of main.py."""

    def __init__(self):
        self.units, self.all, self.failed = {}, {}, []

    def add(self, unit, dump):
        self.units[unit] = functions_of(unit, dump)
        for name, function in self.units[unit].items():
            self.all.setdefault(name, []).append(function)

    def functions_of(self, unit):
        return self.units.get(unit, {})

    def find(self, unit, name):
        """Return the function that a unit calls by a name, or None."""
        function = self.units.get(unit, {}).get(name)
        if function is None and len(self.all.get(name, ())) == 1:
            function = self.all[name][0]
        return function

    def is_relevant(self, function, known):
        """Return whether a function calls the library, itself or through others."""
        if function.name.startswith('coherent_'):
            return False
        if function not in known:
            known[function] = ' coherent_' in function.text
            if not known[function]:
                known[function] = any(
                    self.is_relevant(callee, known) for callee in
                    {self.find(function.unit, name) for name in CALLS.findall(function.text)}
                    if callee)
        return known[function]

    def check(self):
        """Follow all functions. Return [(unit, (file, line), text, notes)]."""
        rules = Calls(self)
        relevant = {}
        for unit in self.units.values():
            for function in unit.values():
                if not self.is_relevant(function, relevant):
                    continue
                try:
                    rules.root(function)
                except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as why:
                    rules.frame = None
                    self.failed.append(f'cannot follow {function.name}(): {why!r}; report this')
        rules.finish()
        return [(finding[3], at, finding[0], finding[1])
                for (at, _), finding in sorted(rules.found.items(), key=lambda item: item[0])]
