# SPDX-License-Identifier: MIT
# Tests of gc/.
add_executable(gc_pacer unit/gc_pacer.c ../gc/pacer.c support/test.c)
target_link_libraries(gc_pacer PRIVATE tri_flags m)
tri_add_test(gc_pacer COMMAND gc_pacer LABELS unit sanitize)
tri_test(gc_collect LAYERS gc SOURCES unit/gc_collect.c
         LABELS unit sanitize smoke TIMEOUT 120)
