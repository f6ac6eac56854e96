# SPDX-License-Identifier: MIT
# How a test is declared.
#
# tri_test(NAME SOURCES file... [LAYERS top] [LABELS label...] [TIMEOUT s]
#          [ARGS arg...] [LIBRARIES target...] [ENVIRONMENT A=B...]
#          [PROCESSORS n] [STATIC])
#
# One test program and its ctest entry.  With LAYERS it is linked from the
# objects of that layer and those below, and may test internals; without, it
# uses the public library (STATIC: the static one), and is left out while there
# is none.  Below the runtime, tests/support/fake_*.c stand in for it.
#
# Labels: unit stress crash fault trace api lint; `sanitize` puts it among what
# runs under asan and tsan too; `smoke` among what runs in release and lto, `release`
# in release alone, where a compiler can hardly break it; `long` takes it out of the
# default run, and `soak` is for tools/test --long.  TRI_TEST_LABELS says for
# which labels programs are built.

function(tri_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "STATIC"
        "LAYERS;TIMEOUT;PROCESSORS"
        "SOURCES;LABELS;ARGS;LIBRARIES;ENVIRONMENT")
    if(arg_UNPARSED_ARGUMENTS OR NOT arg_SOURCES)
        message(FATAL_ERROR "tri_test(${name}): wrong arguments")
    endif()
    set(support "${PROJECT_SOURCE_DIR}/tests/support")
    if(arg_LAYERS)
        tri_layers_up_to(${arg_LAYERS} layers)
        if(NOT arg_LAYERS IN_LIST layers)
            message(STATUS "${name}: layer ${arg_LAYERS} is empty, left out")
            return()
        endif()
        set(objects "")
        if(NOT "runtime" IN_LIST layers)
            list(APPEND objects "${support}/fake_local.c")
        endif()
        if(arg_LAYERS STREQUAL "gc" AND EXISTS "${support}/fake_host.c")
            list(APPEND objects "${support}/fake_host.c")
        endif()
        get_property(libraries GLOBAL PROPERTY tri_layer_libraries)
        foreach(layer IN LISTS layers)
            list(APPEND objects $<TARGET_OBJECTS:tri_${layer}>)
        endforeach()
    elseif(NOT TARGET tricolor)
        message(STATUS "${name}: no library yet, left out")
        return()
    elseif(arg_STATIC)
        set(libraries tricolor::static)
    else()
        set(libraries tricolor::tricolor)
    endif()

    add_executable(${name} ${arg_SOURCES} ${objects})
    tri_test_program(${name})
    # Below the runtime nobody serves sequences.
    if(arg_LAYERS STREQUAL "runtime")
        target_compile_definitions(${name} PRIVATE ${tri_protect_definitions})
    endif()
    target_link_libraries(${name} PRIVATE tri_flags ${arg_LIBRARIES}
                                          ${libraries} ${CMAKE_DL_LIBS} m)
    tri_add_test(${name} COMMAND ${name} ${arg_ARGS} LABELS ${arg_LABELS}
                 TIMEOUT ${arg_TIMEOUT} PROCESSORS ${arg_PROCESSORS}
                 ENVIRONMENT ${arg_ENVIRONMENT})
endfunction()

# tri_test_program(NAME): one with the main function of tests/support/test.c.
function(tri_test_program name)
    target_sources(${name} PRIVATE $<TARGET_OBJECTS:tri_test_main>)
    set_property(GLOBAL APPEND PROPERTY tri_test_programs ${name})
endfunction()

# tri_leave_out_programs(): after all tests.  Those that TRI_TEST_LABELS leaves out
# are built only when somebody asks for them by name.
function(tri_leave_out_programs)
    if(NOT TRI_TEST_LABELS)
        return()
    endif()
    get_property(programs GLOBAL PROPERTY tri_test_programs)
    get_property(wanted GLOBAL PROPERTY tri_test_wanted)
    if(wanted)
        list(REMOVE_ITEM programs ${wanted})
    endif()
    if(programs)
        set_target_properties(${programs} PROPERTIES EXCLUDE_FROM_ALL ON)
    endif()
    list(LENGTH programs count)
    message(STATUS "test programs left out by TRI_TEST_LABELS: ${count}; "
                   "ninja NAME builds one")
endfunction()

# tri_add_test(NAME COMMAND ... [LABELS ...] [TIMEOUT s] [PROCESSORS n]
#              [ENVIRONMENT ...])
# The ctest entry alone, for scripts and second runs of a program.  A command
# that ends with status 77 counts as skipped.
function(tri_add_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT;PROCESSORS"
                          "COMMAND;LABELS;ENVIRONMENT")
    add_test(NAME ${name} COMMAND ${arg_COMMAND})
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 60)
    endif()
    if(NOT arg_PROCESSORS)
        set(arg_PROCESSORS 1)
    endif()
    if(NOT arg_LABELS)
        set(arg_LABELS unit)
    endif()
    foreach(label IN LISTS arg_LABELS)
        if(TRI_TEST_LABELS AND label MATCHES "${TRI_TEST_LABELS}")
            list(TRANSFORM arg_COMMAND
                 REPLACE "^\\$<TARGET_FILE:([^>]+)>$" "\\1" OUTPUT_VARIABLE words)
            set_property(GLOBAL APPEND PROPERTY tri_test_wanted ${words})
            break()
        endif()
    endforeach()
    set_tests_properties(${name} PROPERTIES
        LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT}
        PROCESSORS ${arg_PROCESSORS} SKIP_RETURN_CODE 77
        ENVIRONMENT "${tri_sanitizer_environment};${arg_ENVIRONMENT}")
endfunction()

# Stack use after return stays off: its fake frames lie outside the stacks that
# the collector scans, so a local variable would keep nothing alive.
set(tri_sanitizer_environment
    "ASAN_OPTIONS=detect_stack_use_after_return=0:abort_on_error=1"
    "UBSAN_OPTIONS=print_stacktrace=1:abort_on_error=1"
    "TSAN_OPTIONS=halt_on_error=1:abort_on_error=1:suppressions=${PROJECT_SOURCE_DIR}/tests/support/tsan.supp"
    "LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/support/lsan.supp")
