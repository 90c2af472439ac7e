// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Each call in this file ignores its result, so each line with a call must be an error. */
#include <coherent.h>
#include <coherent/bar.h>

COHERENT_BOX_TYPE(numbers_box, uint32_t);
COHERENT_TYPE(numbers, uint32_t);

void ignored(union numbers_box *box, union numbers *mem, struct coherent_irq *irq);
void ignored(union numbers_box *box, union numbers *mem, struct coherent_irq *irq)
{
	coherent_expose(box, mem);
	coherent_write(mem, 3, 42);
	coherent_irq_wait(irq, 0);
}
