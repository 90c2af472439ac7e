#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Record make demo in a terminal and draw it as a picture that moves.

usage: record.py BUILD_DIR FILE

record runs tools/demo of this tree with the programs of BUILD_DIR, as make demo does, and writes
FILE. Each line of the picture appears when the terminal had it. A wait is shortened to a second,
and a line that a program writes again and again appears once. If the reader does not want motion,
the picture stands still and shows the end.
"""
import html
import os
import pty
import re
import subprocess
import sys
import time

SOURCE_DIR = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# The terminal: its size in characters, and the size of a character in the picture.
ROWS, COLUMNS = 30, 132
WIDTH, HEIGHT, EDGE = 7.25, 17, 14
LONGEST_WAIT = 1.0
STYLE = '''svg{{color:#1f2328}}.back{{fill:#f6f8fa}}
text{{font:12px "DejaVu Sans Mono","Liberation Mono",Menlo,Consolas,monospace}}
text{{fill:currentColor;white-space:pre}}
.prompt{{fill:#0550ae;font-weight:bold}}
@media (prefers-color-scheme:dark){{
svg{{color:#e6edf3}}.back{{fill:#151b23}}.prompt{{fill:#79c0ff}}}}
#all{{transform:translateY({end}px)}}
#cover{{transform:translateY({under}px)}}
@media (prefers-reduced-motion:no-preference){{
#all{{animation:roll {total:.2f}s step-end both}}
#cover{{animation:uncover {total:.2f}s step-end both}}
}}
@keyframes roll{{{roll}}}
@keyframes uncover{{{uncover}}}
'''


def record(build_dir):
    """Run the demo in a terminal. Return its lines, each with the time at which it was complete."""
    child, terminal = pty.openpty()
    edu = os.path.join(build_dir, 'examples/edu')
    command = [os.path.join(SOURCE_DIR, 'tools/demo'), build_dir, edu]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=terminal,
                          stderr=terminal) as demo:
        os.close(terminal)
        lines, rest, start = [], b'', time.monotonic()
        while True:
            try:
                got = os.read(child, 4096)
            except OSError:     # Linux says EIO when the last writer is gone.
                got = b''
            if not got:
                break
            *whole, rest = (rest + got).split(b'\n')
            now = time.monotonic() - start
            lines += [(now, shown(line.decode())) for line in whole]
    if demo.returncode:
        sys.exit('\n'.join([*(line for _, line in lines),
                            f'record: the demo ended with {demo.returncode}']))
    return lines


def shown(line):
    """Return what a line shows at its end, after the program has written it for the last time."""
    return re.sub(r'\x1b\[[\d;]*[A-Za-z]', '', line.rstrip('\r').rsplit('\r', 1)[-1]).expandtabs(8)


def times_of(lines):
    """Shorten the waits. Return the lines with new times, which begin after the prompt is typed."""
    out, now, before = [], 0.8, 0.0
    for at, line in lines:
        now += min(at - before, LONGEST_WAIT) or 0.03
        before = at
        out.append((now, line))
    return out


def folded(lines):
    """Break lines that are wider than the terminal, as a terminal does."""
    return [(at, line[start:start + COLUMNS]) for at, line in lines
            for start in range(0, max(len(line), 1), COLUMNS)]


def frames(places, total, end):
    """Return the steps of an animation: a place of the picture for each time, and where it ends."""
    steps = {f'{100 * at / total:.2f}%': place for at, place in places} | {'to': end}
    return ''.join(f'{when}{{transform:translateY({place}px)}}' for when, place in steps.items())


def draw(lines):
    """Return the picture: all lines, a cover over those to come, a window that follows the last."""
    rows = [(0.0, '$ make demo'), *folded(times_of(lines))]
    total = rows[-1][0] + 1
    end, under = min(0, ROWS - len(rows)) * HEIGHT, len(rows) * HEIGHT
    roll = [(at, min(0, ROWS - count) * HEIGHT) for count, (at, _) in enumerate(rows, 1)]
    uncover = [(at, count * HEIGHT) for count, (at, _) in enumerate(rows, 1)]
    style = STYLE.format(total=total, end=end, under=under, roll=frames(roll, total, end),
                         uncover=frames(uncover, total, under))
    width, height = COLUMNS * WIDTH + 2 * EDGE, ROWS * HEIGHT + 2 * EDGE
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" '
           f'width="{width:.0f}" height="{height}">',
           '<title>make demo in a terminal</title>',
           f'<style>{style}</style>',
           '<rect class="back" width="100%" height="100%"/>',
           f'<svg x="{EDGE}" y="{EDGE}" width="{COLUMNS * WIDTH:.0f}" height="{ROWS * HEIGHT}">',
           '<g id="all">']
    for number, (_, line) in enumerate(rows):
        mark = ' class="prompt"' if number == 0 else ''
        out.append(f'<text{mark} y="{number * HEIGHT + 12}" xml:space="preserve">'
                   f'{html.escape(line, quote=False)}</text>')
    out.append(f'<rect id="cover" class="back" width="100%" height="{under}"/>')
    return '\n'.join(out) + '\n</g></svg></svg>\n'


def text_of(picture):
    """Return the lines of a picture that draw() made."""
    return html.unescape('\n'.join(re.findall(r'<text[^>]*>(.*?)</text>', picture)))


def main():
    if '--help' in sys.argv:
        print(__doc__.strip())
        return 0
    if len(sys.argv) != 3 or sys.argv[1].startswith('-'):
        print('usage: record.py BUILD_DIR FILE', file=sys.stderr)
        return 2
    if not os.path.exists(os.path.join(sys.argv[1], 'examples/edu')):
        print(f'record: {sys.argv[1]}/examples/edu is missing: run make', file=sys.stderr)
        return 2
    made = draw(record(sys.argv[1]))
    with open(sys.argv[2], 'w', encoding='utf-8') as file:
        file.write(made)
    return 0


if __name__ == '__main__':
    sys.exit(main())
