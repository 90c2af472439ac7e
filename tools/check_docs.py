#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Check the kernel-doc comments of public headers.

usage: check_docs.py KERNEL_DOC STAMP HEADER...

Fails if kernel-doc warns about a header, or if a public function or macro has no comment. Otherwise
writes the empty file STAMP.
"""
import re
import subprocess
import sys

# These macros are public. Other macros that start with COHERENT_ are internal.
MACRO = re.compile(r'^#define (coherent_\w+|COHERENT|COHERENT_(?:BOX|VIEW|SLOT|RING|FIELDS)|'
                   r'COHERENT_(?:(?:BOX|VIEW|SLOT|RING|BAR)_)?TYPE|'
                   r'COHERENT_(?:(?:BOX|DEVICE|BAR|IRQ|HANDLE)_)?AUTO)\(', re.M)
FUNCTION = re.compile(r'^(?!#|\s|typedef|struct .*\{)[^#\n;{}=]*?\b(coherent_\w+)\(', re.M)
DOCUMENTED = re.compile(r'^ \* (?:struct |enum |typedef |union )?(\w+)(?:\(\))? - ', re.M)
# Only macros call the functions in these headers and the functions below.
INTERNAL_HEADERS = ('/mem.h', '/check.h', '/known.h', '/argument.h', '/registers.h',
                    '/cplusplus.h', '/c_only.h', '/field.h', '/copy.h', '/loan_base.h')
INTERNAL = {'coherent_load', 'coherent_store', 'coherent_after_load', 'coherent_before_store',
            'coherent_padding', 'coherent_clear_padding'}


def undocumented(path):
    """Return the public names of a header that have no comment."""
    with open(path, encoding='utf-8') as header:
        text = header.read()
    if path.endswith(INTERNAL_HEADERS):
        return []
    if path.endswith(('/order.h', '/padding.h')):
        internal = INTERNAL
    else:
        internal = set()
    public = set(MACRO.findall(text)) | set(FUNCTION.findall(text))
    return sorted(public - internal - set(DOCUMENTED.findall(text)))


def main():
    if len(sys.argv) < 4:
        print('usage: check_docs.py KERNEL_DOC STAMP HEADER...', file=sys.stderr)
        sys.exit(2)
    kernel_doc, stamp, *headers = sys.argv[1:]
    run = subprocess.run([kernel_doc, '-none', '-Werror', *headers], check=False,
                         capture_output=True, text=True)
    lines = run.stderr.splitlines()
    for path in headers:
        lines += [f'{path}: {name} has no kernel-doc comment' for name in undocumented(path)]
    if run.returncode or lines:
        sys.exit('\n'.join(lines) or 'kernel-doc failed')
    with open(stamp, 'w', encoding='utf-8'):
        pass


if __name__ == '__main__':
    main()
