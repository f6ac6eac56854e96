# SPDX-License-Identifier: MIT
# Tests of trace/ and of the tools that read traces.
tri_test(trace_record
    SOURCES unit/trace_record.c
    LAYERS trace
    LABELS unit trace sanitize)

tri_test(trace_values
    SOURCES unit/trace_values.c
    LAYERS trace
    LABELS unit trace)

find_package(Python3 REQUIRED COMPONENTS Interpreter)
tri_add_test(lint_events LABELS lint
    COMMAND "${PROJECT_SOURCE_DIR}/tools/gen-events-doc" --check)
tri_add_test(lint_xml LABELS lint
    COMMAND "${PROJECT_SOURCE_DIR}/tools/check-xml")
tri_add_test(lint_trace_can_fail LABELS lint
    COMMAND Python3::Interpreter
        "${CMAKE_CURRENT_SOURCE_DIR}/tools/trace_lint.py")

set(tools "${PROJECT_SOURCE_DIR}/tools")
set(checker
    ${tools}/trace_check.c
    ${tools}/trace_check_cleanup.c
    ${tools}/trace_check_cycle.c
    ${tools}/trace_check_pairs.c
    ${tools}/trace_check_whole.c
    ${tools}/trace_table.c)
tri_test(trace_check
    SOURCES unit/trace_check.c ${checker}
    LAYERS trace
    LABELS unit trace sanitize)

tri_test(trace_runtime
    SOURCES unit/trace_runtime.c ${checker}
    LAYERS runtime
    LABELS unit trace sanitize PROCESSORS 2)

# `tricolor trace` alone, and a program that emits events without a runtime.
include("${PROJECT_SOURCE_DIR}/tools/trace.cmake")
list(TRANSFORM tri_trace_tool_sources PREPEND "${tools}/")
set(trace_objects $<TARGET_OBJECTS:tri_base> $<TARGET_OBJECTS:tri_trace>
    support/fake_local.c)
if(JANSSON_FOUND)
    add_executable(trace_tool tools/trace_tool.c "${tools}/command.c"
        "${tools}/output.c"
        ${tri_trace_tool_sources} ${trace_objects})
    target_link_libraries(trace_tool PRIVATE tri_flags PkgConfig::JANSSON
        ${tri_trace_tool_libraries} ${CMAKE_DL_LIBS})
    add_executable(trace_program tools/trace_program.c ${trace_objects})
    target_link_libraries(trace_program PRIVATE tri_flags ${CMAKE_DL_LIBS})
    # Where the provider is.
    set_target_properties(trace_program PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
    tri_add_test(trace_lttng
        COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/tools/trace_lttng"
            $<TARGET_FILE:trace_tool> $<TARGET_FILE:trace_program>
            "${Python3_EXECUTABLE}"
        LABELS trace TIMEOUT 180 PROCESSORS 2)
endif()

# With the command itself; `all` of LTTng's processes may be recorded by the
# guide's own sessions, so it runs alone.
if(TARGET tricolor_command AND TARGET tricolor-lttng AND NOT TRI_SANITIZE)
    tri_add_test(trace_run
        COMMAND Python3::Interpreter
            "${CMAKE_CURRENT_SOURCE_DIR}/tools/trace_run.py"
            $<TARGET_FILE:tricolor_command>
        LABELS trace TIMEOUT 240 PROCESSORS 2)
    tri_add_test(trace_guide
        COMMAND Python3::Interpreter
            "${CMAKE_CURRENT_SOURCE_DIR}/tools/trace_guide.py"
            $<TARGET_FILE:tricolor_command>
        LABELS trace TIMEOUT 240)
    set_tests_properties(trace_guide PROPERTIES RUN_SERIAL ON)
endif()
