# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Run spatch, the program of Coccinelle, on one file at a time."""
import concurrent.futures
import os
import shutil
import subprocess

HOME = os.path.dirname(os.path.abspath(__file__))
# A rule that takes longer for one file is given up, and the command says so.
SECONDS = 120
LATE = 'Coccinelle takes too long for this file'


class Problem(Exception):
    """The reason why the command cannot work, in one line."""


def find():
    """Return the path of spatch."""
    path = shutil.which('spatch')
    if not path:
        raise Problem('spatch is missing: install the package coccinelle')
    return path


def run(spatch, rules, path):
    """Return (output of the rules, the reason why spatch gave up or None)."""
    command = [spatch, '--very-quiet', '--no-includes', '--timeout', str(SECONDS), '--sp-file',
               os.path.join(HOME, rules), path]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=2 * SECONDS)
    except subprocess.TimeoutExpired as late:
        return (late.stdout or b'').decode('utf-8', 'surrogateescape'), LATE
    except OSError as why:
        raise Problem(f'cannot run {spatch}: {why.strerror}: install the package coccinelle') from None
    said = done.stderr.decode('utf-8', 'replace')
    why = LATE if 'timeout' in said.lower() else None
    if done.returncode and not why:
        lines = [line for line in said.splitlines() if line.strip()]
        why = lines[-1] if lines else f'spatch ends with {done.returncode}'
    return done.stdout.decode('utf-8', 'surrogateescape'), why


def run_all(jobs):
    """Return (job, output, reason) of each (rules, path), as many at a time as CPUs."""
    spatch = find()
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        results = list(pool.map(lambda job: run(spatch, *job), jobs))
    if results and all(why and why != LATE for _, why in results):
        raise Problem(f'{jobs[0][1]}: Coccinelle fails: {results[0][1]}')
    return [(job, *result) for job, result in zip(jobs, results)]
