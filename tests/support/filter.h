/* SPDX-License-Identifier: MIT */
/* tests/support/filter.h: a process whose kernel refuses some system calls. */
#ifndef TRI_TESTS_SUPPORT_FILTER_H
#define TRI_TESTS_SUPPORT_FILTER_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <sys/prctl.h>

#include "base/compiler.h"

/* For good: in a child.  False: this kernel, or a container, does not allow it. */
static inline bool
test_filter_calls(struct sock_filter *code, unsigned short count)
{
    struct sock_fprog program = { count, code };
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
        && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

#define TEST_FILTER_CALLS(code)                                                \
    test_filter_calls(code, (unsigned short)TRI_ARRAY_COUNT(code))

#endif /* TRI_TESTS_SUPPORT_FILTER_H */
