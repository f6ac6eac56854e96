/* SPDX-License-Identifier: MIT */
/*
 * tests/model/model.h: running a Relacy suite: exit status 0 when it held over
 * `iterations` random schedules (or, with MODEL_BROKEN, when Relacy found the
 * fault that was put in).
 */
#ifndef TRI_TESTS_MODEL_MODEL_H
#define TRI_TESTS_MODEL_MODEL_H

#include <cstdio>

#include "base/atomic.h"

template <typename suite>
int
run_model(const char *name, rl::iteration_t iterations)
{
    rl::test_params params;
    params.iteration_count = iterations;
    params.search_type = rl::random_scheduler_type;
    params.execution_depth_limit = 2000;
    bool held = rl::simulate<suite>(params);
#ifdef MODEL_BROKEN
    std::printf("%s: the fault was %s\n", name, held ? "NOT found" : "found");
    return held ? 1 : 0;
#else
    std::printf("%s: %s\n", name, held ? "held" : "BROKEN");
    return held ? 0 : 1;
#endif
}

#endif /* TRI_TESTS_MODEL_MODEL_H */
