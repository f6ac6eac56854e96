# SPDX-License-Identifier: MIT
# `tricolor trace`: sources and what they need.  Recording needs liblttng-ctl,
# reading libbabeltrace2; without one, a file says so in its place.
pkg_check_modules(JANSSON QUIET IMPORTED_TARGET jansson>=2.13)
pkg_check_modules(LTTNG_CTL QUIET IMPORTED_TARGET lttng-ctl>=2.12)
pkg_check_modules(BABELTRACE QUIET IMPORTED_TARGET babeltrace2>=2.0)

set(tri_trace_tool_sources
    trace_check.c
    trace_check_cleanup.c
    trace_check_cycle.c
    trace_check_pairs.c
    trace_check_whole.c
    trace_command_check.c
    trace_command_export.c
    trace_command_record.c
    trace_events.c
    trace_export.c
    trace_export_perfetto.c
    trace_main.c
    trace_session_any.c
    trace_table.c)
set(tri_trace_tool_libraries "")

if(LTTNG_CTL_FOUND AND NOT TRI_TRACE STREQUAL "off")
    list(APPEND tri_trace_tool_sources
         trace_daemon.c trace_directory.c trace_guard.c trace_session.c)
    list(APPEND tri_trace_tool_libraries PkgConfig::LTTNG_CTL)
else()
    list(APPEND tri_trace_tool_sources trace_session_none.c)
    message(STATUS "tricolor trace record: left out")
endif()
if(BABELTRACE_FOUND)
    list(APPEND tri_trace_tool_sources trace_files.c trace_read.c)
    list(APPEND tri_trace_tool_libraries PkgConfig::BABELTRACE)
else()
    list(APPEND tri_trace_tool_sources trace_read_none.c)
    message(STATUS "tricolor trace check, export: left out, babeltrace2 is "
                   "missing (Debian: libbabeltrace2-dev)")
endif()
