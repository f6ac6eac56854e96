# SPDX-License-Identifier: MIT
# Tests of specials and cleanups.  Those over the fake collector are linked from
# the sources of this part alone.
set(specials gc/cleanup.c gc/cleanup_pool.c gc/finalizer.c gc/special.c
    gc/special_index.c gc/special_link.c gc/special_record.c gc/weak.c)
list(TRANSFORM specials PREPEND "${PROJECT_SOURCE_DIR}/")
list(APPEND specials support/fake_collector.c)

tri_test(special_index LAYERS alloc LABELS unit fault sanitize
         SOURCES unit/special_index.c ${PROJECT_SOURCE_DIR}/gc/special_index.c)
tri_test(special_life LAYERS alloc LABELS unit fault crash sanitize
         SOURCES unit/special_life.c ${specials})
tri_test(special_race LAYERS alloc LABELS stress sanitize TIMEOUT 120
         PROCESSORS 2 SOURCES stress/special_race.c ${specials})
tri_test(special_cost LAYERS alloc LABELS unit smoke
         SOURCES unit/special_cost.c ${specials})

# On the real runtime.
tri_test(cleanup_go LABELS unit sanitize smoke TIMEOUT 120
         SOURCES unit/cleanup_go.c support/collect.c)
if(TARGET cleanup_go)
    foreach(mood IN ITEMS gccheckmark=1 clobberfree=1 gcstoptheworld=1
                          gcstoptheworld=2 gcstress=random:3 schedfuzz=7
                          sweep=stw asyncstop=0)
        string(REGEX REPLACE "[=:]" "_" mood_name ${mood})
        tri_add_test(cleanup_go_${mood_name} COMMAND cleanup_go LABELS unit
                     TIMEOUT 120 ENVIRONMENT TRI_DEBUG=${mood})
    endforeach()
endif()
tri_test(cleanup_race LABELS stress sanitize release TIMEOUT 120 PROCESSORS 2
         SOURCES stress/cleanup_race.c support/collect.c)
# Without gccheckmark: frames of sweepers and runners hold addresses of dead objects,
# which the verifier now and then takes for references (VERIFY-1).
tri_test(cleanup_pool LABELS stress sanitize TIMEOUT 120 PROCESSORS 2
         SOURCES stress/cleanup_pool.c support/collect.c
         ENVIRONMENT TRI_DEBUG=clobberfree=1)
if(TARGET cleanup_race)
    tri_add_test(cleanup_race_long COMMAND cleanup_race --seconds 60
                 LABELS stress long soak TIMEOUT 300 PROCESSORS 2)
    tri_add_test(cleanup_race_clobberfree
                 COMMAND cleanup_race --seconds 3 LABELS stress TIMEOUT 120
                 PROCESSORS 2 ENVIRONMENT TRI_DEBUG=clobberfree=1)
endif()
tri_test(cleanup_trace LAYERS runtime LABELS stress trace sanitize
         TIMEOUT 120 PROCESSORS 2
         SOURCES stress/cleanup_trace.c support/collect.c)
