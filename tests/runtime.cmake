# SPDX-License-Identifier: MIT
# Tests of runtime/.
tri_test(rt_runq LAYERS base SOURCES stress/rt_runq.c
         LABELS stress sanitize smoke)
tri_test(rt_chan SOURCES unit/rt_chan.c LABELS unit sanitize smoke
         TIMEOUT 120 PROCESSORS 2 ENVIRONMENT TRI_DEBUG=clobberfree=1)
tri_test(rt_sync SOURCES unit/rt_sync.c LABELS unit sanitize smoke
         TIMEOUT 120 PROCESSORS 2)
tri_test(rt_locks LAYERS runtime SOURCES unit/rt_locks.c
         LABELS unit sanitize release TIMEOUT 120 PROCESSORS 2)
tri_test(rt_select SOURCES unit/rt_select.c LABELS unit sanitize smoke
         TIMEOUT 120 PROCESSORS 2 ENVIRONMENT TRI_DEBUG=clobberfree=1)
tri_test(rt_select_storm SOURCES stress/rt_select_storm.c
         LABELS stress sanitize smoke TIMEOUT 180 PROCESSORS 2
         ENVIRONMENT TRI_DEBUG=clobberfree=1)
tri_test(rt_timer LAYERS runtime SOURCES unit/rt_timer.c support/collect.c
         LABELS unit sanitize release TIMEOUT 120 PROCESSORS 2)
# Every call of these yields at random: what lies between two steps happens.
foreach(test IN ITEMS rt_locks rt_select rt_select_storm rt_timer)
    if(TARGET ${test})
        tri_add_test(${test}_fuzz COMMAND ${test}
            LABELS stress sanitize TIMEOUT 180 PROCESSORS 2
            ENVIRONMENT TRI_DEBUG=clobberfree=1,schedfuzz=17)
    endif()
endforeach()
foreach(test IN ITEMS rt_scan rt_scan_states rt_scan_elsewhere)
    tri_test(${test} LAYERS runtime SOURCES unit/${test}.c support/scan.c
             LABELS unit sanitize smoke TIMEOUT 120 PROCESSORS 2)
endforeach()
tri_test(rt_stacks LAYERS runtime SOURCES unit/rt_stacks.c
         LABELS unit sanitize release TIMEOUT 120 PROCESSORS 2)
tri_test(rt_guards LAYERS runtime SOURCES unit/rt_guards.c
         LABELS unit crash release TIMEOUT 60 PROCESSORS 2)
tri_test(rt_world LAYERS runtime SOURCES stress/rt_world.c
         LABELS stress sanitize smoke TIMEOUT 180 PROCESSORS 2)
tri_test(rt_suspend LAYERS runtime SOURCES stress/rt_suspend.c
         LABELS stress sanitize smoke TIMEOUT 180 PROCESSORS 2)
# Under TSan it forks and preempts where the sanitizer has locks (SIG-5).
set(sanitized "")
if(TRI_SANITIZE STREQUAL "thread")
    set(sanitized sanitize)
endif()
tri_test(rt_births SOURCES stress/rt_births.c
         LABELS stress ${sanitized} release TIMEOUT 240 PROCESSORS 2)
tri_test(rt_procs LAYERS runtime SOURCES stress/rt_procs.c
         LABELS stress sanitize smoke TIMEOUT 180 PROCESSORS 2)
# As above, and for a short while: a quarter of a second, where time is to pass; and
# of rt_procs what is not about slices.
set(rt_procs_fuzzed short_blocking_calls_on_many_goroutines_come_back
    blocked_reads_leave_their_p_to_others who_walks_the_ps_meets_whole_ones
    whose_word_was_taken_back_changes_nothing
    changing_the_number_of_ps_strands_nobody)
foreach(test IN ITEMS rt_chan rt_sync rt_procs rt_world)
    if(TARGET ${test})
        tri_add_test(${test}_fuzz
            COMMAND ${test} --seconds 0.25 ${${test}_fuzzed}
            LABELS stress TIMEOUT 180 PROCESSORS 2
            ENVIRONMENT TRI_DEBUG=clobberfree=1,schedfuzz=17)
    endif()
endforeach()
tri_test(rt_defer LAYERS runtime SOURCES stress/rt_defer.c
         LABELS stress sanitize release TIMEOUT 180 PROCESSORS 2)
if(TARGET rt_defer)
    tri_add_test(rt_defer_fuzz COMMAND rt_defer tokens_go_on_while_ps_come_and_go
        LABELS stress sanitize TIMEOUT 180 PROCESSORS 2
        ENVIRONMENT TRI_DEBUG=schedfuzz=17)
endif()
tri_test(rt_after_main SOURCES unit/rt_after_main.c
         LABELS unit sanitize smoke TIMEOUT 60 PROCESSORS 2)
tri_test(rt_pauses SOURCES unit/rt_pauses.c
         LABELS unit sanitize smoke PROCESSORS 2)
tri_test(rt_retired_p SOURCES unit/rt_retired_p.c
         LABELS unit sanitize smoke TIMEOUT 180 PROCESSORS 2)
tri_test(rt_tls SOURCES stress/rt_tls.c LABELS stress sanitize smoke
         TIMEOUT 120 PROCESSORS 2)
tri_test(rt_straggler LAYERS runtime SOURCES unit/rt_straggler.c
         LABELS unit crash sanitize TIMEOUT 120 PROCESSORS 2)
tri_test(rt_dump SOURCES unit/rt_dump.c
         LABELS unit crash sanitize smoke TIMEOUT 120 PROCESSORS 2)
tri_test(rt_poll LAYERS runtime SOURCES unit/rt_poll.c support/collect.c
         LABELS unit sanitize smoke TIMEOUT 120 PROCESSORS 2)
tri_test(rt_poll_kinds LAYERS runtime
         SOURCES unit/rt_poll_kinds.c support/collect.c
         LABELS unit sanitize release TIMEOUT 120 PROCESSORS 2)
tri_test(rt_poll_process LAYERS runtime
         SOURCES unit/rt_poll_process.c support/collect.c
         LABELS unit sanitize release TIMEOUT 120 PROCESSORS 2)
# It lets descriptors run out: sysmon is not to open any meanwhile.
tri_test(rt_poll_life LAYERS runtime
         SOURCES unit/rt_poll_life.c support/collect.c
         LABELS unit sanitize release TIMEOUT 120 PROCESSORS 2
         ENVIRONMENT TRI_DEBUG=followcpus=0)
tri_test(rt_poll_echo SOURCES stress/rt_poll_echo.c support/collect.c
         LABELS stress sanitize release TIMEOUT 180 PROCESSORS 2
         ENVIRONMENT TRI_DEBUG=gcstress=200,clobberfree=1,schedfuzz=7)
tri_test(rt_topology LAYERS runtime SOURCES unit/rt_topology.c
         LABELS unit crash sanitize TIMEOUT 120 PROCESSORS 2)
tri_test(rt_quota LAYERS runtime SOURCES unit/rt_quota.c
         LABELS unit sanitize smoke TIMEOUT 120 PROCESSORS 2)
tri_test(rt_numa LAYERS runtime SOURCES unit/rt_numa.c support/collect.c
         LABELS unit crash sanitize smoke TIMEOUT 120 PROCESSORS 2)
tri_test(rt_fork LAYERS runtime SOURCES unit/rt_fork.c
         LABELS unit crash sanitize smoke TIMEOUT 180 PROCESSORS 2)

tri_test(rt_marking LAYERS runtime
         SOURCES unit/rt_marking.c support/collect.c support/marking.c
         LABELS unit crash sanitize smoke TIMEOUT 120 PROCESSORS 2)
tri_test(rt_million LAYERS runtime SOURCES stress/rt_million.c
         LABELS stress sanitize release TIMEOUT 180 PROCESSORS 2)
if(TARGET rt_million)
    tri_add_test(rt_million_long COMMAND rt_million LABELS stress long
                 TIMEOUT 600 PROCESSORS 2 ENVIRONMENT TRI_MILLION=1000000)
endif()
tri_test(rt_spawn SOURCES stress/rt_spawn.c support/collect.c
         LABELS stress sanitize release TIMEOUT 180 PROCESSORS 2
         ENVIRONMENT TRI_DEBUG=gccheckmark=1,clobberfree=1)

# Two libraries that rt_roots loads and unloads under the collector.
tri_test(rt_roots LAYERS runtime
         SOURCES stress/rt_roots.c support/marking.c
         LABELS stress sanitize release TIMEOUT 180 PROCESSORS 2
         ENVIRONMENT TRI_DEBUG=gccheckmark=1,clobberfree=1)
tri_test(rt_root_ranges LAYERS runtime
         SOURCES stress/rt_root_ranges.c support/marking.c
         LABELS stress sanitize release TIMEOUT 180 PROCESSORS 2
         ENVIRONMENT TRI_DEBUG=gccheckmark=1,clobberfree=1)
if(TARGET rt_roots)
    foreach(which IN ITEMS A B)
        add_library(rt_root_library_${which} MODULE support/root_library.c)
        target_link_libraries(rt_root_library_${which} PRIVATE tri_flags)
        add_dependencies(rt_roots rt_root_library_${which})
        target_compile_definitions(rt_roots PRIVATE
            ROOT_LIBRARY_${which}="$<TARGET_FILE:rt_root_library_${which}>")
    endforeach()
endif()
tri_test(rt_embed LAYERS runtime SOURCES unit/rt_embed.c
         LABELS unit crash smoke TIMEOUT 120)
if(TARGET rt_embed AND TARGET rt_root_library_A)
    add_dependencies(rt_embed rt_root_library_A)
    target_compile_definitions(rt_embed PRIVATE
        ROOT_LIBRARY_A="$<TARGET_FILE:rt_root_library_A>")
endif()
if(TARGET rt_embed AND TARGET tricolor-lttng)
    add_dependencies(rt_embed tricolor-lttng)
    target_compile_definitions(rt_embed PRIVATE
        LTTNG_PROVIDER="$<TARGET_FILE:tricolor-lttng>")
endif()
if(TARGET rt_tls)
    tri_add_test(rt_tls_long COMMAND rt_tls --seconds 60
                 LABELS stress long soak TIMEOUT 300 PROCESSORS 2)
endif()
tri_test(rt_crash SOURCES unit/rt_crash.c LABELS unit crash smoke
         TIMEOUT 120)

# Loops of TRI_STORE as restartable sequences, in the program and in a library.
set_property(SOURCE support/sequence_stores.c APPEND PROPERTY
             COMPILE_OPTIONS -O2 -funroll-loops)
function(tri_sequence_test name source)
    add_executable(${name} ${source} support/sequence_stores.c ${ARGN})
    tri_test_program(${name})
    get_property(libraries GLOBAL PROPERTY tri_layer_libraries)
    target_link_libraries(${name} PRIVATE tri_flags ${libraries}
                                          ${CMAKE_DL_LIBS} m)
    target_compile_definitions(${name} PRIVATE
        SEQUENCE_STORES=sequence_stores_exe
        SEQUENCE_LIBRARY="$<TARGET_FILE:rt_sequence_library>")
    set_target_properties(${name} PROPERTIES ENABLE_EXPORTS ON)
    add_dependencies(${name} rt_sequence_library)
endfunction()

if(TARGET tri_runtime)
    add_library(rt_sequence_library MODULE support/sequence_stores.c)
    target_link_libraries(rt_sequence_library PRIVATE tri_flags)
    target_compile_definitions(rt_sequence_library PRIVATE
        SEQUENCE_STORES=sequence_stores_so)
    set(lower "")
    foreach(layer IN ITEMS base trace alloc gc)
        list(APPEND lower $<TARGET_OBJECTS:tri_${layer}>)
    endforeach()
    tri_sequence_test(rt_sequence stress/rt_sequence.c
                      ${lower} $<TARGET_OBJECTS:tri_runtime>)
    # Eight tests, each of which gives up after a minute.
    tri_add_test(rt_sequence COMMAND rt_sequence
                 LABELS stress sanitize smoke TIMEOUT 600 PROCESSORS 2)
    tri_sequence_test(rt_sequence_table unit/rt_sequence_table.c
                      ${lower} $<TARGET_OBJECTS:tri_runtime>)
    tri_add_test(rt_sequence_table COMMAND rt_sequence_table
                 LABELS unit crash sanitize smoke)
endif()

# rt_sequence_broken_X: the same without one half of runtime/rewind.c.
# Only that test, of which it dies.
function(tri_broken_rewind what test)
    string(TOUPPER "${what}" upper)
    set(name rt_sequence_broken_${what})
    tri_sequence_test(${name} stress/rt_sequence.c
        "${PROJECT_SOURCE_DIR}/runtime/rewind.c" ${lower}
        "$<FILTER:$<TARGET_OBJECTS:tri_runtime>,EXCLUDE,/rewind\\.c>")
    target_compile_definitions(${name} PRIVATE TRI_BREAK_${upper}=1)
    tri_add_test(${name}
        COMMAND "${PROJECT_SOURCE_DIR}/tests/support/expect-failure" abort
                "was due" $<TARGET_FILE:${name}> --seconds 60 ${test}
        LABELS stress smoke TIMEOUT 180 PROCESSORS 2)
endfunction()
if(TARGET tri_runtime AND NOT TRI_SANITIZE
   AND CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    tri_broken_rewind(rewind a_store_is_not_done_half)
    tri_broken_rewind(older nor_under_a_handler)
    tri_broken_rewind(elsewhere nor_under_one_over_another)
    tri_broken_rewind(returned nor_while_a_handler_returns)
endif()

# rt_broken_X: a test of the runtime over one that has a fault (TRI_BREAK_X in
# FILE), in which it must fail as HOW and PATTERN say (support/expect-failure).
function(tri_broken_runtime what)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "FILE;HOW;PATTERN" "SOURCE;TESTS")
    string(TOUPPER "${what}" upper)
    set(objects "")
    foreach(layer IN ITEMS base trace alloc gc)
        list(APPEND objects $<TARGET_OBJECTS:tri_${layer}>)
    endforeach()
    get_filename_component(name "${arg_FILE}" NAME)
    string(REPLACE "." "[.]" name "${name}")
    list(APPEND objects
         $<FILTER:$<TARGET_OBJECTS:tri_runtime>,EXCLUDE,/${name}[.]o$>)
    get_property(libraries GLOBAL PROPERTY tri_layer_libraries)
    add_executable(rt_broken_${what} ${arg_SOURCE}
                   "${PROJECT_SOURCE_DIR}/${arg_FILE}" ${objects})
    tri_test_program(rt_broken_${what})
    target_compile_definitions(rt_broken_${what} PRIVATE TRI_BREAK_${upper}=1)
    target_link_libraries(rt_broken_${what} PRIVATE tri_flags ${libraries}
                                                    ${CMAKE_DL_LIBS} m)
    tri_add_test(rt_broken_${what}
        COMMAND "${PROJECT_SOURCE_DIR}/tests/support/expect-failure"
                ${arg_HOW} "${arg_PATTERN}" $<TARGET_FILE:rt_broken_${what}>
                ${arg_TESTS}
        LABELS stress TIMEOUT 150 PROCESSORS 2)
endfunction()
if(TARGET tri_runtime AND NOT TRI_SANITIZE)
    tri_broken_runtime(errno FILE runtime/signal.c SOURCE stress/rt_suspend.c
        HOW abort PATTERN "mine is 4 " TESTS --seconds 60 a_stop_does_not_touch_errno)
    # A handler over a handler over a stop may find no room left (fault).
    tri_broken_runtime(mask FILE runtime/signal.c SOURCE stress/rt_suspend.c
        HOW dead PATTERN "a handler (began|went on) in a stopped world"
        TESTS --seconds 60
              handlers_of_the_program_stand_still_with_the_thread)
    tri_broken_runtime(alternate FILE runtime/signal.c
        SOURCE stress/rt_suspend.c HOW stuck PATTERN "^"
        TESTS a_goroutine_at_the_end_of_its_stack_is_stopped)
    tri_broken_runtime(vectors FILE runtime/signal.c
        SOURCE unit/rt_scan.c support/scan.c
        HOW abort PATTERN "value (9|1[0-2]) was not found"
        TESTS a_running_goroutine_shows_its_wide_registers)
    tri_broken_runtime(restart FILE runtime/signal.c SOURCE stress/rt_suspend.c
        HOW abort PATTERN "reads ended with EINTR"
        TESTS read_without_blocking_begin_is_stopped_and_goes_on)
    tri_broken_runtime(blocked FILE runtime/claim.c SOURCE stress/rt_suspend.c
        HOW abort PATTERN "sleeps ended early"
        TESTS a_blocked_thread_gets_no_signal)
    tri_broken_runtime(honour FILE runtime/suspend.c SOURCE stress/rt_suspend.c
        HOW hang PATTERN "^"
        TESTS stops_without_time_between_them_are_each_answered)
    # A program that breaks its own half of the rule (tricolor.h).
    add_executable(rt_broken_tls stress/rt_tls.c)
    tri_test_program(rt_broken_tls)
    target_compile_definitions(rt_broken_tls PRIVATE TRI_BREAK_TLS=1)
    target_link_libraries(rt_broken_tls PRIVATE tri_flags tricolor::tricolor m)
    tri_add_test(rt_broken_tls
        COMMAND "${PROJECT_SOURCE_DIR}/tests/support/expect-failure"
                abort "tid_by_variable.. is" $<TARGET_FILE:rt_broken_tls>
        LABELS stress TIMEOUT 150 PROCESSORS 2)
endif()
