#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Check the instructions of accessors.

usage: run.py SOURCE_DIR [--table | --cross]

On x86-64, with gcc and clang, an access is one instruction of the field's width (promise 9) and
costs at most the promised number of instructions more than an access by hand. An access to a
register by name has the instructions of an access by offset. On arm64 the
barriers are in their places (promise 19). Prints TAP, and with --table the number of
instructions executed. With --cross it checks only the barriers of s390x and riscv64.
"""
import dataclasses
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Results  # noqa: E402

FLAGS = ['-std=gnu11', '-O2', '-D_GNU_SOURCE', '-fno-asynchronous-unwind-tables']
WIDTHS = {'u64': 8, 'u32': 4, 'u16': 2, 'u8': 1, 'le32': 4, 'be32': 4}
# The counterpart of each function, and how many instructions more the function may execute.
LIMITS = {
    'slot_get': ('raw_first_get', 1), 'slot_put': ('raw_first_put', 1),
    'slot_get_acquire': ('raw_first_get', 1), 'slot_put_release': ('raw_first_put', 1),
    'ring_get': ('raw_get', 1), 'ring_put': ('raw_put', 1),
    'ring_get_acquire': ('raw_get', 1), 'ring_put_release': ('raw_put', 1),
    'read_value': ('raw_get', 5), 'read': ('raw_get', 5), 'read_acquire': ('raw_get', 5),
    'write': ('raw_put', 5), 'write_release': ('raw_put', 5),
    'item_read': ('raw_item_get', 7), 'item_write': ('raw_item_put', 7),
}
# A byte swap is part of the field, so that an access by hand needs this instruction too.
SWAP = {'be32': 1}
# Instructions that do nothing. They also fill the space between functions.
FILLER = re.compile(r'(?:data16 |cs )*nop|xchg +%ax,%ax|endbr64')
REGISTER_WIDTHS = [
    (re.compile(r'%r(?:[a-ds]x|[sd]i|[bs]p|\d+)$'), 8), (re.compile(r'%(?:e..|r\d+d)$'), 4),
    (re.compile(r'%(?:[a-d]x|[sd]i|[bs]p|r\d+w)$'), 2), (re.compile(r'%(?:[a-d][lh]|[sd]il|r\d+b)$'), 1),
]


def functions(compiler, prefix, source, flags):
    """Compiles a source. Returns the instructions of each function."""
    with tempfile.NamedTemporaryFile(suffix='.o') as binary:
        subprocess.run([compiler, *FLAGS, *flags, '-c', source, '-o', binary.name], check=True)
        return functions_of(prefix, binary.name)


def functions_of(prefix, binary):
    """Returns the instructions of each function in an object file, in order."""
    text = subprocess.run([prefix + 'objdump', '-dr', '--no-show-raw-insn', binary],
                          check=True, capture_output=True, text=True).stdout
    found = {}
    for name, body in re.findall(r'^[0-9a-f]+ <(\w+)>:\n((?:.+\n)+)', text, re.M):
        lines = [line.split('\t', 1)[1].strip() for line in body.splitlines() if '\t' in line]
        found[name] = [line.split('#')[0].strip() for line in lines if line]
    return found


def executed(instructions):
    """Returns the instructions up to the return without jumps, as for an index in bounds."""
    path = []
    for instruction in instructions:
        if not FILLER.match(instruction):
            path.append(instruction)
        if instruction.startswith('ret'):
            return path
    raise ValueError('no return')


def width_of(instruction):
    """Returns how many bytes of memory an x86 instruction accesses; None if none."""
    mnemonic, _, operands = instruction.partition(' ')
    operands = re.split(r',(?![^(]*\))', operands.strip())
    if not any('(' in operand for operand in operands) or mnemonic.startswith(('lea', 'nop')):
        return None
    extension = re.match(r'mov[zs]([bwl])', mnemonic)
    if extension:
        return {'b': 1, 'w': 2, 'l': 4}[extension[1]]
    for operand in operands:
        for pattern, width in REGISTER_WIDTHS:
            if '(' not in operand and pattern.search(operand):
                return width
    return {'b': 1, 'w': 2, 'l': 4, 'q': 8}.get(mnemonic[-1])


def through(instruction):
    """Returns the registers that form the address."""
    return re.findall(r'\((%\w+)', instruction)


def accesses(path, name):
    """Returns the widths of the accesses to the element.

    Accesses through the first argument are to the object, and those through the third are to
    the value, so that they do not count. The third argument of item_* is an index.
    """
    others = {'%rdi'} if name.startswith('item_') else {'%rdi', '%rdx'}
    return [width_of(i) for i in path if width_of(i) and not set(through(i)) & others]


def check_x86(results, compiler, found, table):
    for ours, (raw, limit) in LIMITS.items():
        for field, width in WIDTHS.items():
            path = executed(found[f'{ours}_{field}'])
            more = len(path) - len(executed(found[f'{raw}_{field}'])) - SWAP.get(field, 0)
            seen = accesses(path, ours)
            if table and field == 'u32':
                print(f'# {compiler:6} {ours:18} {len(path):3} instructions, {more:+d} over {raw}')
            results.say(seen == [width], f'{compiler}: {ours} of {field} is one access',
                        f'{seen} in {path}')
            results.say(more <= limit, f'{compiler}: {ours} of {field} costs at most {limit} more',
                        f'{more} more: {path}')
    loops = {name: len(loop_of(found[name])) for name in ('raw_loop', 'view_loop')}
    if table:
        print(f'# {compiler:6} {"view_loop":18} {loops["view_loop"]:3} instructions, '
              f'{loops["view_loop"] - loops["raw_loop"]:+d} over raw_loop')
    results.say(loops['view_loop'] <= loops['raw_loop'],
                f'{compiler}: a loop over a view is the loop by hand', str(loops))
    path = executed(found['addr'])
    results.say(sum(bool(width_of(i)) for i in path) == 1,
                f'{compiler}: the address of a mem is one load', str(path))


def check_registers(results, compiler, found):
    """An access to a register by name has the instructions of one by offset."""
    for name in sorted(found):
        if name.startswith('named_'):
            named, plain = found[name], found[name.replace('named_', 'plain_')]
            same = [[re.sub(r'^(jmp|call) .*|^[0-9a-f]+: ', r'\1', text) for text in path
                     if not FILLER.match(text)] for path in (named, plain)]
            results.say(same[0] and same[0] == same[1],
                        f'{compiler}: {name} is an access by offset', f'{named} and {plain}')


def check_line(results, source_dir, compiler, flags):
    """64 bytes are one store, behind the stores before it."""
    path = functions(compiler, '', os.path.join(source_dir, 'src/base/line.c'),
                     [*flags, '-I', os.path.join(source_dir, 'src')])['line_store']
    fence, store = position(path, 'sfence'), position(path, 'movdir64b ')
    results.say(-1 < fence < store, f'{compiler}: 64 bytes are one store', str(path))


def loop_of(instructions):
    """Returns the shortest part from the target of a backward jump to the jump."""
    jumps = [i for i, text in enumerate(instructions) if re.match(r'j\w+ ', text)]
    stores = [i for i, text in enumerate(instructions) if re.match(r'mov[lq]? +%\w+,.*\(', text)]
    return min((instructions[s:j + 1] for s in stores for j in jumps if j > s), key=len)


# (source file, function, promise, barrier that the function needs for it).
LIBRARY = (
    ('device/bar.c', 'reg_write', 'a register write comes after DMA writes', 'dmb\toshst'),
    ('device/bar.c', 'reg_read', 'a register read comes before DMA reads', 'dmb\toshld'),
    ('device/bar_copy.c', 'coherent_bar_copy_in', 'a copy to a BAR comes after DMA writes', 'dmb\toshst'),
    ('device/bar_copy.c', 'coherent_bar_copy_out', 'a copy from a BAR comes before DMA reads',
     'dmb\toshld'),
    ('memory/whole.c', 'whole_expose', 'expose is a release', 'dmb\toshst'),
    ('memory/whole.c', 'whole_reclaim', 'reclaim is an acquire', 'dmb\toshld'),
    ('memory/pool.c', 'pool_expose', 'expose of a small object is a release', 'dmb\toshst'),
    ('memory/pool.c', 'slot_copy_many', 'expose of a larger one in a pool is a release', 'dmb\toshst'),
    ('memory/pool.c', 'pool_reclaim', 'reclaim into a pool is an acquire', 'dmb\toshld'),
    ('../tests/object_code/values.c', 'from_value', 'a value is in its slot before the caller goes on',
     'dmb\toshst'),
    ('device/irq.c', 'coherent_irq_wait', 'an interrupt comes before DMA reads', 'dmb\toshld'),
)


def check_arm64(results, found):
    for field in WIDTHS:
        for ours in ('slot_put_release', 'ring_put_release', 'write_release'):
            path = found[f'{ours}_{field}']
            barrier = position(path, 'dmb\toshst')
            store = position(path, r'st(?:l?r|lr)[bh]?\t')
            results.say(-1 < barrier < store, f'arm64: {ours} of {field}: barrier, then store',
                        str(path))
        for ours in ('slot_get_acquire', 'ring_get_acquire', 'read_acquire'):
            path = found[f'{ours}_{field}']
            load = position(path, r'ldar[bh]?\t')
            barrier = position(path, 'dmb\toshld')
            results.say(-1 < load < barrier, f'arm64: {ours} of {field}: load, then barrier',
                        str(path))


def check_library(results, source_dir, compiler, arm64, flags):
    found = {name: functions(compiler, arm64, os.path.join(source_dir, 'src', name),
                             [*flags, '-I', os.path.join(source_dir, 'src')])
             for name in {name for name, *_ in LIBRARY}}
    for name, function, what, wanted in LIBRARY:
        results.say(position(found[name].get(function, []), wanted) >= 0,
                    f'arm64: {what}', f'no {wanted!r} in {function}() of {name}')


@dataclasses.dataclass
class Cross:
    """The instructions of a CPU, as objdump prints them. The patterns leave out the stack."""
    prefix: str
    wmb: str
    rmb: str
    load: str
    store: str
    leave: str


CROSS = (
    Cross('s390x-linux-gnu-', r'bnor\t%r0', r'bnor\t%r0', r'l\w*\t.*\((?!%r15)',
          r'st\w*\t.*\((?!%r15)', r'br\t%r14'),
    Cross('riscv64-linux-gnu-', r'fence\tow,ow', r'fence\tir,ir', r'(l[bhwd]u?)\t.*\((?!sp)',
          r'(s[bhwd]|amoswap\S*)\t.*\((?!sp)', r'ret'),
)


def check_cross(results, cpu, found):
    name = cpu.prefix.split('-', maxsplit=1)[0]
    for field in WIDTHS:
        for ours in ('slot_put_release', 'ring_put_release', 'write_release'):
            path = found[f'{ours}_{field}']
            barrier, store = position(path, cpu.wmb), position(path, cpu.store)
            results.say(-1 < barrier < store, f'{name}: {ours} of {field}: barrier, then store',
                        str(path))
        for ours in ('slot_get_acquire', 'ring_get_acquire', 'read_acquire'):
            path = found[f'{ours}_{field}']
            barrier = position(path, cpu.rmb)
            after = path[barrier:]
            after = after[:position(after, cpu.leave) + 1]
            results.say(-1 < position(path, cpu.load) < barrier and position(after, cpu.load) < 0,
                        f'{name}: {ours} of {field}: load, then barrier', str(path))


def position(path, pattern):
    return next((i for i, text in enumerate(path) if re.match(pattern, text)), -1)


def main():
    if len(sys.argv) < 2:
        print('usage: run.py SOURCE_DIR [--table | --cross]', file=sys.stderr)
        return 2
    source_dir = sys.argv[1]
    table = '--table' in sys.argv
    include = ['-I', os.path.join(source_dir, 'include')]
    access = os.path.join(HERE, 'access.c')
    results = Results()
    if '--cross' in sys.argv:
        for cpu in CROSS:
            check_cross(results, cpu, functions(cpu.prefix + 'gcc', cpu.prefix, access, include))
        return results.close()
    for compiler in ('gcc', 'clang'):
        flags = include + ['-fcf-protection=none', '-fno-unroll-loops']
        if compiler == 'clang':
            flags.append('-fno-vectorize')
        check_x86(results, compiler, functions(compiler, '', access, flags), table)
        registers = os.path.join(HERE, 'registers.c')
        check_registers(results, compiler, functions(compiler, '', registers, flags))
        check_line(results, source_dir, compiler, flags)
    arm64 = 'aarch64-linux-gnu-'
    check_arm64(results, functions(arm64 + 'gcc', arm64, access, include))
    check_library(results, source_dir, arm64 + 'gcc', arm64,
                  include + ['-D_GNU_SOURCE', '-DCOHERENT_LIBRARY'])
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
