# SPDX-License-Identifier: MIT
# Tests of trace/.
tri_test(trace_record
    SOURCES unit/trace_record.c
    LAYERS trace
    LABELS unit trace sanitize)
