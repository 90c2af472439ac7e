// SPDX-License-Identifier: GPL-2.0-only OR MIT
// The calls that allocate and free coherent memory. Each line of the output says what it is, and
// where it begins. The program reads the arguments from the source itself.

@alloc@
expression target;
type T;
position p, q;
@@
(
target@q = \(dma_alloc_coherent@p\|dmam_alloc_coherent@p\|dma_alloc_attrs@p\|dmam_alloc_attrs@p\)(...)
|
target@q = (T)\(dma_alloc_coherent@p\|dmam_alloc_coherent@p\|dma_alloc_attrs@p\|dmam_alloc_attrs@p\)(...)
)

@script:python@
p << alloc.p;
q << alloc.q;
@@
print("target", p[0].line, p[0].column, q[0].line, q[0].column, q[0].line_end, q[0].column_end,
      flush=True)

@call@
position p;
@@
\(dma_alloc_coherent@p\|dmam_alloc_coherent@p\|dma_alloc_attrs@p\|dmam_alloc_attrs@p\|dma_free_coherent@p\|dmam_free_coherent@p\|dma_free_attrs@p\)(...)

@script:python@
p << call.p;
@@
print("call", p[0].line, p[0].column, p[0].current_element, flush=True)
