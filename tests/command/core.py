# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Write a core dump of a process that goes on, as the kernel would (core(5), elf(5)).

It has the records of the library, and the list of the mapped files.
"""
import re
import struct

PT_LOAD, PT_NOTE, NT_FILE = 1, 4, 0x46494c45
PAGE = 4096


def mappings(pid):
    """Yields (first, end, offset in the file, permissions, path)."""
    with open(f'/proc/{pid}/maps', encoding='utf-8') as lines:
        for line in lines:
            found = re.match(r'([0-9a-f]+)-([0-9a-f]+) (\S+) ([0-9a-f]+) \S+ \S+\s*(.*)', line)
            yield (int(found[1], 16), int(found[2], 16), int(found[4], 16), found[3], found[5])


def read(pid, first, end):
    with open(f'/proc/{pid}/mem', 'rb') as memory:
        memory.seek(first)
        return memory.read(end - first)


def note_of(files):
    body = struct.pack('<QQ', len(files), PAGE)
    body += b''.join(struct.pack('<QQQ', first, end, offset // PAGE) for first, end, offset, _, _ in files)
    body += b''.join(path.encode() + b'\0' for *_, path in files)
    body += b'\0' * (-len(body) % 4)
    return struct.pack('<III', 5, len(body), NT_FILE) + b'CORE\0\0\0\0' + body


def write(pid, path, is_extended=False):
    """Write the core dump of a process to a path. With is_extended a section has the number of parts."""
    maps = list(mappings(pid))
    note = note_of([one for one in maps if one[4].startswith('/') and 'memfd' not in one[4]])
    parts = [(first, read(pid, first, end)) for first, end, _, permissions, name in maps
             if name.startswith('/memfd:coherent-records') and permissions.startswith('rw')]
    at = 64 + 56 * (len(parts) + 1)
    programs = struct.pack('<IIQQQQQQ', PT_NOTE, 0, at, 0, 0, len(note), 0, 4)
    at += len(note) + -len(note) % 8
    data = note + b'\0' * (-len(note) % 8)
    for first, memory in parts:
        programs += struct.pack('<IIQQQQQQ', PT_LOAD, 6, at, first, 0, len(memory), len(memory), PAGE)
        at += len(memory)
        data += memory
    count = len(parts) + 1
    section = struct.pack('<IIQQQQIIQQ', 0, 0, 0, 0, 0, 0, 0, count, 0, 0) if is_extended else b''
    head = struct.pack('<16sHHIQQQIHHHHHH', b'\x7fELF\x02\x01\x01', 4, 62, 1, 0, 64,
                       at if is_extended else 0, 0, 64, 56, 0xffff if is_extended else count,
                       64, 1 if is_extended else 0, 0)
    with open(path, 'wb') as core:
        core.write(head + programs + data + section)
