# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The tests that are scripts print TAP with this."""
import subprocess
import tempfile


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


class Skip(Exception):
    """The machine cannot run a test. The text says why."""


class Results:
    """Prints and counts the results of a script."""

    def __init__(self):
        self.count = self.failed = 0

    def say(self, good, name, why=''):
        """Prints a result. why: what to print below a failed test, a text or a list of lines."""
        self.count += 1
        self.failed += not good
        print(f'{"ok" if good else "not ok"} {self.count} - {name}', flush=True)
        if not good:
            text = '\n'.join(map(str, why)) if isinstance(why, list) else str(why)
            print(''.join(f'# {line}\n' for line in text.splitlines()), end='', flush=True)

    def skip(self, name, reason):
        self.count += 1
        print(f'ok {self.count} - {name} # SKIP {reason}', flush=True)

    def close(self):
        """Prints the plan. Returns the exit status, which is 1 if there was no test."""
        print(f'1..{self.count}')
        return 0 if self.count and not self.failed else 1


def run_tests(tests):
    """Calls functions, which are named after what they test, with an empty folder.

    Returns the exit status."""
    results = Results()
    for test in tests:
        name = test.__name__.replace('_', ' ')
        with tempfile.TemporaryDirectory() as folder:
            try:
                test(folder)
            except Skip as why:
                results.skip(name, why)
            except (AssertionError, LookupError, OSError, ValueError, subprocess.SubprocessError) as why:
                results.say(False, name, f'{type(why).__name__}: {why}')
            else:
                results.say(True, name)
    return results.close()
