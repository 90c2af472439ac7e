#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""tools/mutate finds the hole in the tests of a tiny tree: mutate.py SOURCE_DIR. Prints TAP.

One source has three functions. Its test checks the first one well, does not look at a limit of the
second, and never calls the third.
"""
import os
import subprocess
import sys
import tempfile

from tap import Results

FILES = {
    'meson.build': '''project('tiny', 'c')
test('sums', executable('sums', 'src/sums.c', 'test.c'), suite: 'run')
test('slow', executable('slow', 'src/slow.c'), suite: 'run')
test('locked', executable('locked', 'src/locked.c'), suite: 'run')
test('other', executable('other', 'src/other.c'), suite: 'other')
''',
    'src/sums.c': '''int sum(int a, int b);
int up_to_ten(int a);
int never_called(int a);

/* This comment holds a + b; and no operator may change it. */
int sum(int a, int b)
{
	const char *text = "a + b;";
	int c = 0;

	if (!text)
		return 1;
	c = a + b;
	return c;
}

int up_to_ten(int a)
{
	if (a > 10)
		return -1;
	return a;
}

int never_called(int a)
{
	if (a < 0 && a != -1)
		return a;
	return 0;
}
''',
    'src/slow.c': '''int main(void)
{
	volatile long left = 1000;

	while (left)
		left--;
	return 0;
}
''',
    'src/locked.c': '''#ifdef __clang__
#define HAS(what) __attribute__((what))
#else
#define HAS(what)
#endif
struct HAS(capability("lock")) lock {
	volatile int held;
};
static struct lock lock;
static volatile int guarded HAS(guarded_by(lock));

static void take(struct lock *at) HAS(acquire_capability(at)) HAS(no_thread_safety_analysis)
{
	at->held = 1;
}

static void drop(struct lock *at) HAS(release_capability(at)) HAS(no_thread_safety_analysis)
{
	at->held = 0;
}

int main(void)
{
	take(&lock);
	guarded = 7;
	guarded = 7;
	drop(&lock);
	return 0;
}
''',
    'src/other.c': 'int main(void)\n{\n\treturn 0;\n}\n',
    'test.c': '''int sum(int a, int b);
int up_to_ten(int a);

int main(void)
{
	return sum(2, 3) != 5 || sum(2, 0) != 2 || up_to_ten(20) != -1 || up_to_ten(-3) != -3;
}
''',
}
SUM = 'src/sums.c sum(): arithmetic: c = a + b; => c = a - b;'
LIMIT = 'src/sums.c up_to_ten(): boundary: if (a > 10) => if (a >= 10)'
UNUSED = 'src/sums.c never_called(): logic: if (a < 0 && a != -1) => if (a < 0 || a != -1)'
LOOP = 'src/slow.c main(): arithmetic: left--; => left++;'
UNKNOWN = 'src/sums.c sum(): negate: if (!text) => if (!(!text))'


class Mutate:
    """Runs the tool on the tiny tree."""

    def __init__(self, source_dir, folder):
        self.tool = os.path.join(source_dir, 'tools/mutate')
        self.tree = os.path.join(folder, 'tree')
        self.copy = os.path.join(folder, 'copy')
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name, text):
        path = os.path.join(self.tree, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)

    def run(self, *words):
        return subprocess.run([sys.executable, self.tool, '--tree', self.tree, '-d', self.copy,
                               *words], check=False, capture_output=True, text=True)

    def is_untouched(self):
        """Whether the tree still has its files, and no others."""
        found = {}
        for where, _, names in os.walk(self.tree):
            for name in names:
                path = os.path.join(where, name)
                with open(path, encoding='utf-8') as file:
                    found[os.path.relpath(path, self.tree)] = file.read()
        return found == FILES


def unnumbered(text):
    """The mutants of a list, without the numbers of their lines."""
    return [' '.join([words[0].rsplit(':', 1)[0], *words[1:]])
            for words in map(str.split, text.splitlines())]


def lists(mutate):
    """The list of the mutants."""
    done = mutate.run('--list', '-n', '0')
    found = unnumbered(done.stdout)
    yield (all(mutant in found for mutant in (SUM, LIMIT, UNUSED, LOOP, UNKNOWN)),
           'the list has the mutants of each function', done)
    yield (not any('comment' in line or 'text =' in line for line in found),
           'comments, strings and declarations without a number are not changed', done)
    yield ({line.split()[2] for line in found} ==
           {'negate:', 'boundary:', 'logic:', 'arithmetic:', 'constant:', 'return:', 'assign:', 'remove:'},
           'each operator that can change the sources does', done)
    few = [mutate.run('-l', '-n', '5', '-s', seed).stdout for seed in ('1', '1', '2')]
    yield (few[0] == few[1] != few[2] and few[0].count('\n') == 5,
           'a number of mutants is chosen by the seed', done)
    done = mutate.run('-l', '-n', '0', '-o', 'logic', 'src/sums.c:26')
    yield unnumbered(done.stdout) == [UNUSED], 'a line and an operator are chosen', done


def runs(mutate):
    """The results of the mutants."""
    done = mutate.run('-n', '0', 'src/sums.c:13')
    yield ('killed: ' in done.stdout and 'surv' not in done.stdout.rsplit('\n', 2)[0] and
           done.returncode == 0, 'a mutant that a test notices is killed', done)
    done = mutate.run('-n', '0', '-o', 'boundary', '-o', 'logic', '-t', 'sums', 'src/sums.c:19',
                      'src/sums.c:26')
    yield (done.returncode == 1 and f'survivor: {LIMIT.replace(" ", ":19 ", 1)}\n' in done.stdout and
           f'survivor: {UNUSED.replace(" ", ":26 ", 1)}\n' in done.stdout,
           'survivors are listed, and the exit status is 1', done)
    yield ('3 mutants: 0 killed, 3 survived, 0 equivalent, 0 not built, 0 not tested' in done.stdout,
           'the last line counts', done)
    done = mutate.run('-n', '0', '-T', '1', '-o', 'arithmetic', 'src/slow.c')
    yield ('killed: ' in done.stdout and ': slow (it does not end)\n1 mutants: 1 killed, ' in
           done.stdout, 'a test that hangs has failed', done)
    done = mutate.run('-n', '0', '-o', 'assign', 'src/sums.c:13')
    yield '1 mutants: 1 killed' in done.stdout, 'a removed assignment is killed', done
    done = mutate.run('-n', '0', '-o', 'constant', '-t', 'sums', 'src/sums.c:12')
    yield ('2 equivalent' in done.stdout and done.returncode == 0,
           'a mutant that changes no program of the tests is equivalent', done)
    done = mutate.run('-n', '0', '-o', 'negate', '-t', 'other', 'src/sums.c:11')
    yield ('not tested: ' in done.stdout and '0 equivalent' in done.stdout and
           done.returncode == 1, 'a mutant of a source that no test has is not tested', done)
    done = mutate.run('-n', '0', '-o', 'remove', '-t', 'locked', 'src/locked.c')
    yield ('2 killed' in done.stdout and done.stdout.count(': clang\n') == 2 and
           done.stdout.count('(#2)') == 0, 'a mutant that clang refuses is killed', done)
    done = mutate.run('-l', '-n', '0', '-o', 'constant', 'src/locked.c')
    yield (done.stdout.count('(#2)') == 2 and done.stdout.count('(#3)') == 0,
           'mutants that look the same are numbered', done)


def known(mutate):
    """The file of the equivalent mutants."""
    with open(os.path.join(mutate.copy, 'known'), 'w', encoding='utf-8') as file:
        file.write(f'# A comment.\n{LIMIT}\n No caller has ten.\n')
    path = file.name
    done = mutate.run('-n', '0', '-k', path, '-o', 'boundary', 'src/sums.c:19')
    yield ('1 mutants: 0 killed, 0 survived, 1 equivalent' in done.stdout and done.returncode == 0,
           'a mutant that the file lists is equivalent', done)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(f'{LIMIT}\n{SUM}\n A reason.\n')
    done = mutate.run('-n', '0', '-k', path, '-o', 'boundary', 'src/sums.c:19')
    yield (done.returncode == 2 and 'has no reason' in done.stderr,
           'a mutant of the file without a reason is refused', done)


def usage(mutate):
    """Bad arguments get one line and status 2."""
    for words, text in ((['--typo'], 'typo'), (['-n', 'x'], '--number needs a number, not x'),
                        (['-o', 'x'], 'there is no operator x'), (['-n'], 'requires argument'),
                        (['none.c'], 'none.c: there is no such source'),
                        (['-k', 'none'], 'none: No such file or directory'),
                        (['-t', 'none', 'src/sums.c'], 'there is no test none'),
                        (['-S', '--typo', '-d', os.path.join(mutate.tree, '../fresh')],
                         'meson setup fails: ')):
        done = mutate.run(*words)
        yield (done.returncode == 2 and done.stderr.count('\n') == 1 and
               done.stderr.startswith('mutate: ') and text in done.stderr,
               f'mutate {" ".join(words[:2])} is refused in a line', done)
    mutate.write('test.c', 'int main(void)\n{\n\treturn 1;\n}\n')
    done = mutate.run('-n', '1', 'src/sums.c')
    yield (done.returncode == 2 and 'the test sums fails without a change' in done.stderr,
           'a tree whose tests fail is refused', done)
    mutate.write('test.c', 'int main(\n')
    done = mutate.run('-n', '1', 'src/sums.c')
    yield (done.returncode == 2 and 'does not build without a change' in done.stderr,
           'a tree that does not build is refused', done)
    mutate.write('test.c', FILES['test.c'])
    done = mutate.run('--help')
    yield done.returncode == 0 and 'Usage: mutate' in done.stdout, 'mutate --help prints help', done
    yield mutate.is_untouched(), 'the tree is as it was', done


def main():
    if len(sys.argv) != 2:
        print('usage: mutate.py SOURCE_DIR', file=sys.stderr)
        return 2
    results = Results()
    with tempfile.TemporaryDirectory() as folder:
        mutate = Mutate(os.path.abspath(sys.argv[1]), folder)
        for cases in (lists, runs, known, usage):
            for good, name, done in cases(mutate):
                results.say(good, name, done.stdout + done.stderr)
    return results.close()


if __name__ == '__main__':
    sys.exit(main())
