# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The command line of coherent-lint: find the flags of each source file, run gcc, print findings."""
import glob
import os
import re
import shlex
import subprocess

USAGE = """\
Usage: coherent-lint [-p DIR | --kernel DIR] [--json] [--gcc PROGRAM] [FILE.c...] [-- FLAGS...]

Finds mistakes with boxes, mems and devices of libcoherent in C programs: uses after
coherent_expose() or coherent_free(), leaks, copies, and results that nobody checks. Files that
are given together are checked together.

  FILE.c          a source file. Without files, all files of compile_commands.json
  -p DIR          take the flags from compile_commands.json in this folder. Without -p and --,
                  coherent-lint looks for it beside the files, in build/ and in the folders above
  -- FLAGS        the flags of gcc, such as -I and -D
  --kernel DIR    take the flags from the last build of a kernel module against the kernel in DIR,
                  such as /lib/modules/$(uname -r)/build
  --json          print one JSON array
  --gcc PROGRAM   use this gcc, 12 or newer (default: gcc)
  --help, --version

It exits with 0 if it finds nothing, 1 if it finds something, and 2 if it cannot work. The man page
coherent-lint(1) lists what it cannot see.
"""
# Only these flags change what a program means. The others of a build are left out.
WITH_VALUE = ('-D', '-U', '-I', '-isystem', '-iquote', '-idirafter', '-include', '-imacros',
              '-isysroot', '-x', '--sysroot')
ALONE = re.compile(r'-(?:std=|ansi$|m|nostdinc$|pthread$|undef$|trigraphs$|-sysroot=|'
                   r'f(?:no-)?(?:short-|signed-|unsigned-|pack-struct|ms-|plan9-|gnu|builtin|'
                   r'freestanding|hosted|permissive|pic$|pie$|PIC$|PIE$|cf-protection))')
ERROR = re.compile(r'^([^:\n]+):(\d+):(?:(\d+):)? (?:(?:fatal )?error: |warning: (?=ignoring return value '
                   r"of 'coherent_result'))(.*)$", re.M)
ASSERTION = re.compile(r'static assertion failed: "(.*)"|with attribute error: (.*)')
# Code that needs optimisation has these errors without it. They come after the analysis.
LATE = re.compile(r"constraint|asm operand|with attribute error|inlining failed|in 'asm'")
NAME = re.compile(r'\bcoherent_\w+', re.I)


class Problem(Exception):
    """The reason why the command cannot work, in one line."""


class Job:
    """One source file and its flags."""

    def __init__(self, file, flags, folder):
        self.file, self.flags, self.folder = file, flags, folder
        self.dump = self.run = None
        self.findings = []
        self.problem = None


def keep_flags(words, folder):
    """Return the flags of a build that change what a program means."""
    kept = []
    words = list(words)
    while words:
        word = words.pop(0)
        option = next((name for name in WITH_VALUE if word.startswith(name)), None)
        if option and word == option and words:
            kept += [word, words.pop(0)]
        elif option or ALONE.match(word):
            kept.append(word)
        elif word.startswith('@'):
            try:
                with open(os.path.join(folder, word[1:]), encoding='utf-8') as response:
                    words[:0] = response.read().split()
            except OSError:
                pass
    return kept


def find_database(files):
    """Return the nearest compile_commands.json, or None."""
    folder = os.path.abspath(os.path.dirname(files[0]) if files else '.')
    while True:
        for name in ('.', 'build'):
            path = os.path.join(folder, name, 'compile_commands.json')
            if os.path.exists(path):
                return os.path.normpath(path)
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def read_database(path, files):
    """Return the jobs of a database. If files are given, only those."""
    import json
    try:
        with open(path, encoding='utf-8') as text:
            entries = json.load(text)
        jobs = {}
        for entry in entries:
            folder = os.path.join(os.path.dirname(path), entry['directory'])
            file = os.path.normpath(os.path.join(folder, entry['file']))
            words = entry.get('arguments') or shlex.split(entry['command'])
            if file.endswith('.c'):
                jobs.setdefault(file, Job(file, keep_flags(words[1:], folder), folder))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as why:
        raise Problem(f'cannot read {path}: {why}') from None
    if not files:
        return list(jobs.values())
    wanted = []
    for file in files:
        job = jobs.get(os.path.abspath(file)) or jobs.get(os.path.realpath(file))
        if not job:
            raise Problem(f'{path} has no entry for {file}: build it, or give the flags after --')
        wanted.append(job)
    return wanted


def kbuild_folder(target, source):
    """Return the folder in which Kbuild made a target with a relative name: that of the module.

    Linux 6.13 and newer run make there. The name of a file outside that folder tells only how deep
    the folder is.
    """
    depth = target.split('/').count('..')
    inside = target.replace('../', '')
    if not depth or not (source[:-2] + '.o').endswith('/' + inside):
        return os.path.dirname(source)
    top = source[:-len(inside) - 1]
    return next((os.path.dirname(path) for path in
                 sorted(glob.glob(os.path.join(top, *['*'] * depth, 'Kbuild')))),
                os.path.dirname(source))


def read_kbuild(files, kernel):
    """Return the jobs of a module. Kbuild left the command of each file beside it."""
    jobs = []
    for file in files:
        folder, name = os.path.split(os.path.abspath(file))
        path = os.path.join(folder, f'.{name[:-2]}.o.cmd')
        try:
            with open(path, encoding='utf-8') as text:
                command = re.match(r'(?:saved)?cmd_(\S+) := +(\S.*?)(?: *;.*)?$', text.readline())
        except OSError:
            command = None
        if not command:
            raise Problem(f'{path} is missing: build the module first')
        source = os.path.join(folder, name)
        where = kernel if os.path.isabs(command[1]) else kbuild_folder(command[1], source)
        jobs.append(Job(source, keep_flags(shlex.split(command[2]), where), where))
    return jobs


def own_headers(home):
    """Return the flags for the headers that came with this program, after all others."""
    for path in (os.path.join(home, '..', 'include'), os.path.join(home, '..', '..', 'include')):
        if os.path.exists(os.path.join(path, 'coherent.h')):
            return ['-idirafter', os.path.normpath(path)]
    return []


def start(job, gcc, home):
    """Start gcc for a file. It prints the graphs on its standard output."""
    command = [gcc, *job.flags, *own_headers(home), '-O0', '-S', '-o', os.devnull, '-fno-lto',
               '-fdiagnostics-plain-output', '-fdiagnostics-column-unit=byte',
               '-ftrack-macro-expansion=0', '-fmax-errors=20', '-fdump-tree-cfg-lineno=stdout',
               job.file]
    try:
        job.run = subprocess.Popen(command, cwd=job.folder, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, errors='replace',
                                   env=dict(os.environ, LC_ALL='C'))
    except OSError as why:
        raise Problem(f'cannot run {gcc}: {why.strerror}: install gcc 12 or newer, or give --gcc') \
            from None


def source_line(path, number):
    try:
        with open(path, encoding='utf-8', errors='surrogateescape') as source:
            return source.read().split('\n')[number - 1]
    except (OSError, IndexError):
        return ''


def name_at(line, column):
    """Return the name at a column of a line, which gcc counts in bytes, or None."""
    name = re.match(rb'\w+', line.encode(errors='surrogateescape')[int(column or 1) - 1:])
    return name and name[0].decode()


def finish(job, gcc):
    """Wait for gcc. An error that the headers make is a finding too."""
    others = []
    job.dump, said = job.run.communicate()
    for path, line, column, text in ERROR.findall(said):
        at = (path, int(line))
        code = source_line(os.path.join(job.folder, path), at[1])
        names = NAME.findall(code)
        asserted = ASSERTION.search(text)
        if 'coherent_result' in text:
            call = name_at(code, column) or (names[0] if names else 'a call')
            job.findings.append((at, f'the result of {call}() is ignored', []))
        elif asserted and names:
            job.findings.append((at, (asserted[1] or asserted[2]).replace("\\'", "'"), []))
        elif not LATE.search(text):
            others.append((at, text))
    lines = {at for at, _, _ in job.findings}
    for at, text in others:
        if at not in lines:
            job.problem = f'{job.file} does not compile: {at[0]}:{at[1]}: {text}'
            return
    if job.run.returncode and not job.findings and not job.dump:
        why = re.search(r'error: (.*)', said)
        # In these words clang refuses an option of gcc.
        other = not why or why[1].startswith('unknown argument')
        job.problem = f'{gcc} cannot read {job.file}: {"it is not gcc 12 or newer" if other else why[1]}'


def read_arguments(arguments):
    """Return (files, flags or None, {option: value})."""
    files, flags, options = [], None, {'--gcc': 'gcc'}
    arguments = list(arguments)
    while arguments:
        word = arguments.pop(0)
        if word == '--':
            flags = arguments
            break
        if word in ('-p', '--gcc', '--kernel'):
            if not arguments:
                raise Problem(f'{word} needs an argument; see coherent-lint --help')
            options[word] = arguments.pop(0)
        elif word == '--json':
            options[word] = True
        elif word.startswith('-'):
            raise Problem(f'unknown option {word}; see coherent-lint --help')
        else:
            files.append(word)
    for file in files:
        if not file.endswith('.c'):
            raise Problem(f'{file} is not a C source file: its name does not end in .c')
        if not os.path.isfile(file):
            raise Problem(f'{file}: there is no such file')
    return files, flags, options


def find_jobs(files, flags, options):
    if '--kernel' in options:
        if not files:
            raise Problem('--kernel needs the source files of the module')
        return read_kbuild(files, os.path.abspath(options['--kernel']))
    if '-p' in options:
        folder = options['-p']
        path = folder if folder.endswith('.json') else os.path.join(folder, 'compile_commands.json')
        return read_database(os.path.abspath(path), files)
    if flags is None:
        path = find_database(files)
        if path:
            try:
                return read_database(path, files)
            except Problem:
                if not files:
                    raise
    if not files:
        raise Problem('no source file is given, and there is no compile_commands.json; '
                      'see coherent-lint --help')
    flags = keep_flags(flags or [], os.getcwd())
    return [Job(file, flags, os.getcwd()) for file in files]


def shown(path, folder):
    """Return a path as the user can open it from here."""
    full = os.path.normpath(os.path.join(folder, path))
    near = os.path.relpath(full)
    return near if not near.startswith(os.path.join('..', '..')) else full


def check(jobs, gcc, home):
    """Return the findings of all jobs, and their problems."""
    found = []
    running = []
    for job in jobs:
        if len(running) >= (os.cpu_count() or 1):
            finish(running.pop(0), gcc)
        start(job, gcc, home)
        running.append(job)
    # gcc runs meanwhile.
    from .program import Program
    program = Program()
    for job in running:
        finish(job, gcc)
    for job in jobs:
        program.add(job, job.dump)
        found += [(job, *finding) for finding in job.findings]
    found += program.check()
    unique = {}
    for job, at, text, notes in found:
        place = (shown(at[0], job.folder), at[1])
        notes = [((shown(there[0], job.folder), there[1]), note) for there, note in notes if there]
        unique.setdefault((*place, text), notes)
    return sorted(unique.items()), [job.problem for job in jobs if job.problem] + program.failed[:1]


def show(found, as_json):
    if as_json:
        import json
        print(json.dumps([{'file': file, 'line': line, 'message': text,
                           'notes': [{'file': at[0], 'line': at[1], 'message': note}
                                     for at, note in notes]}
                          for (file, line, text), notes in found], indent=1))
        return
    for (file, line, text), notes in found:
        print(f'{file}:{line}: error: {text}')
        for at, note in notes:
            print(f'{at[0]}:{at[1]}: note: {note}')


def main(arguments, home, version):
    """Run the command. Return its exit status, and print a problem as one line."""
    if '--help' in arguments[:arguments.index('--') if '--' in arguments else None]:
        print(USAGE, end='')
        return 0
    if arguments[:1] == ['--version']:
        print(f'coherent-lint {version}')
        return 0
    try:
        files, flags, options = read_arguments(arguments)
        found, problems = check(find_jobs(files, flags, options), options['--gcc'], home)
    except Problem as why:
        problems, found = [str(why)], []
    else:
        show(found, '--json' in options)
    for problem in problems:
        os.write(2, f'coherent-lint: {problem}\n'.encode())
    return 2 if problems else 1 if found else 0
