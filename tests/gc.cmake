# SPDX-License-Identifier: MIT
# Tests of gc/.
add_executable(gc_pacer unit/gc_pacer.c ../gc/pacer.c)
tri_test_program(gc_pacer)
target_link_libraries(gc_pacer PRIVATE tri_flags m)
tri_add_test(gc_pacer COMMAND gc_pacer LABELS unit sanitize)
tri_test(gc_collect LAYERS gc SOURCES unit/gc_collect.c
         LABELS unit sanitize smoke TIMEOUT 120)

tri_test(gc_sbrk SOURCES unit/gc_sbrk.c support/collect.c
         LABELS unit sanitize smoke TIMEOUT 120 ENVIRONMENT TRI_DEBUG=sbrk=1)

tri_test(gc_scavenger LAYERS gc SOURCES unit/gc_scavenger.c
         LABELS unit sanitize TIMEOUT 120)

# The graph against its shadow, in several moods.
tri_test(gc_graph SOURCES stress/graph.c LABELS stress sanitize
         TIMEOUT 180 PROCESSORS 2
         ENVIRONMENT TRI_DEBUG=gccheckmark=1,clobberfree=1)
tri_test(gc_graph_static SOURCES stress/graph.c LABELS stress smoke STATIC
         TIMEOUT 180 PROCESSORS 2 ENVIRONMENT TRI_DEBUG=clobberfree=1)
# The same with the other kind of stores; the library serves both.
if(NOT TRI_SANITIZE)
    if(TRI_PROTECT STREQUAL "counter")
        set(other sequence)
        set(other_definition TRI_PROTECT_SEQUENCE)
    else()
        set(other counter)
        set(other_definition TRI_PROTECT_COUNTER)
    endif()
    tri_test(gc_graph_${other} SOURCES stress/graph.c LABELS stress
             ARGS --seconds 2 TIMEOUT 180 PROCESSORS 2
             ENVIRONMENT TRI_DEBUG=gccheckmark=1,clobberfree=1)
    tri_test(gc_graph_static_${other} SOURCES stress/graph.c
             LABELS stress smoke STATIC ARGS --seconds 2 TIMEOUT 180
             PROCESSORS 2
             ENVIRONMENT TRI_DEBUG=gcstress=random:5,clobberfree=1)
    tri_test(gc_mix_${other} SOURCES stress/mix.c LABELS stress
             ARGS --seconds 2 TIMEOUT 180 PROCESSORS 2
             ENVIRONMENT TRI_DEBUG=gccheckmark=1,clobberfree=1)
    foreach(test IN ITEMS gc_graph gc_graph_static gc_mix)
        if(TARGET ${test}_${other})
            target_compile_definitions(${test}_${other}
                                       PRIVATE ${other_definition})
        endif()
    endforeach()
endif()
if(TARGET gc_graph)
    foreach(mood IN ITEMS gcstoptheworld=1 gcstoptheworld=2 gcstress=50
                          gcstress=random:7 schedfuzz=11 sweep=eager sweep=stw
                          mark=object asyncstop=0)
        string(REGEX REPLACE "[=:]" "_" name "gc_graph_${mood}")
        tri_add_test(${name}
            COMMAND gc_graph --seconds 2 LABELS stress TIMEOUT 180 PROCESSORS 2
            ENVIRONMENT TRI_DEBUG=gccheckmark=1,clobberfree=1,${mood})
    endforeach()
    foreach(procs IN ITEMS 1 8)
        tri_add_test(gc_graph_procs_${procs}
            COMMAND gc_graph --seconds 2 LABELS stress TIMEOUT 180 PROCESSORS 2
            ENVIRONMENT TRI_DEBUG=gccheckmark=1,clobberfree=1
                        TRI_PROCS=${procs})
    endforeach()
    tri_add_test(gc_graph_long COMMAND gc_graph --seconds 300
                 LABELS stress long TIMEOUT 600 PROCESSORS 2
                 ENVIRONMENT TRI_DEBUG=gccheckmark=1,clobberfree=1)
endif()

tri_test(gc_figures LAYERS runtime SOURCES unit/gc_figures.c
         LABELS unit smoke TIMEOUT 180 PROCESSORS 2)
# Goroutines, channels, threads from outside, blocking calls: all at once.
tri_test(gc_mix SOURCES stress/mix.c LABELS stress sanitize
         TIMEOUT 180 PROCESSORS 2
         ENVIRONMENT TRI_DEBUG=gccheckmark=1,clobberfree=1)
if(TARGET gc_mix)
    foreach(mood IN ITEMS gcstoptheworld=2 gcstress=random:9 schedfuzz=13
                          sweep=eager asyncstop=0)
        string(REGEX REPLACE "[=:]" "_" name "gc_mix_${mood}")
        tri_add_test(${name}
            COMMAND gc_mix --seconds 2 LABELS stress TIMEOUT 180 PROCESSORS 2
            ENVIRONMENT TRI_DEBUG=gccheckmark=1,clobberfree=1,${mood})
    endforeach()
    tri_add_test(gc_mix_long COMMAND gc_mix --seconds 120
                 LABELS stress long soak TIMEOUT 600 PROCESSORS 2
                 ENVIRONMENT TRI_DEBUG=gccheckmark=1,clobberfree=1)
endif()

# gc_broken_X: the same program over a collector without one of its halves.  It
# must die: a stress test that a broken collector survives proves nothing.
function(tri_broken_collector what)
    get_target_property(sources tri_gc SOURCES)
    list(TRANSFORM sources PREPEND "${PROJECT_SOURCE_DIR}/gc/")
    string(TOUPPER "${what}" upper)
    set(objects "")
    foreach(layer IN ITEMS base trace alloc runtime)
        list(APPEND objects $<TARGET_OBJECTS:tri_${layer}>)
    endforeach()
    get_property(libraries GLOBAL PROPERTY tri_layer_libraries)
    add_executable(gc_broken_${what} stress/graph.c ${sources} ${objects})
    tri_test_program(gc_broken_${what})
    target_compile_definitions(gc_broken_${what}
                               PRIVATE TRI_BREAK_${upper}=1
                                       ${tri_protect_definitions})
    target_link_libraries(gc_broken_${what} PRIVATE tri_flags ${libraries}
                                                    ${CMAKE_DL_LIBS} m)
    tri_add_test(gc_broken_${what}
        COMMAND "${PROJECT_SOURCE_DIR}/tests/support/expect-failure" abort
                "gccheckmark|freed or overwritten|found pointer to free"
                $<TARGET_FILE:gc_broken_${what}> --seconds 60
        LABELS stress TIMEOUT 90 PROCESSORS 2
        ENVIRONMENT TRI_DEBUG=gccheckmark=1,clobberfree=1)
endfunction()
if(TARGET tri_runtime AND NOT TRI_SANITIZE)
    tri_broken_collector(deletion)
    tri_broken_collector(insertion)
    tri_broken_collector(black)
endif()
tri_test(release_memory SOURCES stress/release_memory.c LABELS stress smoke
         TIMEOUT 120)
