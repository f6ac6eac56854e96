# SPDX-License-Identifier: MIT
# Tests of alloc/.
tri_test(alloc_sizeclass LAYERS alloc SOURCES unit/alloc_sizeclass.c
         LABELS unit sanitize)
tri_add_test(alloc_sizeclass_generator
             COMMAND "${PROJECT_SOURCE_DIR}/tools/gen-sizeclasses" --check
                     "${PROJECT_SOURCE_DIR}/alloc/sizeclass_table.h"
             LABELS unit)
tri_test(alloc_span LAYERS alloc SOURCES unit/alloc_span.c
         LABELS unit sanitize smoke)
tri_test(alloc_heap LAYERS alloc SOURCES unit/alloc_heap.c
         LABELS unit sanitize smoke)
tri_test(alloc_page_bits LAYERS alloc SOURCES unit/alloc_page_bits.c
         LABELS unit sanitize)
tri_test(alloc_page_alloc LAYERS alloc SOURCES unit/alloc_page_alloc.c
         LABELS unit sanitize)
tri_test(alloc_limits LAYERS alloc SOURCES unit/alloc_limits.c
         LABELS unit fault sanitize)
tri_test(alloc_span_set LAYERS alloc SOURCES stress/alloc_span_set.c
         LABELS stress sanitize release PROCESSORS 2)
tri_test(alloc_heap_threads LAYERS alloc SOURCES stress/alloc_heap_threads.c
         LABELS stress sanitize release PROCESSORS 2)
tri_test(alloc_cost LAYERS alloc SOURCES stress/alloc_cost.c
         LABELS stress smoke PROCESSORS 2)
