# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Why a mem would not be the only owner of the memory of a field, or would not be empty at first."""
import re

from migration import fields

# Calls whose memory is not zeroed. Some of them get the struct itself in the place of its size.
NOT_ZEROED = re.compile(r'\b((?:devm_)?kv?malloc(?:_(objs?|flex)|_\w+)?|(?:__)?vmalloc(?:_(?!\w*user)\w+)?|'
                        r'kmem_cache_alloc(?:_\w+)?)\s*\(')
# Calls that copy what a pointer points to.
COPIES = r'mem(?:cpy|move)|(?:devm_)?kv?(?:memdup|realloc)(?:_\w+)?'
# Calls that share pages. They get the pointer as the third argument.
SHARES = re.compile(r'\b(dma_(?:mmap_(?:coherent|attrs|wc|writecombine)|get_sgtable(?:_attrs)?))\s*\(')


def local_why(source, tag):
    """Return which variable on the stack has the struct and is not initialised, or None."""
    for match in re.finditer(rf'^[ \t]+(?:struct|union)\s+{tag}\s+(\w+)\s*(?:\[[^\]]*\]\s*)?[;,]',
                             source.code, re.M):
        is_member = any(body.start < match.start() < body.end for body in source.all_bodies())
        end = source.code.find('\n}', match.end())
        if not is_member and not re.search(rf'\bmemset\s*\(\s*&?\s*{match[1]}\b',
                                           source.code[match.end():end]):
            return f'the variable {match[1]} in line {source.line(match.start() + 1)} is not initialised'
    return None


def is_of(tree, path, call, tag):
    """Whether a call that allocates names a struct, or gives its memory to a pointer to one."""
    source = tree.source(path)
    what = source.code[call.end():source.close_of(call.end() - 1)]
    if call[2]:
        what = f'sizeof({what})'
    for of in re.finditer(r'\b(?:sizeof|struct_size)\s*\(?\s*(?:struct\s+(\w+)|\*?\s*(\w+))\s*'
                          r'(?![\w.>[-])', what):
        if of[1] == tag or of[2] and fields.type_of_variable(source.code, call.end(), of[2]) == tag:
            return True
    target = re.search(r'(\w[\w>.\[\]-]*)\s*=\s*(?:\([^()]*\)\s*)?$', source.code[:call.start()])
    if 'sizeof' in what or not target:
        return False
    body = fields.walk(tree, path, call.end(), target[1] + '->')
    return body is not None and body[1].name == tag


def zeroed_why(tree, file, member, path):
    """Return why the mem may not be zero at the start, or None."""
    tag = member.body.named().name
    if not tag:
        return None
    for name in dict.fromkeys([path, file]):
        source = tree.source(name)
        why = local_why(source, tag)
        if why:
            return why
        for call in NOT_ZEROED.finditer(source.code):
            what = source.code[call.end():source.close_of(call.end() - 1)]
            if '__GFP_ZERO' not in what and is_of(tree, name, call, tag):
                return (f'{call[1]}() in line {source.line(call.start())} does not clear its struct: '
                        'use kzalloc() or the like')
    return None


def copied_why(tree, path, tag):
    """Return which line copies a struct, and with it the owner, or None."""
    source = tree.source(path)
    for match in re.finditer(rf'[^=!<>]=\s*\*\s*(\w+)\s*;|\b(?:{COPIES})\s*\(', source.code):
        end = source.close_of(match.end() - 1) if not match[1] else None
        size = re.search(r'sizeof\s*\(?\s*(?:struct\s+(\w+)|\*\s*(\w+))\s*(?![\w.>[-])',
                         source.code[match.end():end]) if end else None
        name = match[1] or size and size[2]
        if size and size[1] == tag or name and tag and \
                fields.type_of_variable(source.code, match.end(), name) == tag:
            return f'line {source.line(match.start() + 1)} copies the struct'
    return None


def other_use(tree, path, member, member_of):
    """Return why a pointer has another owner too, or None: an assignment, or its address."""
    source, name = tree.source(path), member.name
    index = r'\[[^\[\]]*\]\s*' * member.suffix.count('[')
    for match in re.finditer(rf'(?:->|\.)\s*{name}\s*{index}=(?!=)\s*', source.code):
        value = source.code[match.end():source.code.find(';', match.end())]
        if re.match(r'NULL\b|0\b|(?:\([^()]*\)\s*)?dmam?_alloc_', value) or \
                re.match(r'[\w>.\[\]-]+\s*=\s*(?:NULL\b|dmam?_alloc_)', value):
            continue
        if member_of(source, match.start(), name) is not False:
            return f'line {source.line(match.start())} assigns the pointer too'
    for match in re.finditer(rf'&\s*\(?\s*\w[\w>.\[\]-]*(?:->|\.)\s*{name}\s*(?=[,)])', source.code):
        if member_of(source, source.code.rindex(name, 0, match.end()), name) is not False:
            return f'line {source.line(match.start())} passes the address of the pointer'
    return None


def is_local_of(source, at, word, name):
    """Whether a local variable gets its pointer from a field, before an offset."""
    start = max(source.code.rfind('\n}', 0, at), 0)
    return re.fullmatch(r'\w+', word) and re.search(
        rf'\b{word}\s*=\s*[^;]*(?:->|\.)\s*{name}\s*(?:\[[^\]]*\]\s*)?;', source.code[start:at])


def local_free(call, name):
    """Whether a free gets its pointer from a field through a local variable."""
    place = call.place()
    word = call.source.code[slice(*place)].strip() if place else ''
    return is_local_of(call.source, call.at, word, name)


def shared_why(tree, path, member, member_of):
    """Return which line gives the pages of a field to a process or to another device, or None."""
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
            return (f'line {source.line(call.start())} gives the pointer to {call[1]}(), '
                    'which knows only memory of the DMA API')
    return None
