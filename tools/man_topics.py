# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The man pages of section 7: texts of the headers that belong to several calls."""
import os
import re

from man_text import (comment_of, escape, head_of, heading, link, lower_first, paragraphs, plain, read,
                      see_also, titles_of)

TASKS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'manual/tasks.in')
# A paragraph that begins with the names of kinds of devices, as in "vfio:, iommufd: and pci: open".
SCHEME = re.compile(r'((?:[a-z-]+:(?:,| and)? )*[a-z-]+:) ')
MEMBER = re.compile(r'^@([\w.]+): (.*?)(?=^@|^\n|\Z)', re.M | re.S)


def read_tasks():
    """Return [(task, [name])] of the index."""
    tasks = []
    for line in read(TASKS).splitlines():
        if line.startswith('  '):
            tasks[-1][1].extend(line.split())
        elif line and not line.startswith('#'):
            tasks.append((line, []))
    return tasks


def misplaced(names):
    """Return the names that the index does not have, and those that it has twice or wrongly."""
    listed = [name for _, found in read_tasks() for name in found]
    return ([name for name in names if name not in listed],
            sorted({name for name in listed if listed.count(name) > 1 or name not in names}))


def description(comment):
    """Return the text of a comment between the parameters and the context."""
    text = re.sub(r'\A.*?\n\n', '', plain(comment), count=1, flags=re.S)
    return re.split(r'^(?:Context|Return):', text, maxsplit=1, flags=re.M)[0].strip('\n')


def split_schemes(text):
    """Return the text for all devices, and {names of kinds: text} of the others."""
    common, schemes, current = [], {}, None
    for block in text.split('\n\n'):
        if found := SCHEME.match(block):
            current = found[1]
        if current:
            schemes.setdefault(current, []).append(block)
        else:
            common.append(block)
    return '\n\n'.join(common), {name: '\n\n'.join(blocks) for name, blocks in schemes.items()}


def moved(comment):
    """Return a comment without the texts of coherent_device_open() that have a page of their own."""
    if ' * coherent_device_open() - ' not in comment:
        return comment
    texts = '\n\n'.join(split_schemes(description(comment))[1].values())
    starred = '\n'.join(f' *{line}' if line.startswith('\t') else f' * {line}'.rstrip()
                        for line in texts.splitlines())
    if not texts or starred not in comment:
        raise SystemExit('man.py: coherent_device_open() does not describe the kinds of devices')
    return comment.replace(starred, ' * The page coherent-devices(7) describes each kind, its keys and '
                                    'its options.')


class Topics:
    """Makes the pages. It knows what all of them have in common."""

    def __init__(self, version, date, include, headers):
        self.version, self.date, self.include, self.headers = version, date, include, headers
        self.titles = dict(item for path in headers for item in titles_of(path))
        self.device = read(os.path.join(include, 'coherent/device.h'))
        self.common, self.schemes = split_schemes(
            description(comment_of(self.device, 'coherent_device_open')))

    def begin(self, name, title):
        return (heading(name, 7, self.version, self.date) +
                f'.SH NAME\n{escape(name)} \\- {escape(title)}\n')

    def body(self, text):
        text = link(paragraphs(text), self.titles)
        return re.sub(r'\b(struct|enum) (coherent_\w+)', lambda found: (
            f'{found[1]} \\fB{found[2]}\\fP(3)' if found[2] in self.titles else found[0]), text)

    def members(self, comment, wanted):
        """Return a list of the members of a struct that wanted(name, text) accepts."""
        out, members = '', MEMBER.findall(plain(comment))
        names = [re.escape(name) for name, _ in members]
        for name, text in members:
            if wanted(name, text):
                text = re.sub(rf'@({"|".join(names)})\b', r'.\1', re.sub(r'^\s+', '', text, flags=re.M))
                text = re.sub(r'@(\w+)', r'\\fI\1\\fP', escape(text.strip()))
                out += f'.TP\n.B .{name}\n{link(text, self.titles)}\n'
        return out

    def head(self, name):
        title, text = head_of(os.path.join(self.include, name))
        return title, text

    def concept(self):
        """Return coherent(7). A paragraph that begins with a word and a full stop begins a section."""
        title, text = self.head('coherent.h')
        out = self.begin('coherent', lower_first(title)) + '.SH DESCRIPTION\n'
        parts = re.split(r'(?:\A|(?<=\n\n))([A-Z][A-Za-z+]+)\. ', text)
        out += self.body(parts[0])
        for name, section in zip(parts[1::2], parts[2::2]):
            out += f'.SH {name.upper()}\n{self.body(section)}'
        return out + self.index() + see_also([('coherent', 1), *(
            (f'coherent-{name}', 7) for name in ('devices', 'errors', 'qemu', 'sim'))])

    def index(self):
        out = '.SH INDEX\n'
        for task, names in read_tasks():
            out += f'.SS {task}\n'
            out += ''.join(f'.TP\n.BR {name} (3)\n{escape(self.titles[name])}\n' for name in names)
        return out

    def devices(self):
        out = self.begin('coherent-devices', 'names, keys and options of devices')
        out += '.SH DESCRIPTION\n' + self.body(
            'A driver opens a device by its name, with coherent_device_open().\n\n' + self.common)
        out += '.SH KINDS OF DEVICES\n.SS sim:\nThe simulator is described in\n.BR coherent\\-sim (7).\n'
        for name, text in self.schemes.items():
            if name == 'qemu:':
                text = 'The page coherent-qemu(7) describes the models of QEMU, their keys and limits.'
            out += f'.SS {escape(name)}\n{self.body(text)}'
        out += '.SH OPTIONS\nThese options of\n.BR coherent_device_open (3)\nare given by name.\n'
        out += self.members(comment_of(self.device, 'coherent_open_options'), lambda name, text: (
            not text.startswith('Do not set') and name not in ('name', 'COHERENT_NAMES')))
        return out + see_also([('coherent_device_open', 3), ('coherent_open_options', 3),
                               ('coherent', 7), ('coherent-errors', 7), ('coherent-qemu', 7),
                               ('coherent-sim', 7), ('coherent-devices', 1), ('coherent-doctor', 1)])

    def qemu(self):
        out = self.begin('coherent-qemu', 'device models of QEMU as devices')
        out += '.SH DESCRIPTION\n' + self.body(self.schemes['qemu:'])
        return out + see_also([('coherent_device_open', 3), ('coherent_open_options', 3),
                               ('coherent-devices', 1), ('coherent-probe', 1), ('coherent', 7),
                               ('coherent-devices', 7), ('coherent-errors', 7)])

    def sim(self):
        title, text = self.head('coherent/sim.h')
        before, keys = text.split('These keys may follow', 1)
        out = self.begin('coherent-sim', 'simulated devices, their keys and models')
        out += '.SH DESCRIPTION\n' + self.body(title + '\n\n' + before)
        out += '.SH KEYS\n' + self.body('These keys may follow' + keys) + '.SH MODELS\n'
        source = read(os.path.join(self.include, 'coherent/sim.h'))
        for name, text in re.findall(r'^/\*\n \* --- (sim:\w+) ---\n( \*\n.*?\*/)', source, re.M | re.S):
            out += f'.SS {name}\n{self.body(plain(text))}'
        model = comment_of(read(os.path.join(self.include, 'coherent/detail/sim_model.h')),
                           'coherent_sim_model')
        out += '.SS sim:custom\n' + self.body(
            'The program describes a device by struct coherent_sim_model: its name, its DMA mask, its '
            'BARs, and what it does.\n' + plain(model).rpartition('\n\n')[2] +
            '\n\nThe library calls these callbacks of the model:')
        out += self.members(model, lambda name, text: text.startswith('Called'))
        serving, text = self.head('coherent/serve.h')
        out += '.SH SERVING\n' + self.body(serving + '\n\n' + text)
        related = [name for name in self.titles if name.startswith('coherent_sim_')]
        return out + see_also([*((name, 3) for name in related), ('coherent_serve_options', 3),
                               ('coherent-serve', 1), ('coherent', 7), ('coherent-devices', 7),
                               ('coherent-errors', 7)])

    def pages(self):
        """Return {file: text} of all pages but that of errors.py."""
        return {'coherent.7': self.concept(), 'coherent-devices.7': self.devices(),
                'coherent-qemu.7': self.qemu(), 'coherent-sim.7': self.sim()}
