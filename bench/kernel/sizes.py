# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Measure the text of a driver that allocates memory, tells its address to the device, and frees it.

Each side is compiled with one use in a file, and with some more. The difference of two files is the
text of a further use.
"""
import os
import re
import subprocess
import tempfile

SOURCE_DIR = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# The most text of the first use in a file, and of each further one.
GOALS = {'first': 350, 'further': 130}
MORE = 4
SIDES = {
    'raw': ('c', '''#include <linux/dma-mapping.h>
''', '''
int use{0}(struct device *dev, void (*tell)(u64 address));
int use{0}(struct device *dev, void (*tell)(u64 address))
{{
	dma_addr_t address;
	u64 *memory = dma_alloc_coherent(dev, 64 + {0}, &address, GFP_KERNEL);

	if (!memory)
		return -ENOMEM;
	tell(address);
	dma_free_coherent(dev, 64 + {0}, memory, address);
	return 0;
}}
'''),
    'C': ('c', '''#include <coherent.h>
COHERENT_TYPE(words, u64);
''', '''
int use{0}(struct device *dev, void (*tell)(u64 address));
int use{0}(struct device *dev, void (*tell)(u64 address))
{{
	union words mem = COHERENT_EMPTY;
	int err = coherent_zeroed(&mem, dev, 8 + {0});

	if (err)
		return err;
	tell(coherent_addr(&mem).raw);
	coherent_free(&mem);
	return 0;
}}
'''),
    'Rust': ('rs', '''//! Uses.
#![allow(missing_docs)]
use kernel::{device::{Bound, Device}, dma::Coherent, prelude::*};
''', '''
#[no_mangle]
pub fn use{0}(dev: &Device<Bound>, tell: fn(u64)) -> Result {{
    let shared: Coherent<[u64]> = Coherent::zeroed_slice(dev, 8 + {0}, GFP_KERNEL)?;
    tell(shared.dma_address());
    Ok(())
}}
'''),
}


def text_of(path):
    """Returns the bytes of all text of an object, also the text that is cold."""
    told = subprocess.run(['size', '-A', path], check=True, capture_output=True, text=True).stdout
    return sum(int(size) for size in re.findall(r'^\.text\S* +(\d+)', told, re.M))


def measure(kernel, rust):
    """Yields {side, use, text} for each side. Those of the library have goals."""
    sides = {name: side for name, side in SIDES.items() if rust or name != 'Rust'}
    with tempfile.TemporaryDirectory() as folder:
        objects = []
        for name, (ending, start, use) in sides.items():
            for count in (1, 1 + MORE):
                objects.append(f'{name.lower()}{count}')
                with open(os.path.join(folder, f'{objects[-1]}.{ending}'), 'w',
                          encoding='utf-8') as out:
                    out.write(start + ''.join(use.format(number) for number in range(count)))
        with open(os.path.join(folder, 'Kbuild'), 'w', encoding='utf-8') as kbuild:
            kbuild.write(f'ccflags-y := -I{SOURCE_DIR}/kernel/include -I{SOURCE_DIR}/include\n')
            kbuild.writelines(f'obj-m += {name}.o\n' for name in objects)
        kernel.make(folder, *(f'{name}.o' for name in objects))
        for name in sides:
            first, many = (text_of(os.path.join(folder, f'{name.lower()}{count}.o'))
                           for count in (1, 1 + MORE))
            for use, text in (('first', first), ('further', (many - first) // MORE)):
                goal = {'goal': f'{GOALS[use]}', 'met': text <= GOALS[use]} if name == 'C' else {}
                yield {'side': name, 'use': use, 'text': text, **goal}
