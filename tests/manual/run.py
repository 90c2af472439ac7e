#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Check the manual: its pages, and their examples.

usage: run.py SOURCE_DIR BUILD_DIR

gcc and clang compile each example of tools/manual/examples without warnings. That of gcc runs: an
example with main() as it is, and another one on sim:edu. It must end with 0, or with 77 if something
is missing on this machine. Prints TAP.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tap import Results, read  # noqa: E402

FLAGS = ['-std=gnu11', '-Wall', '-Wextra', '-Werror', '-Werror=incompatible-pointer-types']
REFERENCE = re.compile(r'^\.BR (\S+) \((\d)\)|\\fB([\w\\-]+)\\fP\((\d)\)|'
                       r'\b(coherent\\-\w+)\((\d)\)', re.M)
HAVE_SECTIONS = ('NAME', 'SYNOPSIS', 'EXAMPLES', 'SEE ALSO')
# A type and a name, or a macro that declares: all that a SYNOPSIS may be.
TYPED = re.compile(r'\n(?:[\w *]+[ *]coherent_\w+\(|(?:struct|enum|typedef) |(?:int )?COHERENT\w*)')


def run(command, **options):
    """Returns the exit status and the output of a command."""
    done = subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options)
    return done.returncode, done.stdout


def pages_of(source_dir, build_dir):
    """Returns {name of a file: path} of the pages that the build made."""
    patterns = [os.path.join(build_dir, folder, '*.[1-9]') for folder in ('include', 'command', 'tools')]
    patterns.append(os.path.join(source_dir, 'tools/*.1'))
    return {os.path.basename(path): path for pattern in patterns for path in sorted(glob.glob(pattern))}


def section(page, name):
    found = re.search(rf'^\.SH {name}\n(.*?)(?=^\.SH |\Z)', page, re.M | re.S)
    return found[1] if found else None


# --- Pages ---

def check_layout(results, pages):
    """Checks that the two programs that format pages have nothing to say."""
    for tool, command in (('mandoc', ['mandoc', '-Tlint', '-W', 'warning']),
                          ('groff', ['groff', '-Kutf8', '-Tutf8', '-man', '-ww', '-z'])):
        name = f'{tool} does not warn about {len(pages)} pages'
        if shutil.which(tool):
            wrong = run([*command, *pages.values()])[1]
            results.say(not wrong, name, wrong)
        else:
            results.skip(name, f'{tool} is not installed')


def check_heads(results, pages):
    """Checks that all pages have the date and the version of the build."""
    heads = {name: re.search(r'^\.TH \S+ \d (.*)', read(path), re.M)[1] for name, path in pages.items()}
    common = max(heads.values(), key=list(heads.values()).count)
    wrong = [f'{name} has {head}, and not {common}' for name, head in heads.items() if head != common]
    results.say(not wrong, 'each page has the same date and version', wrong)


def check_pages(results, pages, names):
    texts = {name: read(path) for name, path in pages.items()}
    missing = [name for name in names if f'{name}.3' not in texts]
    results.say(not missing, f'each of {len(names)} public names has a page', missing)
    wrong = [f'{name}: there is no {wanted}' for name in names for wanted in HAVE_SECTIONS
             if f'{name}.3' in texts and not section(texts[f'{name}.3'], wanted)]
    results.say(not wrong, 'each of these pages has a synopsis, an example and other pages to see', wrong)
    wrong = [name for name in names if not TYPED.search(section(texts[f'{name}.3'], 'SYNOPSIS') or '')]
    results.say(not wrong, 'each synopsis has types', wrong)
    check_parameters(results, texts, names)
    check_results(results, texts, names)
    wrong = []
    for name, text in texts.items():
        for found in REFERENCE.findall(text):
            to = [part.replace('\\', '') for part in found if part]
            if to[0].lower().startswith('coherent') and '.'.join(to) not in texts:
                wrong.append(f'{name} mentions {to[0]}({to[1]}), which does not exist')
    results.say(not wrong, 'each page that a page mentions exists', wrong)
    listed = re.findall(r'^\.BR (\w+) \(3\)', section(texts['coherent.7'], 'INDEX') or '', re.M)
    wrong = sorted(set(listed) ^ set(names)) + [name for name in listed if listed.count(name) > 1]
    results.say(not wrong, 'the index of coherent(7) has each name once', wrong)
    return texts


def check_results(results, texts, names):
    """Checks that the page of a call that can fail has its errors, and where they are explained."""
    calls = [name for name in names if '_version' not in name.lower()
             and re.search(r'\n\nint ', section(texts[f'{name}.3'], 'SYNOPSIS'))]
    wrong = [f'{name}: there is no RETURN VALUE' for name in calls
             if not section(texts[f'{name}.3'], 'RETURN VALUE')]
    wrong += [f'{name}: SEE ALSO does not have coherent-errors(7)' for name in calls
              if '.BR coherent\\-errors (7)' not in section(texts[f'{name}.3'], 'SEE ALSO')]
    results.say(calls and not wrong,
                'each call that returns int says which errors it has, and where they are', wrong)


def check_parameters(results, texts, names):
    """Checks that SYNOPSIS has each name of PARAMETERS, and that none is missing behind "...".

    In a type such as COHERENT_FIELDS(T, .field, ...) the last argument may be repeated.
    """
    wrong = []
    for name in names:
        page = texts[f'{name}.3']
        synopsis = section(page, 'SYNOPSIS')
        for label in re.findall(r'^\.IP "(.*)" 12$', section(page, 'PARAMETERS') or '', re.M):
            words = re.findall(r'\w+', label)
            if not words:
                wrong.append(f'{name}: the parameter "{label}" has no name')
            wrong += [f'{name}: the synopsis does not have the parameter {word}' for word in words
                      if word != 'options' and not re.search(rf'\b{word}\b', synopsis)]
            if 'options' in words and not re.search(r'^ +\.\w+ = ', synopsis, re.M):
                wrong.append(f'{name}: the synopsis has no options')
    results.say(not wrong, 'the parameters of each page are those of its synopsis', wrong)


def check_synopses(results, texts, manual, source_dir):
    """Checks that what a synopsis says compiles, and that the example agrees about the header."""
    import synopses
    names = sorted(manual.names)
    found = {name: section(texts[f'{name}.3'], 'SYNOPSIS') for name in names}
    wrong = synopses.wrong_synopses(found, manual.prototypes, source_dir)
    results.say(not wrong, 'each synopsis compiles, with its header', wrong)
    # All headers include coherent.h.
    wrong = [f'{name}: the example does not include {header}' for name in names
             for header in [synopses.parse(found[name])[0]] if header != 'coherent.h'
             and f'#include <{header}>' not in section(texts[f'{name}.3'], 'EXAMPLES')]
    results.say(not wrong, 'each example includes the header of its page', wrong)


def check_ampersands(results, texts, manual):
    """Checks that &status of a comment does not become a word without its &."""
    wrong, count = [], 0
    for name in manual.names:
        page = texts[f'{name}.3']
        for word in re.findall(r'&\w+', '\n'.join(manual.comments(name))):
            count += 1
            if word not in page:
                wrong.append(f'{name}: {word} is not in the page')
    results.say(not wrong, f'no page loses the & of {count} addresses', wrong)


def check_see(results, texts, manual):
    """Checks that SEE ALSO has what see.in asks for."""
    wrong = [f'{page}: SEE ALSO does not have {name}' for page, names in manual.see.items()
             for name in names if f'.BR {name} (3)' not in section(texts[f'{page}.3'], 'SEE ALSO')]
    results.say(manual.see and not wrong, 'SEE ALSO has the pages of tools/manual/see.in', wrong)


def check_values(results, texts, manual):
    """Checks that a page has the values of an enum: offsets of registers, for instance."""
    values = [(name, value) for name, path in manual.names.items()
              for body in re.findall(rf'^enum {name} \{{(.*?)\}}', manual.sources[path], re.M | re.S)
              for value in re.findall(r'\w+ = [^,\n]+', body)]
    wrong = [f'{name}: {value} is not in the page' for name, value in values
             if value not in texts[f'{name}.3']]
    results.say(values and not wrong, f'no page loses one of {len(values)} values of enums', wrong)


def check_topics(results, texts, source_dir):
    """Checks that the pages of section 7 have each kind of device, and each key of the simulator."""
    devices, sim = (texts[f'coherent-{name}.7'].replace('\\', '') for name in ('devices', 'sim'))
    schemes = re.findall(r'^BACKEND\(\w+, (\w+)\)', read(os.path.join(source_dir, 'src/backend_list.h')),
                         re.M)
    wrong = [name for name in schemes
             if not re.search(rf'^\.SS .*\b{name.replace("_", "-")}:', devices, re.M)]
    results.say(schemes and not wrong,
                f'coherent-devices(7) has the {len(schemes)} kinds of devices', wrong)
    keys = re.findall(r'^\t(?:KEY|NTH|FLAG)\("([a-z-]+)"',
                      read(os.path.join(source_dir, 'src/sim/options.c')), re.M)
    wrong = [key for key in keys if not re.search(rf'^\.B {key}\b', sim, re.M)]
    results.say(keys and not wrong, f'coherent-sim(7) has the {len(keys)} keys', wrong)
    options = re.findall(r'\*?(\w+)(?:\)\(.*\))?;', re.search(
        r'^struct coherent_open_options \{(.*?)^\};', read(os.path.join(
            source_dir, 'include/coherent/device.h')), re.M | re.S)[1])
    hidden = {'struct_size', 'name', 'model_size', 'first', 'last'}
    wrong = [name for name in options if name not in hidden
             and not re.search(rf'^\.B \.{name}$', devices, re.M)]
    results.say(not wrong, 'coherent-devices(7) has each option', wrong)


# --- Examples ---

def try_example(path, compiler, source_dir, library, folder):
    """Returns (what is wrong, why it did not run) of an example."""
    program = os.path.join(folder, f'{os.path.basename(path)}.{compiler}')
    driver = [] if 'int main(' in read(path) else [os.path.join(HERE, 'driver.c')]
    output = (['-fsyntax-only', path] if compiler == 'clang' else
              [path, *driver, library, '-pthread', '-o', program])
    code, out = run([compiler, *FLAGS, '-I', os.path.join(source_dir, 'include'), *output])
    if code or out or compiler == 'clang':
        return out or ('' if not code else f'{compiler} ends with {code}'), ''
    code, out = run([program], cwd=folder, timeout=300)
    if code == 77:
        return '', 'something that it needs is missing'
    return ('' if not code else f'it ends with {code}\n{out}'), ''


def check_examples(results, source_dir, build_dir):
    examples = sorted(glob.glob(os.path.join(source_dir, 'tools/manual/examples/*.c')))
    library = os.path.join(build_dir, 'src/libcoherent.a')
    cases = [(path, compiler) for path in examples for compiler in ('gcc', 'clang')]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as threads:
        done = list(threads.map(lambda case: try_example(*case, source_dir, library, folder), cases))
    for (path, compiler), (wrong, skip) in zip(cases, done):
        name = (f'{compiler}: the example {os.path.basename(path)} compiles'
                f'{" and runs" if compiler == "gcc" else ""}')
        if skip:
            results.skip(name, skip)
        else:
            results.say(not wrong, name, wrong)
    wide = [f'{path}: {line}' for path in examples for line in read(path).splitlines()
            if len(line.expandtabs(8)) > 80 and not line.startswith('/* Pages: ')]
    results.say(not wide, 'no line of an example has more than 80 columns', wide)


def main():
    if len(sys.argv) != 3:
        print('usage: run.py SOURCE_DIR BUILD_DIR', file=sys.stderr)
        return 2
    source_dir, build_dir = map(os.path.abspath, sys.argv[1:])
    sys.path.insert(0, os.path.join(source_dir, 'tools'))
    import man
    results = Results()
    pages = pages_of(source_dir, build_dir)
    check_layout(results, pages)
    check_heads(results, pages)
    if 'coherent.7' in pages:
        include = os.path.join(source_dir, 'include')
        manual = man.Manual(include, sorted(glob.glob(os.path.join(include, '**/*.h'), recursive=True)))
        texts = check_pages(results, pages, sorted(manual.names))
        check_synopses(results, texts, manual, source_dir)
        check_ampersands(results, texts, manual)
        check_see(results, texts, manual)
        check_values(results, texts, manual)
        check_topics(results, texts, source_dir)
    else:
        results.skip('the pages of section 3', 'kernel-doc is not installed')
    check_examples(results, source_dir, build_dir)
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
