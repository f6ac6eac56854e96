# SPDX-License-Identifier: MIT
# Tests of base/.
tri_test(base_format LAYERS base SOURCES unit/base_format.c
         LABELS unit sanitize)
tri_test(base_symbol LAYERS base SOURCES unit/base_symbol.c
         LABELS unit sanitize smoke)
tri_test(base_lock LAYERS base SOURCES unit/base_lock.c
         LABELS unit sanitize smoke TIMEOUT 120)
tri_test(base_lfstack LAYERS base SOURCES unit/base_lfstack.c
         LABELS stress sanitize smoke)
tri_test(base_memory LAYERS base SOURCES unit/base_memory.c
         LABELS unit fault sanitize)
tri_test(base_option LAYERS base SOURCES unit/base_option.c
         LABELS unit sanitize)
tri_test(base_check LAYERS base SOURCES unit/base_check.c
         LABELS unit crash sanitize smoke)
tri_test(base_metric LAYERS base SOURCES unit/base_metric.c
         LABELS unit sanitize)
