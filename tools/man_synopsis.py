# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The declarations that man pages show in SYNOPSIS."""
import os
import re
import textwrap

PROTOTYPES = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'manual/prototypes.in')
USER, KERNEL = 'in userspace only', 'in the kernel only'
# The macros that stand for members: where these are, and their declarations.
MACROS = {'COHERENT_KERNEL_OPTIONS': (KERNEL, ['gfp_t gfp', 'bool managed']),
          'COHERENT_GFP': (KERNEL, ['gfp_t gfp']),
          'COHERENT_IN_PLACE': (USER, ['uint32_t in_place']),
          'COHERENT_ADDRESS_LIMITS': (USER, ['uint64_t mask', 'uint64_t address']),
          'COHERENT_OWN_NODES': (USER, ['uint64_t nodes']),
          'COHERENT_OWN_MEMORY': (USER, ['uint64_t nodes', 'uint32_t address_is_pointer'])}
# A driver does not set these.
HIDDEN = {'struct_size', 'model_size', 'reserved', 'arg'}
MEMBER = re.compile(r'\s*(struct \{.*?\} \w+|[^;]*);', re.S)
COLUMNS = 72


def options_of(struct, source):
    """Return the options of a struct as a driver writes them, such as '.align = size_t'."""
    body = re.search(rf'^struct {struct} \{{\n(.*?)^\}};', source, re.M | re.S)[1]
    members = []
    for declared in MEMBER.findall(body):
        # Some macros stand for names, and have no semicolon.
        plain = re.sub(r'^(?:COHERENT_\w+\s+)+', '', declared)
        where, own = MACROS.get(plain, (USER, [] if plain.startswith('COHERENT_') else [plain]))
        members += own if where == USER else []
    found = []
    for member in members:
        text = ' '.join(member.split())
        if pointer := re.fullmatch(r'(.*\(\*)(\w+)(\)\(.*\))', text):
            name, kind = pointer[2], pointer[1] + pointer[3]
        elif inner := re.fullmatch(r'struct \{ (.*); \} (\w+)', text):
            name, kind = inner[2], f'{{ {inner[1].replace(";", ",")} }}'
        else:
            name = re.search(r'(\w+)(?:\[\d*\])?$', text)[1]
            kind = re.sub(rf'{name}(?:\[\d*\])?$', '', text).strip()
        text = f'.{name} = {kind}'
        if len(text) > COLUMNS - 20:
            text = re.sub(r'(\(\*\))\(.*\)', r'\1(...)', text)
        if name not in HIDDEN:
            found.append((name, text))
    return found


def split_arguments(text):
    """Split a list of arguments at the commas that are in no parentheses."""
    depth, out = 0, ['']
    for part in re.split(r'([(){}\[\]]|, ?)', text):
        depth += (part in tuple('({[')) - (part in tuple(')}]'))
        if part.startswith(',') and not depth:
            out.append('')
        else:
            out[-1] += part
    return [part for part in out if part]


def argument_names(line):
    """Return the names of the arguments of a line of prototypes.in, such as [box, count, options]."""
    names = []
    arguments = re.search(r'\b(?:coherent_|COHERENT)\w*\((.*)\);', line)
    for text in split_arguments(re.sub(r'[\[\]]', '', arguments[1]) if arguments else ''):
        nested = re.fullmatch(r'(\w+)\(.*\)', text)
        names.append(f'{nested[1]}(...)' if nested else 'options' if text.startswith('options ') else
                     re.search(r'\(\*(\w+)\)|(\.*\w*)$', text)[0].strip('(*)'))
    return names


def wrap(declaration, options=()):
    """Lay out a declaration: arguments in lines of COLUMNS, and then an option a line."""
    match = re.fullmatch(r'((?:[^(]*\(\*\w+\))?[^(]*\()(.*)\);?', declaration, re.S)
    if not match or (len(declaration) <= COLUMNS and not options):
        return declaration
    head, arguments = match[1], split_arguments(match[2])
    indent = ' ' * (len(head) if len(head) < 40 else 8)
    # A blank in an argument must not end a line, but it may do so in a list of arguments.
    glued = ', '.join(re.sub('(?<!,) ' if len(part) > COLUMNS - len(indent) else ' ', '\0', part)
                      for part in arguments) + (',' if options else ');')
    lines = textwrap.wrap(glued, COLUMNS - len(indent), break_long_words=False, break_on_hyphens=False)
    lines += [text + ',' for text in options]
    if options:
        lines[-1] = lines[-1][:-1] + ');'
    return (head + f'\n{indent}'.join(lines)).replace('\0', ' ')


def read_prototypes(sources):
    """Return {name: declaration} of the macros, and {name: [argument]}.

    The declarations have the options of the structs in the sources.
    """
    found, names = {}, {}
    with open(PROTOTYPES, encoding='utf-8') as file:
        lines = [line.strip() for line in file]
    for line in lines:
        if not line or line.startswith('#'):
            continue
        name = re.search(r'\b(coherent_\w+|COHERENT\w*)(?:\(|$)', line)[1]
        structs = re.findall(r', options (\w+)', line)
        plain = re.sub(r', options \w+', '', line)
        given = set(re.findall(r'(\w+)[,)\[]', plain))
        options = [text for struct in structs for member, text in options_of(struct, sources)
                   if member not in given]
        found[name] = wrap(plain, options)
        names[name] = argument_names(line)
    return found, names
