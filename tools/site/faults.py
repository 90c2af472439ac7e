# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Makes the page of faults: programs with a mistake, and what each prints in the build."""
import html
import os
import re
import subprocess
import tempfile

import markdown

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'faults')
FLAGS = ['-std=gnu11', '-Wall', '-Wextra', '-Werror']
INTRO = '''<h1 id="faults">Examples of faults</h1>
<p>An access that an IOMMU refuses is a <em>fault</em>. On <code>sim:</code> and <code>qemu:</code>
a fault names the object, its state, and the line that allocated it. Each program below has a
mistake. The build of this site compiled it, ran it, and put its output here.</p>'''
# (program, heading, what happens).
PROGRAMS = [
    ('box', 'The device reads a box',
     'A driver has filled a part of the box, and the device already reads it. Nothing is copied.'),
    ('read_only', 'The device writes read-only memory',
     'The driver exposed the memory with <code>.permission = COHERENT_READ_ONLY</code>.'),
    ('past_end', 'The device writes past the end',
     'The length in a descriptor is too large. The device writes the first byte after the object.'),
    ('reclaimed', 'The device writes after reclaim',
     'The device kept the address of a transfer that the driver took back.'),
    ('unread', 'A fault that the driver does not read',
     'The driver gives a wrong address to the device and checks nothing. '
     'The close of the device reports the fault.'),
    ('leak', 'Memory that is never freed',
     'The close of the device names each object, and the line that allocated it.'),
]
# (heading, sentence, command). The words {build} and {source} are folders.
COMMANDS = [
    ('All tries on one device',
     '<code>coherent selftest</code> lets a device try what it must not do, '
     'and compares the results with the promises.',
     ['{build}/command/coherent', 'selftest', 'sim:edu,step']),
    ('A program that tries everything',
     'The example sends a file through the device. '
     'Then it aims the device at memory that it must not reach.',
     ['{build}/examples/edu', '{source}/LICENSES/MIT.txt']),
]


class Wrong(Exception):
    """A program did not do what the page says."""


def run(command, cwd=None):
    done = subprocess.run(command, cwd=cwd, check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise Wrong(f'{" ".join(command)} ended with {done.returncode}:\n{done.stdout}')
    # Two builds of one tree must make the same page.
    return re.sub(r'\d+ ms ago', '0 ms ago', done.stdout)


def program(name, source_dir, build_dir):
    """Return the code that a page shows, and its output. Lines count from the first one shown."""
    with open(os.path.join(HERE, name + '.c'), encoding='utf-8') as file:
        code = file.read().split('\n', 1)[1]
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, name + '.c'), 'w', encoding='utf-8') as file:
            file.write(code)
        run(['cc', *FLAGS, '-I', os.path.join(source_dir, 'include'), name + '.c', '-o', name,
             os.path.join(build_dir, 'src/libcoherent.a'), '-pthread', '-ldl'], folder)
        return code, run([os.path.join(folder, name)], folder)


def output(text, kind='output'):
    return f'<pre class="{kind}" tabindex="0"><samp>{html.escape(text, quote=False)}</samp></pre>'


def page(source_dir, build_dir, link):
    """Return (HTML, headings) of the page. A command that the build does not have is left out."""
    out, headings = [INTRO], [(1, 'faults', 'Examples of faults')]

    def head(title):
        anchor = re.sub(r'\W+', '-', title.lower())
        headings.append((2, anchor, title))
        return f'<h2 id="{anchor}">{title}</h2>'

    for name, title, sentence in PROGRAMS:
        code, said = program(name, source_dir, build_dir)
        out += [f'{head(title)}<p>{sentence}</p>',
                markdown.code_block('c', name + '.c', code, link), '<p>It prints:</p>',
                output(said, 'output lines')]
    for title, sentence, command in COMMANDS:
        line = [word.format(build=build_dir, source=source_dir) for word in command]
        if os.path.exists(line[0]):
            shown = ' '.join(command).format(build='build/demo', source='.').replace('./', '')
            said = run(line).replace(source_dir + '/', '')
            out.append(f'{head(title)}<p>{sentence}</p>{output("$ " + shown + chr(10) + said)}')
    return ''.join(out), headings
