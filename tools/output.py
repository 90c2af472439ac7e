# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The tools of this folder share how they read arguments and how they write to standard output."""
import argparse
import io
import os
import sys


class Unwritable(Exception):
    """Standard output cannot be written. argparse ignores each OSError, so this is not one."""


class Parser(argparse.ArgumentParser):
    """Reports an error in one line, and begins its help as the command coherent does."""

    def format_help(self):
        return super().format_help().replace('usage:', 'Usage:', 1)

    def error(self, message):
        self.exit(2, f'{self.prog}: {message}; see {self.prog} --help\n')


class Output(io.FileIO):
    """Standard output, without a buffer."""

    def write(self, data):
        try:
            return super().write(data)
        except OSError as error:
            raise Unwritable(error) from error


def run_tool(name, main):
    """Exit with what main() returns, or with a line if standard output cannot be written."""
    # Python has no object for a standard output that is closed.
    if sys.stdout:
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(Output(1, 'w', closefd=False)),
                                      sys.stdout.encoding, sys.stdout.errors, line_buffering=True)
    try:
        sys.exit(main())
    except Unwritable as failed:
        # Python writes at the end what is left.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        [error] = failed.args
        print(f'{name}: standard output: {error.strerror}', file=sys.stderr)
        sys.exit(1 if isinstance(error, BrokenPipeError) else 2)
