#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Check that the headers work in C++.

usage: run.py SOURCE_DIR LIBRARY [COMPILER...]

Each compiler includes each header alone, and builds and runs a program with the static library.
Each typed macro must give one short error that names the way out. Prints TAP. Each compiler has the
name g++ or clang++, maybe with a version.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Results  # noqa: E402

COMPILERS = ('g++', 'clang++')
STRICT = ['-Wall', '-Wextra', '-Wpedantic', '-Werror', '-Wshadow', '-Wconversion',
          '-Wsign-conversion', '-Wold-style-cast']
STANDARDS = ('c++17', 'c++20')
DEFINED = re.compile(r'^#define (coherent_\w+|COHERENT\w*)\(([^)]*)\)', re.M)
DOCUMENTED = re.compile(r'^ \* (coherent_\w+|COHERENT\w*)\(\) - ', re.M)
# These macros are the same in C++, or have no use of their own.
WORKING = {'COHERENT_BAR_AUTO', 'COHERENT_DEVICE_AUTO', 'COHERENT_EXPOSURE', 'COHERENT_FIELDS',
           'COHERENT_HANDLE_AUTO', 'COHERENT_IRQ_AUTO', 'COHERENT_VERSION_OF'}
TEXT = 'move this code to a .c file'
LINES = 15
UNIT = '''#include <coherent.h>
#include <coherent/bar.h>
#include <coherent/config.h>
#include <coherent/fabric.h>
#include <coherent/loan.h>
#include <coherent/pool_many.h>
#include <coherent/serve.h>
#include <coherent/share.h>
#include <coherent/sim.h>
'''
# C++20 has names of options, in the order of the struct.
BRACES = UNIT + '''
int open_both(coherent_device **dev, coherent_handle *handle)
{
	int err = coherent_device_open(dev, "sim:edu", { .level = COHERENT_IOMMU,
							 .report = coherent_report_stderr });

	return err ? err : coherent_handle_zeroed(handle, *dev, 5, { .permission = COHERENT_READ_ONLY,
								     .align = 65536 });
}
'''
# A driver that was moved from C to C++ as it was.
DRIVER = UNIT + '''
struct desc { uint64_t address; uint32_t len; };
COHERENT_FIELDS(struct desc, .address, .len);
COHERENT_TYPE(queue, struct desc);

int run(union queue *queue, struct coherent_device *dev)
{
	COHERENT_BOX(struct desc) box = COHERENT_EMPTY;
	COHERENT(struct desc) mem = COHERENT_EMPTY;
	COHERENT_RING(struct desc) ring = COHERENT_EMPTY;
	coherent_addr_t address;
	uint32_t len;
	int err = coherent_box_zeroed(&box, dev, 64, .align = 4096);

	if (err)
		return err;
	coherent_box_ptr(&box)[0].len = 5;
	err = coherent_expose(&box, &mem, .permission = COHERENT_READ_ONLY);
	if (err || coherent_read(&mem, 0, .len, &len) || len != 5)
		goto out;
	address = coherent_addr(&mem);
	err = coherent_write(queue, 0, .address, address.raw);
	if (!err)
		err = coherent_poll(&mem, 3, .len, &len, len != 5, 1000);
	if (!err)
		err = coherent_ring(&mem, &ring);
	for (size_t i = 0; i < coherent_count(&mem); i++)
		coherent_ring_put(&ring, i, .len, coherent_ring_get(&ring, i + 1, .len) + 1);
	if (coherent_is_empty(&mem) || coherent_addr(&mem).raw % 4096)
		err = -EINVAL;
out:
	coherent_free(&mem);
	return err;
}
'''


def run_command(*command):
    """Runs a command. Returns its exit status and output."""
    done = subprocess.run(command, check=False, text=True, env=dict(os.environ, LC_ALL='C'),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def compile_text(compiler, include, text, *flags):
    """Compiles a unit. Returns the exit status and what the compiler said."""
    with tempfile.TemporaryDirectory() as where:
        unit = os.path.join(where, 'unit.cpp')
        with open(unit, 'w', encoding='utf-8') as out:
            out.write(text)
        return run_command(compiler, *flags, *include, '-c', unit, '-o', '/dev/null')


def check_headers(results, compiler, include):
    names = [os.path.relpath(header, include)
             for header in sorted(glob.glob(os.path.join(include, '**', '*.h'), recursive=True))]
    text = ''.join(f'#include <{name}>\n' for name in names)
    for standard in STANDARDS:
        _, wrong = compile_text(compiler, ['-I', include], text, f'-std={standard}', *STRICT)
        results.say(names and not wrong, f'{compiler} -std={standard}: the headers compile', wrong)
    wrong = ''.join(compile_text(compiler, ['-I', include], f'#include <{name}>\n' * 2,
                                 f'-std={STANDARDS[0]}', *STRICT)[1] for name in names)
    results.say(not wrong, f'{compiler}: each header compiles alone', wrong)
    code, out = compile_text(compiler, ['-I', include], BRACES, '-std=c++20', *STRICT,
                             '-Wno-missing-field-initializers')
    results.say(not code, f'{compiler}: options have names in C++20', out)


def check_tutorial(results, compiler, source, include):
    with open(os.path.join(source, 'docs', 'tutorial.md'), encoding='utf-8') as tutorial:
        (text,) = re.findall(r'^```cpp \S+\n(.*?)^```$', tutorial.read(), re.M | re.S)
    code, out = compile_text(compiler, ['-I', include], text, '-std=c++17', *STRICT)
    results.say(not code, f'{compiler}: the code in docs/tutorial.md compiles', out)


def typed_macros(compiler, include):
    """Returns {name: parameters} of the public macros that C++ must refuse."""
    public, parameters = set(), {}
    for header in glob.glob(os.path.join(include, '**', '*.h'), recursive=True):
        with open(header, encoding='utf-8') as file:
            text = file.read()
        public |= set(DOCUMENTED.findall(text))
        if not header.endswith('/c_only.h'):
            parameters.update(DEFINED.findall(text))
    with tempfile.NamedTemporaryFile('w', suffix='.cpp') as unit:
        unit.write(UNIT)
        unit.flush()
        _, out = run_command(compiler, '-I', include, '-dM', '-E', unit.name)
    macros = {name for name, _ in DEFINED.findall(out)}
    return {name: parameters[name] for name in (public & macros) - WORKING}


def use(name, parameters):
    """Returns a unit with one use of a macro."""
    parameters = [parameter.strip() for parameter in parameters.split(',')]
    if name.startswith('coherent_'):
        arguments = ', '.join('thing' for _ in parameters)
        return (f'{UNIT}struct thing {{ int *elements; }};\nextern thing *thing;\n'
                f'void f()\n{{\n\t{name}({arguments});\n}}\n')
    arguments = ', '.join('object' if parameter == 'name' else 'int' for parameter in parameters)
    tail = ' object' if 'name' not in parameters else ''
    return f'{UNIT}void f()\n{{\n\t{name}({arguments}){tail};\n}}\n'


def refusal(code, out):
    """Returns what is wrong with the answer of a compiler to typed code, or ''."""
    lines = out.splitlines()
    if not code:
        return 'the code compiles'
    if len(re.findall(r'error:', out)) != 1 or TEXT not in out:
        return f'there is not one error with the text "{TEXT}":\n{out}'
    while lines[0].startswith(('In file included from', ' ')):
        lines.pop(0)
    if len(out.splitlines()) > LINES or not re.match(r'\S*unit\.cpp:', lines[0]):
        return f'the error has more than {LINES} lines or begins elsewhere:\n{out}'
    return ''


def check_refusals(results, compiler, include):
    macros = typed_macros(compiler, include)
    wrong = ''
    # One layout is enough, because the headers say that they are system headers.
    for name, parameters in sorted(macros.items()):
        why = refusal(*compile_text(compiler, ['-isystem', include], use(name, parameters),
                                    '-std=c++17'))
        wrong += why and f'{name}: {why}\n'
    results.say(len(macros) > 40 and not wrong,
                f'{compiler}: each of {len(macros)} typed macros is refused', wrong)
    for layout in ('-I', '-isystem'):
        why = refusal(*compile_text(compiler, [layout, include], DRIVER, '-std=c++17'))
        results.say(not why, f'{compiler} {layout}: a driver in C++ is one error', why)


def check_ignored(results, compiler, include):
    """Checks that a compiler warns of an ignored result."""
    calls = ('coherent_device_open(&dev, "sim:edu")', 'coherent_bar_open(&bar, dev, 0)',
             'coherent_handle_zeroed(&handle, dev, 1)', 'coherent_sim_step(dev, 1)')
    for layout in ('-I', '-isystem'):
        text = f'{UNIT}void f(coherent_device *dev, coherent_bar *bar, coherent_handle handle)\n{{\n'
        text += ''.join(f'\t{call};\n' for call in calls) + '}\n'
        _, out = compile_text(compiler, [layout, include], text, '-std=c++17')
        results.say(len(re.findall('warning: ignoring return value', out)) == len(calls),
                    f'{compiler} {layout}: an ignored result is a warning', out)


def check_functions(results, compiler, include, library):
    """Checks that a C++ program finds each function of the library."""
    _, out = run_command('nm', '-g', '--defined-only', library)
    names = sorted(set(re.findall(r' T (coherent_\w+)$', out, re.M)) - {'coherent_padding'})
    text = f'{UNIT}int main()\n{{\n\tvoid *volatile function;\n\n'
    text += ''.join(f'\tfunction = reinterpret_cast<void *>({name});\n' for name in names) + '}\n'
    with tempfile.TemporaryDirectory() as where:
        unit = os.path.join(where, 'unit.cpp')
        with open(unit, 'w', encoding='utf-8') as file:
            file.write(text)
        code, out = run_command(compiler, '-std=c++17', '-I', include, unit, library, '-pthread',
                                '-o', os.path.join(where, 'unit'))
    results.say(len(names) > 50 and not code,
                f'{compiler}: a program finds each of {len(names)} functions', out)


def check_program(results, compiler, include, library):
    with tempfile.TemporaryDirectory() as where:
        typed, program = (os.path.join(where, name) for name in ('typed.o', 'program'))
        code, out = run_command('cc', '-std=gnu11', '-I', include, '-c',
                                os.path.join(HERE, 'typed.c'), '-o', typed)
        results.say(not code, f'{compiler}: the typed part compiles as C', out)
        code, out = run_command(compiler, '-std=c++17', *STRICT[:4], '-I', include,
                                os.path.join(HERE, 'program.cpp'), typed, library, '-pthread',
                                '-o', program)
        results.say(not code, f'{compiler}: the program builds', out)
        code, out = run_command(program) if not code else (code, 'it does not build')
        results.say(not code, f'{compiler}: the program runs', out)


def main():
    if len(sys.argv) < 3:
        print('usage: run.py SOURCE_DIR LIBRARY [COMPILER...]', file=sys.stderr)
        return 2
    source, library, *compilers = sys.argv[1:]
    include = os.path.join(os.path.abspath(source), 'include')
    results = Results()
    for compiler in compilers or COMPILERS:
        check_headers(results, compiler, include)
        check_tutorial(results, compiler, source, include)
        check_refusals(results, compiler, include)
        check_ignored(results, compiler, include)
        check_functions(results, compiler, include, os.path.abspath(library))
        check_program(results, compiler, include, os.path.abspath(library))
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
