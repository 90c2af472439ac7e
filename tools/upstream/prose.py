# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Drop from comments what only a reader of libcoherent's own tree needs, sentence by sentence."""
import re
import textwrap

# A sentence about userspace, C++ or a file that is not in the kernel.
ELSEWHERE = re.compile(r'userspace|[Ss]imulat|C\+\+|coherent-lint|coherent/(?:sim|device)\.h|docs/|tests/|'
                       r'coherent_device_(?:open|limits|fence)|\bvfio:|COHERENT_LENT_BYTE|reports a write|'
                       r'libfabric|signal handler|errno or global')
# A paragraph that begins so.
WHOLE = ('In userspace', 'Stack. ', 'Fork. ', 'The descriptor becomes readable')
# Parts of a sentence that stays.
PARTS = (('If coherent_device_limits() does not set unmap_is_fence, or the level is COHERENT_HIDDEN in the '
          'kernel, the', 'At COHERENT_HIDDEN the'),
         ('an eventfd that the library owns; -EINVAL (@irq is NULL), -ENODEV (a forked child). In the '
          'kernel: -EOPNOTSUPP', '-EINVAL (@irq is NULL), -EOPNOTSUPP: the kernel has no such descriptor'),
         (', -ENODEV (the caller is a forked child)', ''), (', or the BAR is not memory of this process', ''),
         ('the process gets SIGSEGV', 'it is an access to a NULL pointer'),
         (', see coherent_device_limits()', ''), (', or that of the simulator', ''),
         ('may sleep in userspace, any in the kernel', 'any'),
         ('; in userspace .in_place, .mask, .address, .nodes, .address_is_pointer', ''), ('; in userspace .mask, .address, .nodes', ''),
         ('; in userspace .in_place; in the kernel .gfp', ', .gfp'), ('; in userspace .in_place', ''),
         (' both for userspace and for the kernel', ' both'),
         (', in userspace -ETIMEDOUT (the process of the device did not answer, and the device is lost)', ''),
         (' copies it in userspace; in the kernel the string must', ' does not copy it, so it must'),
         (", -EBUSY (a callback of the device's own model waits)", ''),
         ('In the kernel the ', 'The '), ('In the kernel an ', 'An '), ('In the kernel, ', ''),
         ('In the kernel: ', ''))
# Lines of the list of errors.
LINES = (('no memory or locked memory is left', 'no memory is left'),
         ('mapping, slot or file descriptor is left', 'mapping or slot is left'),
         ('an argument, a device name or a file is wrong', 'an argument is wrong'),
         ('the backend does not support the call, a level, a permission, a known\n'
          ' *               attribute or hugepages; there is no IOMMU; the peer lacks a feature;\n'
          ' *               the library is older than the headers and does not know an option\n'
          ' *   EACCES, EPERM  this process may not open a device node or an IOMMU group\n',
          'the device does not support a level, a permission or a known attribute;\n'
          ' *               there is no IOMMU\n'),
         ('closed, absent, unknown or gone; the caller is\n *               a forked child\n', 'not bound or gone\n'),
         (' *   EAGAIN      no fault waits to be read\n', ''),
         ('an interrupt, a polled value or a peer did', 'an interrupt or a polled value did'),
         ('in the kernel only: the task', 'the task'))
COMMENT = re.compile(r'^([ \t]*)/\*(?:(?!\*/)[\s\S])*\*/\n', re.M)
SENTENCE = re.compile(r'(?:(?<=\.)|(?<=\.\)))\s+(?=[A-Z@]|coherent[-_]|docs/)')


def kept(text):
    """Returns the sentences of a paragraph that stay, or '' if none does."""
    for part, to in PARTS:
        text = text.replace(part, to)
    sentences = SENTENCE.split(text)
    # A result stays whole, and a parameter keeps its description.
    whole = len(sentences) if re.match(r'Return: |Context: ', text) else bool(re.match(r'@', text))
    if text.startswith(WHOLE) or ELSEWHERE.match(text) and not whole:
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
    for part, to in LINES:
        text = text.replace(part, to)
    return COMMENT.sub(block, text)
