# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Boot the module of this folder in VMs, and turn what it prints into cases.

Each world boots twice. One boot measures time. The clock of the other counts instructions (-icount),
so that its figures are the same on each machine and under each load.
"""
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
RUN = os.path.join(os.path.dirname(os.path.dirname(HERE)), 'tests/vm/run.py')
MODULE = os.path.join(HERE, 'coherent_bench.ko')
WORLDS = {
    'no IOMMU': ['--iommu', 'none'],
    'lazy IOMMU': [],
    'strict IOMMU': ['--append', 'iommu.strict=1'],
}
# The rounds of a boot that counts. They differ only by what happens now and then, such as a flush.
ROUNDS = 300
# The most time at COHERENT_HIDDEN, relative to calls of the DMA API by hand.
TIME_GOAL = 1.05
# The most instructions at COHERENT_HIDDEN for an object, beyond those of the DMA API by hand.
MORE_GOAL = 80


class Unmeasured(Exception):
    """A VM failed. The message is its output."""


def boot(world, *options):
    """Returns the objects that the module prints in a world."""
    run = subprocess.run([sys.executable, RUN, '--module', '--verbose', *WORLDS[world], *options,
                          MODULE], check=False, capture_output=True, text=True)
    found = [json.loads(line) for line in re.findall(r'bench: (\{.*\})', run.stdout)]
    if run.returncode or not found:
        raise Unmeasured(f'the VM with {world}: {run.stdout}{run.stderr}')
    return found


def raw_of(found, what):
    """Returns the figure of the DMA API by hand, for each size and filling."""
    return {(case['bytes'], case['filled']): case[what]
            for case in found if case.get('side') == 'raw' and 'bytes' in case}


def time_cases(world):
    found = [case for case in boot(world) if 'bytes' in case]
    raw = {what: raw_of(found, f'{what}_ns') for what in ('median', 'min')}
    for case in found:
        key = case['bytes'], case['filled']
        del case['ticks']
        case |= {what: case[f'{what}_ns'] / raw[what][key] for what in raw}
        if case['side'] == 'HIDDEN':
            case |= {'goal': str(TIME_GOAL), 'met': case['median'] <= TIME_GOAL}
        yield {'kind': 'time', 'world': world, **case}


def count_cases(world):
    """Yields the cases of objects, then those of accesses if the world is the first."""
    found = boot(world, '--icount', '--args', f'rounds={ROUNDS}')
    objects = [case for case in found if 'bytes' in case]
    raw = raw_of(objects, 'ticks')
    for case in objects:
        theirs = raw[case['bytes'], case['filled']]
        new = {'kind': 'instructions', 'world': world, 'side': case['side'],
               'bytes': case['bytes'], 'filled': case['filled'], 'instr': case['ticks'],
               'more': case['ticks'] - theirs, 'ratio': case['ticks'] / theirs}
        if case['side'] == 'HIDDEN':
            new |= {'goal': f'{MORE_GOAL:+d}', 'met': new['more'] <= MORE_GOAL}
        yield new
    if world != next(iter(WORLDS)):
        return
    for case in found:
        if 'access' in case:
            yield {'kind': 'access', 'side': case['side'], 'access': case['access'],
                   'instr': case['ticks'] / case['calls']}


def kernel_cases(_):
    for world in WORLDS:
        yield from count_cases(world)
    for world in WORLDS:
        yield from time_cases(world)


def kernel_line(case):
    if case['kind'] == 'access':
        return f'{case["access"]:37} {case["side"]:10}{case["instr"]:>7.0f} instr'
    what = f'{case["world"]:14}{case["bytes"]:>6} bytes, {case["filled"]:9} {case["side"]:10}'
    goal = f'   {case["goal"]} {"met" if case["met"] else "missed"}' if 'met' in case else ''
    if case['kind'] == 'time':
        return (f'{what}{case["median_ns"]:>7} ns    x{case["median"]:.3f}, minimum '
                f'x{case["min"]:.3f}{goal}')
    return f'{what}{case["instr"]:>7} instr {case["more"]:>+6}  x{case["ratio"]:.3f}{goal}'
