# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The list of the pages: add a document here, and the site has it.

A document that does not exist is left out. A document of docs/ that is not in the list gets a page
under the last heading.
"""
# These pages are made from something else than one document.
FRONT, MANUAL, FAULTS = '(front page)', '(manual)', '(faults)'
# (heading of the menu, documents).
SECTIONS = [
    ('Start', [FRONT, 'README.md', 'CHANGELOG.md']),
    ('Tutorials', ['docs/tutorial.md', 'docs/datasheet.md', 'docs/testing-drivers.md',
                   'docs/three-places.md', 'docs/seeing.md']),
    ('Kinds of device', ['docs/backends.md', 'docs/fabric.md']),
    ('Manual', [MANUAL, FAULTS, 'docs/errors.md']),
    ('Porting', ['docs/porting.md', 'docs/migrate.md']),
    ('Linux kernel', ['docs/kernel.md', 'docs/kernel-tutorial.md', 'docs/rust.md']),
    ('Performance', ['docs/performance.md']),
    ('Project', ['docs/design.md', 'CONTRIBUTING.md']),
]
# The menu calls a page by a short name if its title is long.
SHORT = {FRONT: 'Front page', 'README.md': 'The whole README',
         'docs/testing-drivers.md': 'Testing without hardware',
         'docs/kernel-tutorial.md': 'A driver, converted',
         'docs/backends.md': 'What each backend promises', 'docs/rust.md': 'Comparison with Rust',
         'docs/performance.md': 'Costs and charts'}
# The picture that comes before the first table of a document.
PICTURES = {'docs/backends.md': 'enforce.svg'}
# The pictures that the pages show, with a text for those that do not see them.
ALT = {
    'life.svg': 'The life of a page: a new box is zero and not mapped in the IOMMU. Expose maps it '
                'and makes it a mem with a device address. Reclaim unmaps it and makes it a box '
                'with another address. Free ends it, and its old address stays unused.',
    'enforce.svg': 'A table of the kinds of device. For each it says who keeps the device out of a '
                   'box, of a read-only mem, of reclaimed and of freed memory, and how the driver '
                   'learns of a refused access.',
    'demo.svg': 'A recording of make demo in a terminal. The text below has the same lines.',
}
