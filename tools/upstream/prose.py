# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Drop from comments what only a reader of libcoherent's own tree needs, sentence by sentence."""
import re
import textwrap

# A sentence about userspace, C++ or a file that is not in the kernel.
ELSEWHERE = re.compile(r'userspace|[Ss]imulat|C\+\+|coherent-lint|coherent/(?:sim|device)\.h|docs/|tests/|'
                       r'coherent_device_(?:open|limits|fence)|\bvfio:|COHERENT_LENT_BYTE|reports a write')
# Parts of a sentence that stays.
PARTS = ((', see coherent_device_limits()', ''), (', or that of the simulator', ''),
         ('may sleep in userspace, any in the kernel', 'any'),
         ('; in userspace .in_place, .mask, .address, .nodes, .address_is_pointer', ''), ('; in userspace .mask, .address, .nodes', ''),
         ('; in userspace .in_place; in the kernel .gfp', ', .gfp'), ('; in userspace .in_place', ''),
         (' both for userspace and for the kernel', ' both'),
         (', in userspace -ETIMEDOUT (the process of the device did not answer, and the device is lost)', ''),
         (' copies it in userspace; in the kernel the string must', ' does not copy it, so it must'),
         (", -EBUSY (a callback of the device's own model waits)", ''),
         ('In the kernel the ', 'The '), ('In the kernel an ', 'An '), ('In the kernel, ', ''),
         ('In the kernel: ', ''))
COMMENT = re.compile(r'^([ \t]*)/\*(?:(?!\*/)[\s\S])*\*/\n', re.M)
SENTENCE = re.compile(r'(?:(?<=\.)|(?<=\.\)))\s+(?=[A-Z@]|coherent[-_]|docs/)')


def kept(text):
    """Returns the sentences of a paragraph that stay, or '' if none does."""
    for part, to in PARTS:
        text = text.replace(part, to)
    sentences = SENTENCE.split(text)
    # A result stays whole, and a parameter keeps its description.
    whole = len(sentences) if re.match(r'Return: |Context: ', text) else bool(re.match(r'@', text))
    if text.startswith('In userspace') or ELSEWHERE.match(text) and not whole:
        return ''
    return ' '.join(one for number, one in enumerate(sentences)
                    if not ELSEWHERE.search(one) or number < whole and not one.startswith('In userspace'))


def paragraph(lines, indent):
    """Returns the lines of a paragraph, filled again if a sentence is gone."""
    text = ' '.join(' '.join(line.strip().removeprefix('*').split()) for line in lines)
    left = kept(text)
    if left == ' '.join(text.split()):
        return lines
    more = re.match(r'\s*\*\s*', lines[1])[0] if len(lines) > 1 else f'{indent} * '
    return textwrap.wrap(left, 92, initial_indent=f'{indent} * ', subsequent_indent=more,
                         break_long_words=False, break_on_hyphens=False)


def block(found):
    """Returns a comment without the sentences that are about something else; '' if none is left."""
    indent = found[1]
    if found[0].count('\n') == 1:
        inner = found[0].strip()[2:-2].strip()
        left = kept(inner)
        return found[0] if left == inner else f'{indent}/* {left} */\n' if left else ''
    lines = found[0].rstrip('\n').split('\n')
    out, group = [lines[0]], []
    for line in lines[1:]:
        text = line.strip().removeprefix('*').strip()
        is_new = re.match(r'(?:@[\w.]+|Return|Context): ', text)
        is_sample = re.match(r'\s*\*(\t|  )', line) and not (group and re.search(r'\* @', group[0]))
        if group and (not text or text == '/' or is_new or is_sample or text.startswith('- ')):
            out += paragraph(group, indent)
            group = []
        if text and text != '/' and not is_sample:
            group.append(line)
        else:
            out.append(line)
    text = re.sub(r'(?m)^\s*\*\n(?=\s*\*(?:/|\n))', '', '\n'.join(out) + '\n')
    return '' if re.fullmatch(r'\s*/\*\**\s*(?:\*\s*)*\*/\s*', text) else text


def for_the_kernel(text):
    """Returns the text of a file with comments for readers of the kernel's tree."""
    return COMMENT.sub(block, text)
