# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Compile what SYNOPSIS of each man page says, for run.py.

A program includes the header of the page and uses the name. It declares a function again as the page
has it. It calls a macro with arguments of the types of the page, and compares the type of the result.
"""
import os
import re
import subprocess
import tempfile

from man_synopsis import split_arguments

# The types that the letters of the pages stand for.
BEGIN = '''
#include <errno.h>
#include <stdbool.h>
#include <sys/uio.h>
struct element { uint32_t len, list[8]; };
struct registers { uint32_t len, list[8]; };
typedef struct element T;
typedef uint32_t F;
'''
# The field of these calls is an array.
ARRAYS = re.compile(r'coherent_(?:(?:read|write|bar_get|bar_put)_item|ring_field|view_field|copy_)')


def parse(synopsis):
    """Returns (header, declaration) of the text of SYNOPSIS."""
    text = re.sub(r'^\\&', '', synopsis.replace('\\-', '-'), flags=re.M)
    found = re.search(r'^#include <(.*)>\n\n(.*?)\n\.fi', text, re.M | re.S)
    return found.groups() if found else ('', '')


def arguments_of(name, text):
    """Returns the declarations of arguments, and the arguments of a call."""
    declared, given = [], []
    for argument in split_arguments(' '.join(re.sub(r'[\[\]]', '', text).split())):
        nested = re.fullmatch(r'(COHERENT_EXPOSURE)\((.*)\)', argument)
        if nested:
            more, names = arguments_of(name, nested[2])
            declared += more
            given.append(f'{nested[1]}({", ".join(names)})')
        elif argument == '.field':
            given.append('.list' if ARRAYS.match(name) else '.len')
        elif argument != '...' and not argument.startswith('.'):
            declared.append(f'static {argument};')
            given.append(re.search(r'\(\*(\w+)\)|(\w+)$', argument).group(1, 2)[0] or
                         re.search(r'(\w+)$', argument)[1])
    return declared, given


def use_of(name, declaration, is_macro):
    """Returns C code that compiles only if the declaration is right."""
    kind = re.match(r'((?:struct|enum) )(\w+) \{|typedef .*\b(\w+);$', declaration, re.S)
    if kind:
        same = name in kind.group(2, 3)
        return f'char use_{name}[sizeof({kind[1] or ""}{name})];\n' if same else '#error "another name"\n'
    if not is_macro:
        # The parentheses keep a macro of that name away.
        again = re.sub(rf'\b{name}(?=\()', f'({name})', declaration, count=1)
        return f'extern __typeof__({name}) use_{name};\n{again}\n'
    call = re.fullmatch(rf'(\w.*?[ *]){name}(?:\((.*)\);)?', declaration, re.S)
    if name.startswith('COHERENT') and not call:
        return f'#ifndef {name}\n#error "there is no {name}"\n#endif\n'
    if not call:
        return f'#error "the synopsis of {name} has no result"\n'
    declared, given = arguments_of(name, call[2]) if call[2] else ([], [])
    arguments = f'({", ".join(given)})' if call[2] else ''
    compared = (f'_Static_assert(__builtin_types_compatible_p(__typeof__({name}{arguments}), {call[1]}), '
                f'"the result of {name} has another type");')
    lines = ''.join(f'\t{line}\n' for line in [*declared, compared])
    return f'void use_{name}(void);\nvoid use_{name}(void)\n{{\n{lines}}}\n'


def compile_group(header, uses, source_dir):
    """Returns the errors of the compiler for the pages with one header. A line names its page."""
    code = f'#include <{header}>\n' + BEGIN
    for name, use in uses.items():
        code += f'#line 1 "{name}.3"\n{use}'
    with tempfile.NamedTemporaryFile('w', suffix='.c', encoding='utf-8') as file:
        file.write(code)
        file.flush()
        done = subprocess.run(
            ['gcc', '-std=gnu11', '-w', '-fsyntax-only', '-Werror=incompatible-pointer-types', '-I',
             os.path.join(source_dir, 'include'), file.name], check=False, text=True, capture_output=True)
    errors = re.findall(r'^.*?error: .*', done.stderr, re.M)
    return errors or ([done.stderr] if done.returncode else [])


def wrong_synopses(synopses, macros, source_dir):
    """Returns what is wrong with {name: text of SYNOPSIS}."""
    groups = {}
    for name, synopsis in synopses.items():
        header, declaration = parse(synopsis)
        groups.setdefault(header, {})[name] = use_of(name, declaration, name in macros)
    return [error for header, uses in groups.items()
            for error in compile_group(header, uses, source_dir)]
