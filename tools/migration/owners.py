# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Why a mem would not be the only owner of the memory of a field, or would not be empty at first."""
import re

from migration import fields, structs

# Calls whose memory is not zeroed. Some of them get the struct itself in the place of its size.
NOT_ZEROED = re.compile(r'\b((?:devm_)?kv?malloc(?:_(objs?|flex)|_\w+)?|(?:__)?vmalloc(?:_(?!\w*user)\w+)?|'
                        r'kmem_cache_alloc(?:_\w+)?|mempool_alloc|(?:__|devm_)get_free_pages?)\s*\(')
# Calls that copy what a pointer points to.
COPIES = r'mem(?:cpy|move)|(?:devm_)?kv?(?:memdup|realloc)(?:_\w+)?'
# Calls that share pages, or free them without the mem. They get the pointer as the third argument.
SHARES = re.compile(r'\b(dma_(?:mmap_(?:coherent|attrs|wc|writecombine)|get_sgtable(?:_attrs)?|'
                    r'free_(?:wc|writecombine|noncoherent|noncontiguous|pages)))\s*\(')


def local_why(holders):
    """Return which variable on the stack has the struct and is not initialised, or None."""
    source = holders.source
    for variable in holders.variables:
        line = source.line(variable.at)
        end = source.code.find('\n}', variable.at)
        if variable.stars or variable.value or '(' in holders.line_before(variable) or \
                not re.match(r'[ \t]+(?!static\b|extern\b)', holders.line_before(variable)):
            continue
        if not re.search(rf'\bmemset\s*\(\s*&?\s*{variable.name}\b', source.code[variable.at:end]):
            return f'the variable {variable.name} in line {line} is not initialised'
    return None


def is_of(holders, call):
    """Whether a call that allocates names a struct, or gives its memory to a pointer to one."""
    code, at = holders.source.code, call.end()
    what = code[at:holders.source.close_of(at - 1)]
    if holders.in_size(at, f'sizeof({what})' if call[2] else what):
        return True
    cast = re.search(rf'\(\s*{holders.word}\s*\*\s*\)\s*$', code[:call.start()])
    target = re.search(r'([*\w][\w>.\[\]-]*)\s*(?:__\w+\s*\(\w+\)\s*)?=\s*(?:\([^()]*\)\s*)?$',
                       code[:call.start()])
    return cast or target and holders.is_struct(at, '*' + target[1])


def zeroed_why(tree, file, member, path):
    """Return why the mem may not be zero at the start, or None."""
    for name in dict.fromkeys([path, file]):
        holders = structs.holders(tree, name, member.body)
        source = holders.source
        why = local_why(holders)
        if why:
            return why
        for call in NOT_ZEROED.finditer(source.code):
            what = source.code[call.end():source.close_of(call.end() - 1)]
            if '__GFP_ZERO' not in what and is_of(holders, call):
                return (f'{call[1]}() in line {source.line(call.start())} does not clear its struct: '
                        'use kzalloc() or the like')
    return None


def copied_why(tree, path, body):
    """Return which line copies a struct, and with it the owner, or None."""
    holders = structs.holders(tree, path, body)
    source = holders.source
    for match in re.finditer(rf'[^=!<>]=(?!=)|\breturn\b|\b(?:(swap)|{COPIES})\s*\(', source.code):
        at = match.end()
        value = source.code[at:holders.end_of(at)]
        if match[0].endswith('(') and not match[1]:
            copies = holders.in_size(at, source.code[at:source.close_of(at - 1)])
        else:
            copies = holders.is_struct(at, value)
        if copies:
            return f'line {source.line(match.start() + 1)} copies the struct'
    by_value = re.search(rf'^[\w \t]*{holders.word}\s+\w+\s*\(', source.code, re.M)
    return f'line {source.line(by_value.start())} returns the struct, which copies it' if by_value else None


def position_why(tree, path, body):
    """Return which line initialises a struct in a way that a new member breaks, or None."""
    holders = structs.holders(tree, path, body)
    for at, indexes in holders.initialisers():
        if holders.is_by_position(at, indexes):
            return f'line {holders.source.line(at)} initialises the struct by position: name the members'
    return None


def other_use(tree, path, member, member_of):
    """Return why a pointer has another owner too, or None: an assignment, or its address."""
    source, name = tree.source(path), member.name
    index = r'\[[^\[\]]*\]\s*' * member.suffix.count('[')
    for match in re.finditer(rf'(?:->|\.)\s*{name}\s*{index}=(?!=)\s*', source.code):
        value = source.code[match.end():source.code.find(';', match.end())]
        if re.match(r'(?:[\w>.\[\]-]+\s*=\s*)?'
                    r'(?:NULL\b|0\b|(?:\([^()]*\)\s*)?dmam?_alloc_(?:coherent|attrs)\b)', value):
            continue
        if member_of(source, match.start(), name) is not False:
            return f'line {source.line(match.start())} assigns the pointer too'
    for match in re.finditer(rf'(&|\bswap\s*\((?:[^;]*,)?)\s*\(?\s*\w[\w>.\[\]-]*(?:->|\.)\s*{name}\s*'
                             rf'(?:{index})?(?=[,;)])', source.code):
        if member_of(source, source.code.rindex(name, 0, match.end()), name) is not False:
            does = 'passes the address of' if match[1] == '&' else 'swaps'
            return f'line {source.line(match.start())} {does} the pointer'
    return None


def is_local_of(source, at, word, name, start=None):
    """Whether a variable gets its pointer from a field, between the start of its function and an offset."""
    if start is None:
        start = max(source.code.rfind('\n}', 0, at), 0)
    return re.fullmatch(r'\w+', word) and re.search(
        rf'\b{word}\s*=\s*[^;]*(?:->|\.)\s*{name}\s*(?:\[[^\]]*\]\s*)?;', source.code[start:at])


def is_other_memory(source, at, word, name):
    """Whether a variable has only memory that is allocated for it, or that of another field."""
    code = source.code
    start, end = max(code.rfind('\n}', 0, at), 0), code.find('\n}', at)
    brace = code.rfind('\n{', start, at)
    if brace < 0 or re.search(rf'\b{word}\b', code[max(code.rfind(';', start, brace), start):brace]):
        return False
    if re.search(rf'^\w[\w \t*]*[ \t*]{word}\s*[=;,\[]', code, re.M):
        start, end = 0, len(code)
    if re.search(rf'&\s*{word}\b', code[start:end]):
        return False
    values = re.findall(rf'(?<![\w.>]){word}\s*(?:\[[^\[\]]*\]\s*)*=(?!=)\s*([^;]*;)', code[start:end])
    known = re.compile(r'(?:\([^()]*\)\s*)*(?:dmam?_alloc_\w+\s*\(|(?:NULL|0)\s*[,;)]|'
                       rf'\w[\w>.\[\]-]*(?:->|\.)(?!{name}\b)\w+\s*(?:\[[^\[\]]*\]\s*)*[,;)])')
    return bool(values) and all(map(known.match, values))


def free_why(call, member):
    """Return why a free of something that is not a field may free the memory of the field, or None."""
    source, place, name = call.source, call.place(), member.name
    text = source.code[slice(*place)] if place else ''
    field, number = call.field(), f'line {call.line}'
    variable = re.fullmatch(r'(\w+)\s*(?:\[[^\[\]]*\]\s*)*', text)
    if field:
        is_copy = is_local_of(source, len(source.code), field[1], name, 0)
        return f'{number} frees it through the field {field[1]}' if is_copy else None
    if variable and is_local_of(source, call.at, variable[1], name):
        return f'{number} frees it through a local variable'
    if variable and is_other_memory(source, call.at, variable[1], name):
        return None
    kind = fields.type_of_variable(source.code, call.at, text) if variable else None
    if kind and 'struct ' in str(member.kind) and \
            kind not in str(member.kind).split():
        return None
    return f'{number} frees {source.words(place) if place else "memory"}, which may be the same memory'


def shared_why(tree, path, member, member_of):
    """Return which line gives the pages of a field away, or frees them without its mem, or None."""
    source, name = tree.source(path), member.name
    for call in SHARES.finditer(source.code):
        arguments = source.arguments(call.start())
        if len(arguments) < 3:
            continue
        start, end = arguments[2]
        text = source.code[start:end]
        place = re.search(rf'(?:->|\.)\s*{name}\b', text)
        if place and member_of(source, start + place.start(), name) is not False or \
                is_local_of(source, call.start(), text, name):
            frees = '_free_' in call[1]
            return (f'line {source.line(call.start())} {"frees" if frees else "gives"} the pointer '
                    f'{"with" if frees else "to"} {call[1]}(), which knows only memory of the DMA API')
    return None
