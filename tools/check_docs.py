#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Check the comments of public headers: check_docs.py KERNEL_DOC STAMP HEADER...

Fails if kernel-doc warns, or if a public function or macro has no comment.
"""
import re
import subprocess
import sys

# What starts with COHERENT_ is internal but for these.
MACRO = re.compile(r'^#define (coherent_\w+|COHERENT|COHERENT_(?:BOX|VIEW|SLOT|RING|FIELDS)|'
                   r'COHERENT_(?:(?:BOX|VIEW|SLOT|RING)_)?TYPE|'
                   r'COHERENT_(?:(?:BOX|DEVICE|BAR|IRQ|HANDLE)_)?AUTO)\(', re.M)
FUNCTION = re.compile(r'^(?!#|\s|typedef|struct .*\{)[^#\n;{}=]*?\b(coherent_\w+)\(', re.M)
DOCUMENTED = re.compile(r'^ \* (?:struct |enum |typedef |union )?(\w+)(?:\(\))? - ', re.M)
# Functions that only macros call, as the top of the file says.
INTERNAL_HEADERS = ('/mem.h', '/check.h')
INTERNAL = {'coherent_load', 'coherent_store', 'coherent_after_load', 'coherent_before_store',
            'coherent_padding'}


def undocumented(path):
    """Names of what a header offers and does not explain."""
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
