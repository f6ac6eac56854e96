# SPDX-License-Identifier: MIT
# The benchmarks run, are sound, and say where they come from; how fast they are
# is not a test's business.
if(TARGET tricolor_bench)
    find_package(Python3 REQUIRED COMPONENTS Interpreter)
    find_package(benchmark REQUIRED) # imported targets are of a folder
    tri_add_test(bench_smoke LABELS bench release TIMEOUT 300 PROCESSORS 2
                 COMMAND Python3::Interpreter
                         "${PROJECT_SOURCE_DIR}/tests/bench/smoke.py"
                         $<TARGET_FILE:tricolor_bench>)

    # The harness itself: the same adapter over cases that judge it.
    add_executable(bench_harness
        bench/harness_cases.c
        "${PROJECT_SOURCE_DIR}/bench/adapter.cpp"
        "${PROJECT_SOURCE_DIR}/bench/bench.c"
        "${PROJECT_SOURCE_DIR}/bench/context.c")
    target_compile_definitions(bench_harness PRIVATE TRI_BENCH_BUILD="test")
    target_link_libraries(bench_harness PRIVATE
        tri_flags tricolor::static benchmark::benchmark ${CMAKE_DL_LIBS})
    tri_add_test(bench_harness LABELS bench smoke
                 COMMAND Python3::Interpreter
                         "${PROJECT_SOURCE_DIR}/tests/bench/harness.py"
                         $<TARGET_FILE:bench_harness>)
    tri_add_test(bench_compare_go LABELS bench TIMEOUT 120
                 COMMAND Python3::Interpreter
                         "${PROJECT_SOURCE_DIR}/tests/bench/compare_go.py"
                         $<TARGET_FILE:tricolor_bench>)
endif()
