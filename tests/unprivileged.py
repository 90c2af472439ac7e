#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Run a test without privileges: no capability, no locked memory, 256 descriptors.

usage: unprivileged.py PROGRAM [ARGUMENT...]

If root runs the script, the program runs as the user nobody. The exit status is that of the
program.
"""
import os
import resource
import shutil
import subprocess
import sys
import tempfile

NOBODY = 65534


def give_up_everything():
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith('-'):
        print(__doc__)
        return 0 if sys.argv[1:] in (['-h'], ['--help']) else 2
    with tempfile.TemporaryDirectory() as where:
        # The user nobody may not read the folder of the program.
        program = shutil.copy(sys.argv[1], where)
        os.chmod(where, 0o755)
        command = [program, *sys.argv[2:]]
        if os.geteuid() == 0:
            command = ['setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups',
                       '--no-new-privs', '--bounding-set=-all', '--inh-caps=-all', *command]
        run = subprocess.run(command, check=False, cwd='/', preexec_fn=give_up_everything)
    return run.returncode if run.returncode >= 0 else 1


if __name__ == '__main__':
    sys.exit(main())
