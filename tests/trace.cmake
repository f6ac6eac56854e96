# SPDX-License-Identifier: MIT
tri_test(trace_record
    SOURCES unit/trace_record.c
    LAYERS trace
    LABELS unit trace sanitize)
