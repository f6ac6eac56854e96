# SPDX-License-Identifier: MIT
# Tests of trace/ and of the tools that read traces.
tri_test(trace_record
    SOURCES unit/trace_record.c
    LAYERS trace
    LABELS unit trace sanitize)

set(tools "${PROJECT_SOURCE_DIR}/tools")
tri_test(trace_check
    SOURCES unit/trace_check.c
        ${tools}/trace_check.c
        ${tools}/trace_check_cleanup.c
        ${tools}/trace_check_cycle.c
        ${tools}/trace_check_pairs.c
        ${tools}/trace_table.c
    LAYERS trace
    LABELS unit trace sanitize)
