/* SPDX-License-Identifier: MIT */
/*
 * tools/machine.h: what the machine is, for results and for the doctor.
 */
#ifndef TRICOLOR_TOOLS_MACHINE_H
#define TRICOLOR_TOOLS_MACHINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

json_t *machine_json(void);

/* The first line of a file, without its newline; false: cannot be read. */
bool machine_read_line(const char *path, char *line, size_t n);
/* Nodes with memory that this process may use; at least 1. */
int machine_numa_nodes(void);
/* CPUs' worth of time the cgroup allows; 0: no limit. */
double machine_cgroup_cpus(void);
/* Bytes the cgroup allows; 0: no limit. */
uint64_t machine_cgroup_bytes(void);
/* The word in brackets of a "a [b] c" file; false: no such file. */
bool machine_chosen(const char *path, char *word, size_t n);

#endif /* TRICOLOR_TOOLS_MACHINE_H */
