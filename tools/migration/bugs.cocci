// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Accesses to coherent memory in an order that the device can see, and reads that the device can
// change between. The program puts the names of one field and of its element type into the place
// of "ring_field" and "struct element", and judges what each line of the output shows. A field
// must not have the name of a metavariable, so these end with "__".

@own_pointer exists@
struct element *desc__;
expression value1__, value2__, other__, again__;
identifier field1__, field2__;
assignment operator op1__;
assignment operator op2__;
position at__, later__;
@@
desc__->field1__@at__ op1__ value1__
... when != \(dma_wmb\|wmb\|mb\|smp_wmb\|smp_mb\|barrier\|dma_mb\|iowmb\|eieio\)()
    when != desc__ = other__
    when != \(desc__++\|++desc__\|desc__--\|--desc__\)
    when != desc__->field2__ = again__
desc__->field2__@later__ op2__ value2__

@script:python@
p << own_pointer.at__;
q << own_pointer.later__;
f1 << own_pointer.field1__;
f2 << own_pointer.field2__;
e2 << own_pointer.value2__;
@@
if f1 != f2:
    print("own", p[0].line, q[0].line, q[0].column, f1, f2, e2, p[0].column, sep="\t", flush=True)

@own_index exists@
expression base__, index__, value1__, value2__, other__;
identifier field1__, field2__;
assignment operator op1__;
assignment operator op2__;
position at__, later__;
@@
\(base__->ring_field[index__].field1__@at__\|base__.ring_field[index__].field1__@at__\) op1__ value1__
... when != \(dma_wmb\|wmb\|mb\|smp_wmb\|smp_mb\|barrier\|dma_mb\|iowmb\|eieio\)()
    when != index__ = other__
    when != \(index__++\|++index__\|index__--\|--index__\)
\(base__->ring_field[index__].field2__@later__\|base__.ring_field[index__].field2__@later__\) op2__ value2__

@script:python@
p << own_index.at__;
q << own_index.later__;
f1 << own_index.field1__;
f2 << own_index.field2__;
e2 << own_index.value2__;
@@
if f1 != f2:
    print("own", p[0].line, q[0].line, q[0].column, f1, f2, e2, p[0].column, sep="\t", flush=True)

@own_both exists@
struct element *desc__;
expression base__, index__, value1__, value2__, other__;
identifier field1__, field2__;
assignment operator op1__;
assignment operator op2__;
position at__, later__;
@@
\(desc__ = &base__->ring_field[index__]\|desc__ = base__->ring_field + index__\)
... when != desc__ = other__
    when != \(desc__++\|++desc__\|desc__--\|--desc__\)
    when != index__ = other__
    when != \(index__++\|++index__\|index__--\|--index__\)
base__->ring_field[index__].field1__@at__ op1__ value1__
... when != \(dma_wmb\|wmb\|mb\|smp_wmb\|smp_mb\|barrier\|dma_mb\|iowmb\|eieio\)()
    when != desc__ = other__
    when != \(desc__++\|++desc__\|desc__--\|--desc__\)
    when != index__ = other__
    when != \(index__++\|++index__\|index__--\|--index__\)
desc__->field2__@later__ op2__ value2__

@script:python@
p << own_both.at__;
q << own_both.later__;
f1 << own_both.field1__;
f2 << own_both.field2__;
e2 << own_both.value2__;
@@
if f1 != f2:
    print("own", p[0].line, q[0].line, q[0].column, f1, f2, e2, p[0].column, sep="\t", flush=True)

@access@
struct element *desc__;
expression base__, index__;
identifier field__;
position at__;
@@
\(desc__->field__@at__\|base__->ring_field[index__].field__@at__\|base__->ring_field->field__@at__\|base__.ring_field[index__].field__@at__\)

@script:python@
p << access.at__;
f << access.field__;
@@
print("loop", p[0].line, p[0].line, p[0].column, f, sep="\t", flush=True)

@twice_pointer exists@
struct element *desc__;
expression other__, again__;
identifier field__;
position at__, later__;
@@
desc__->field__@at__
... when != \(dma_rmb\|rmb\|mb\|smp_rmb\|smp_mb\|barrier\|dma_mb\)()
    when != desc__ = other__
    when != \(desc__++\|++desc__\|desc__--\|--desc__\)
    when != desc__->field__ = again__
desc__->field__@later__

@script:python@
p << twice_pointer.at__;
q << twice_pointer.later__;
f << twice_pointer.field__;
@@
print("twice", p[0].line, q[0].line, q[0].column, f, p[0].column, sep="\t", flush=True)

@twice_index exists@
expression base__, index__, other__, again__;
identifier field__;
position at__, later__;
@@
base__->ring_field[index__].field__@at__
... when != \(dma_rmb\|rmb\|mb\|smp_rmb\|smp_mb\|barrier\|dma_mb\)()
    when != index__ = other__
    when != \(index__++\|++index__\|index__--\|--index__\)
    when != base__->ring_field[index__].field__ = again__
base__->ring_field[index__].field__@later__

@script:python@
p << twice_index.at__;
q << twice_index.later__;
f << twice_index.field__;
@@
print("twice", p[0].line, q[0].line, q[0].column, f, p[0].column, sep="\t", flush=True)

@bell exists@
struct element *desc__;
expression base__, index__, value__, number__, where__;
identifier field__;
assignment operator op__;
position at__, later__;
@@
\(desc__->field__@at__\|base__->ring_field[index__].field__@at__\|base__.ring_field[index__].field__@at__\|base__->ring_field->field__@at__\) op__ value__
... when != \(dma_wmb\|wmb\|mb\|smp_wmb\|smp_mb\|dma_mb\|iowmb\|eieio\)()
    when != \(writel\|writew\|writeq\|iowrite32\|iowrite32be\)(...)
\(writel_relaxed@later__\|writew_relaxed@later__\|writeq_relaxed@later__\|__raw_writel@later__\|__raw_writeq@later__\)(number__, where__)

@script:python@
p << bell.at__;
q << bell.later__;
f << bell.field__;
@@
print("bell", p[0].line, q[0].line, q[0].column, f, p[0].column, sep="\t", flush=True)
