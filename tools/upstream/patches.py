# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The patches of the series: which file belongs to which, and what each says.

A file of the kernel face that matches no pattern stops the script, so that a new file cannot be
forgotten. A patch whose files do not exist yet is left out.
"""
import dataclasses
import fnmatch


@dataclasses.dataclass
class Patch:
    """A patch.

    files: patterns of files of this tree. more: files of tools/upstream/files, as (name, path in
        the kernel). lines: what is added to files of the kernel, as (path, pattern of the last line
        before it, text). objects: what make builds, to check the patch. allowed: the complaints of
        checkpatch about macros that are parts of a statement.
    """
    subject: str
    body: str
    files: tuple = ()
    more: tuple = ()
    lines: tuple = ()
    objects: tuple = ()
    allowed: tuple = ()


# Files of the kernel face that are not for the kernel's own tree.
LEFT_OUT = (
    'include/meson.build', 'kernel/Kbuild', 'kernel/shared.c',
    # Userspace and C++.
    'include/coherent/adopt.h', 'include/coherent/device.h', 'include/coherent/lookup.h', 'include/coherent/sim.h',
    'include/coherent/share.h', 'include/coherent/serve.h', 'include/coherent/fabric.h',
    'include/coherent/trace.h', 'include/coherent/pool_many.h', 'include/coherent/config.h',
    'include/coherent/detail/device_base.h',
    'include/coherent/detail/sim_model.h', 'include/coherent/detail/c_only.h',
    'include/coherent/detail/cplusplus.h',
    # gcc shows warnings of the kernel's headers without it.
    'include/coherent/detail/heard.h',
    # The example is a driver of a device that only QEMU has. tools/migrate uses the other file.
    'kernel/edu*', 'kernel/include/coherent/migrate.h',
)
LIBRARY = 'lib/coherent/coherent.o'
MAKEFILE = 'lib/coherent/Makefile'
SERIES = (
    Patch('dma-mapping: Tell what translates for a device', """\
A library that promises to keep a device away from memory must know what
an IOMMU does with the addresses of that device: whether it translates,
and whether it flushes its IOTLB before an unmap returns. Today only the
internals of the DMA API and of the IOMMU layer know that, in headers
that drivers must not include.

Add a few functions that answer just these questions, and tell nobody
more about the domain.""",
          files=('kernel/translate.h',),
          lines=(('kernel/dma/Kconfig', r'\A(?:.*\n)*.*\n', """
config DMA_TRANSLATION
	bool
	depends on HAS_DMA
"""), ('kernel/dma/Makefile', r'^obj-\$\(CONFIG_DMA_MAP_BENCHMARK\).*\n',
       'obj-$(CONFIG_DMA_TRANSLATION)\t\t+= translation.o\n')),
          objects=('kernel/dma/translation.o',)),
    Patch('coherent: Add checks of the arguments of macros', """\
The macros of the next patches take memory of any element type. They
check their arguments when they are compiled, and say in one line what
is wrong.

Add what these checks are made of. The pieces are parts of statements, so
checkpatch reports them.""",
          files=('include/coherent/detail/check.h', 'include/coherent/detail/pick.h',
                 'include/coherent/detail/value.h', 'include/coherent/detail/face.h',
                 'include/coherent/detail/known.h',
                 'kernel/include/coherent/detail/object.h'),
          allowed=('COMPLEX_MACRO', 'MACRO_ARG_UNUSED', 'TRAILING_SEMICOLON')),
    Patch('coherent: Add the accesses to memory that a device reaches', """\
A device may write to coherent memory at any time. So a driver must read
a value once, at its full width, convert it from the byte order of the
device, and order its accesses. Drivers forget each of these.

Add types for values with a byte order that are not integers, so that
the compiler refuses a value that nobody converted. Add the accesses that
the macros of the next patch make, each with the order that its caller
asked for.""",
          files=('include/coherent/detail/mem.h', 'include/coherent/endian.h',
                 'include/coherent/detail/note.h', 'include/coherent/order.h',
                 'include/coherent/version.h')),
    Patch('coherent: Add typed accessors', """\
Coherent memory is a void pointer today. The compiler finds neither a
wrong element type, nor a wrong width, nor an index outside of the
memory.

Add macros that know the element type of a piece of memory. They refuse
at compile time what does not fit, and check or wrap an index when they
run. An access costs the load or store, and a comparison of the index.

The macros are made of parts of one statement, so checkpatch reports
them. The texts that a driver's author gets are on one line.""",
          files=('include/coherent/detail/access.h', 'include/coherent/detail/argument.h',
                 'include/coherent/detail/base.h', 'include/coherent/detail/field.h',
                 'include/coherent/detail/loan_base.h', 'include/coherent/detail/padding.h',
                 'include/coherent/detail/parts.h', 'include/coherent/detail/types.h',
                 'include/coherent/array.h', 'include/coherent/typed.h'),
          allowed=('COMPLEX_MACRO', 'FUNCTION_ARGUMENTS', 'LONG_LINE', 'MACRO_ARG_UNUSED',
                   'MULTISTATEMENT_MACRO_USE_DO_WHILE', 'SPACING', 'SPLIT_STRING',
                   'TRAILING_SEMICOLON', 'TRAILING_STATEMENTS', 'VOLATILE')),
    Patch('coherent: Add boxes and mems', """\
dma_alloc_coherent() gives a driver four values, which the driver has to
keep and to give back together: the device, the size, the pointer and
the address. The device can reach the memory before the driver has
filled it in, and nothing says who may touch it.

Add memory that has an owner. A box belongs to the driver: it has a
pointer, and no device address. Exposing the box makes a mem, which has
an address, and no pointer but accessors. Reclaiming the mem makes a box
again. At the level COHERENT_IOMMU the IOMMU enforces that. At the level
COHERENT_HIDDEN the memory comes from dma_alloc_attrs().

A mem can be mapped to a process. When the mem ends, the pages of the
process are replaced, so that nothing dangles.

The functions are one compilation unit, so that the usual allocation and
free need few instructions more than those of the DMA API.""",
          files=('include/coherent.h', 'include/coherent/handle.h',
                 'include/coherent/expose_all.h', 'include/coherent/options.h',
                 'include/coherent/detail/calls.h',
                 'include/coherent/detail/copy.h', 'kernel/include/coherent/kernel.h',
                 'kernel/include/coherent/debugfs.h', 'kernel/coherent.c', 'kernel/allocate.h',
                 'kernel/end.h', 'kernel/exposures.h', 'kernel/place.h', 'kernel/wait.h',
                 'kernel/device*.h', 'kernel/level.h', 'kernel/managed.h', 'kernel/map.h',
                 'kernel/slots.h', 'kernel/windows.h', 'kernel/mmap.h',
                 'kernel/include/coherent/mmap.h'),
          more=(('Kconfig', 'lib/coherent/Kconfig'), ('Makefile', MAKEFILE)),
          lines=(('lib/Kconfig', r'^source "lib/vdso/Kconfig"\n', '\nsource "lib/coherent/Kconfig"\n'),
                 ('lib/Makefile', r'^obj-\$\(CONFIG_PLDMFW\).*\n',
                  '\nobj-$(CONFIG_LIB_COHERENT) += coherent/\n')),
          objects=(LIBRARY,)),
    Patch('coherent: Add pools of small objects', """\
An IOMMU maps whole pages, so all objects on a page are exposed at once.
dma_pool also keeps its free list in memory that the device reaches.

Add pools whose boxes are private memory. An expose copies the box into
its slot of an exposed page, and the bookkeeping is in memory that no
device reaches.""",
          files=('include/coherent/pool.h', 'include/coherent/detail/pool*.h', 'kernel/pool*.h',
                 'kernel/include/coherent/pool.h',
                 'kernel/include/coherent/detail/*pool*.h'),
          objects=(LIBRARY,)),
    Patch('coherent: Add loans for one transfer', """\
A buffer of a streaming mapping belongs to the device until it is
unmapped, and the CPU must not touch it. Nothing checks that.

Add a third state. A loan has no accessor at all, so code that touches
the memory does not compile. The direction is given once, when the box
is lent.""",
          files=('include/coherent/loan.h', 'kernel/loan*.h', 'kernel/include/coherent/loan.h'),
          objects=(LIBRARY,)),
    Patch('coherent: Add registers and interrupts of PCI devices', """\
A doorbell has to be ordered after the memory that it is about. The
order of readl() and writel() is right for that, and the names and the
width of the registers are left to the driver.

Add accessors for registers with names, which know their width and byte
order, and a wait for an interrupt. checkpatch reports the parts of
their macros, as for the typed accessors.""",
          files=('include/coherent/bar.h', 'include/coherent/detail/registers.h', 'kernel/bar.h',
                 'kernel/include/coherent/detail/kernel_bar.h'),
          objects=(LIBRARY,),
          allowed=('COMPLEX_MACRO', 'MULTISTATEMENT_MACRO_USE_DO_WHILE', 'TRAILING_SEMICOLON')),
    Patch('coherent: Add KUnit tests', """\
The tests check the states of boxes, mems and loans, and the errors of
calls in a wrong state. They need no hardware: the device is one of
KUnit.""",
          more=(('coherent_kunit.c', 'lib/coherent/coherent_kunit.c'),),
          lines=((MAKEFILE, r'^obj-\$\(CONFIG_LIB_COHERENT\).*\n',
                  'obj-$(CONFIG_COHERENT_KUNIT_TEST) += coherent_kunit.o\n'),
                 ('lib/coherent/Kconfig', r'\A(?:.*\n)*.*\n', """
config COHERENT_KUNIT_TEST
	bool "KUnit tests of typed coherent DMA memory" if !KUNIT_ALL_TESTS
	depends on KUNIT=y && HAS_DMA
	default KUNIT_ALL_TESTS
	select LIB_COHERENT
	help
	  This builds the tests of <linux/coherent.h>. They run when the
	  kernel boots, and need no device. For more information on KUnit,
	  see Documentation/dev-tools/kunit/.

	  If unsure, say N.
""")),
          objects=(LIBRARY, 'lib/coherent/coherent_kunit.o')),
    Patch('Documentation: core-api: Describe coherent memory with owners', """\
Describe boxes, mems and loans, the two levels, and what changes in a
driver. The reference comes from the headers.""",
          more=(('coherent.rst', 'Documentation/core-api/coherent.rst'),),
          lines=(('Documentation/core-api/index.rst', r'^   dma-isa-lpc\n', '   coherent\n'),)),
)


def patch_of(path):
    """Returns the number of the patch that a file belongs to; None if it is left out, -1 if unknown."""
    if any(fnmatch.fnmatch(path, pattern) for pattern in LEFT_OUT):
        return None
    for number, patch in enumerate(SERIES):
        if any(fnmatch.fnmatch(path, pattern) for pattern in patch.files):
            return number
    return -1
