# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Boot the module of this folder in VMs, and turn what it prints into cases.

One boot of a world measures time. The clock of the other counts instructions (-icount), so that its
figures are the same on each machine and under each load. Where the module has the side in Rust,
nothing measures time, because the compilers of the two sides differ.
"""
import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys

import newer
import sizes
from archive import Failed, OutOfReach
from kernels import cache, get_kernel

HERE = os.path.dirname(os.path.abspath(__file__))
RUN = os.path.join(os.path.dirname(os.path.dirname(HERE)), 'tests/vm/run.py')
MODULE = os.path.join(HERE, 'coherent_bench.ko')
# The rounds of a boot that counts. They differ only by what happens now and then, such as a flush.
ROUNDS = 300
# The memory of QEMU's arm64 begins at 1 GiB.
MASK_BITS = {'amd64': 28, 'arm64': 32}
QEMU = {'amd64': 'qemu-system-x86_64', 'arm64': 'qemu-system-aarch64'}
# A tick of the CPU's counter, in instructions.
TICK = {'amd64': 1, 'arm64': 16}
# The most time at COHERENT_HIDDEN, relative to calls of the DMA API by hand.
TIME_GOAL = 1.05
# The most instructions at COHERENT_HIDDEN for an object, beyond those of the DMA API by hand.
MORE_GOAL = 80
# The most instructions of a small object, relative to an object of dma_pool that the driver copies.
POOL_GOAL = 1.5
COPIED = 'dma_pool and memcpy'


@dataclasses.dataclass
class World:
    """A kernel and an IOMMU. options: words for run.py."""
    name: str
    options: list
    linux: str = '6.1'
    arch: str = 'amd64'

    def title(self):
        return f'{self.linux}, {self.arch}, {self.name}'

    def boot(self, *options):
        """Returns the objects that the module prints."""
        command = [sys.executable, RUN, '--module', '--verbose', '--kernel', self.linux, '--arch',
                   self.arch, '--args', f'mask_bits={MASK_BITS[self.arch]}', *self.options,
                   *options, MODULE]
        run = subprocess.run(command, check=False, capture_output=True, text=True)
        found = [json.loads(line) for line in re.findall(r'bench: (\{.*\})', run.stdout)]
        if run.returncode or not found:
            raise Unmeasured(f'the VM with {self.title()}: {run.stdout}{run.stderr}')
        return found


WITHOUT, LAZY, STRICT = ['--iommu', 'none'], [], ['--append', 'iommu.strict=1']
WORLDS = [World('no IOMMU', WITHOUT), World('lazy IOMMU', LAZY), World('strict IOMMU', STRICT)]
# The stock kernel that has Rust.
RUST_WORLDS = [World(world.name, [*world.options, '--make', 'RUST=y'], newer.SERIES, arch)
               for arch in TICK for world in WORLDS]


class Unmeasured(Exception):
    """A VM failed. The message is its output."""


def raw_of(found, what):
    """Returns the figure of the DMA API by hand, for each size and filling."""
    return {(case['bytes'], case['filled']): case[what]
            for case in found if case.get('side') == 'raw' and 'bytes' in case}


def time_cases(world):
    found = [case for case in world.boot() if 'bytes' in case]
    raw = {what: raw_of(found, f'{what}_ns') for what in ('median', 'min')}
    for case in found:
        key = case['bytes'], case['filled']
        del case['ticks']
        case |= {what: case[f'{what}_ns'] / raw[what][key] for what in raw}
        if case['side'] == 'HIDDEN':
            case |= {'goal': str(TIME_GOAL), 'met': case['median'] <= TIME_GOAL}
        yield {'kind': 'time', 'world': world.title(), **case}


def count_cases(world):
    """Yields the cases of objects, then those of accesses if the world has no IOMMU."""
    found = world.boot('--icount', '--args', f'rounds={ROUNDS}')
    tick = TICK[world.arch]
    objects = [case for case in found if 'bytes' in case]
    raw = raw_of(objects, 'ticks')
    for case in objects:
        theirs = raw[case['bytes'], case['filled']]
        new = {'kind': 'instructions', 'world': world.title(), 'side': case['side'],
               'bytes': case['bytes'], 'filled': case['filled'], 'instr': case['ticks'] * tick,
               'more': (case['ticks'] - theirs) * tick, 'ratio': case['ticks'] / theirs}
        if case['side'] == 'HIDDEN':
            new |= {'goal': f'{MORE_GOAL:+d}', 'met': new['more'] <= MORE_GOAL}
        yield new
    yield from pool_cases(world, found)
    for case in found:
        if 'access' in case and world.name == 'no IOMMU':
            yield {'kind': 'access', 'world': world.title(), 'side': case['side'],
                   'access': case['access'], 'instr': case['ticks'] * tick / case['calls']}


def pool_cases(world, found):
    """Yields the cases of small objects. The IOMMU makes no difference, because a pool maps nothing."""
    objects = [case for case in found if 'object' in case and world.name == 'no IOMMU']
    copied = {case['object']: case['ticks'] for case in objects if case['side'] == COPIED}
    for case in objects:
        new = {'kind': 'pool', 'world': world.title(), 'side': case['side'], 'bytes': case['object'],
               'instr': case['ticks'] * TICK[world.arch],
               'ratio': case['ticks'] / copied[case['object']]}
        if case['side'] == 'pool':
            new |= {'goal': str(POOL_GOAL), 'met': new['ratio'] <= POOL_GOAL}
        yield new


def rust_arches():
    """Yields the architectures for which modules in Rust can be built and run here."""
    for arch, qemu in QEMU.items():
        try:
            if not shutil.which(qemu):
                raise OutOfReach(f'{qemu} is missing; make deps-kernels installs it')
            with cache() as where:
                newer.with_modules(get_kernel(where, newer.SERIES, arch))
            yield arch
        except (Failed, OutOfReach) as reason:
            print(f'bench: skipped the comparison with Rust on {arch}: '
                  f'{str(reason).splitlines()[-1]}', file=sys.stderr)


def size_cases(rust):
    """Yields the bytes of text of one use and of each further one."""
    with cache() as where:
        kernel = get_kernel(where, newer.SERIES if rust else '6.1', 'amd64')
        kernel = newer.with_modules(kernel) if rust else kernel
        kernel.headers()
    for case in sizes.measure(kernel, rust):
        yield {'kind': 'text', 'world': f'{kernel.name}, {kernel.arch}',
               'linux': kernel.version, **case}


def kernel_cases(_):
    for world in WORLDS:
        yield from count_cases(world)
    arches = list(rust_arches())
    for world in RUST_WORLDS:
        if world.arch in arches:
            yield from count_cases(world)
    yield from size_cases('amd64' in arches)
    for world in WORLDS:
        yield from time_cases(world)


def kernel_line(case):
    goal = f'   {case["goal"]} {"met" if case["met"] else "missed"}' if 'met' in case else ''
    if case['kind'] == 'text':
        what = f'text of an allocation, its address and its end, {case["use"]}:'
        return f'{case["world"]:24}{what:62}{case["side"]:10}{case["text"]:>5} bytes{goal}'
    if case['kind'] == 'access':
        return (f'{case["world"]:24} {case["access"]:24}{case["side"]:13}'
                f'{case["instr"]:>5.0f} instr')
    if case['kind'] == 'pool':
        return (f'{case["world"]:24}{case["bytes"]:>6} bytes of a pool   {case["side"]:20}'
                f'{case["instr"]:>7} instr  x{case["ratio"]:.3f}{goal}')
    what = (f'{case["world"]:24}{case["bytes"]:>6} bytes, {case["filled"]:9} '
            f'{case["side"]:10}')
    if case['kind'] == 'time':
        return (f'{what}{case["median_ns"]:>7} ns    x{case["median"]:.3f}, minimum '
                f'x{case["min"]:.3f}{goal}')
    return f'{what}{case["instr"]:>7} instr {case["more"]:>+6}  x{case["ratio"]:.3f}{goal}'
