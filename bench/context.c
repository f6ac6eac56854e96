/* SPDX-License-Identifier: MIT */
/*
 * bench/context.c: what a result must say of where it comes from: seed, every
 * option as it took effect, machine, kernel, compiler, versions.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench/bench.h"

#define LINE_BYTES 512

#if defined(__clang__)
#    define COMPILER "clang " __clang_version__
#else
#    define COMPILER "gcc " __VERSION__
#endif

/* The value of the first line "key<blanks>: value" of a file of /proc. */
static bool
read_key(const char *path, const char *key, char *value, size_t bytes)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    char line[LINE_BYTES];
    bool found = false;
    while (!found && fgets(line, sizeof(line), file) != NULL) {
        char *colon = strchr(line, ':');
        if (colon == NULL || strncmp(line, key, strlen(key)) != 0)
            continue;
        char *text = colon + 1 + strspn(colon + 1, " \t");
        text[strcspn(text, "\n")] = '\0';
        snprintf(value, bytes, "%s", text);
        found = true;
    }
    fclose(file);
    return found;
}

static void
add_number(void (*add)(const char *, const char *), const char *name,
           uint64_t number)
{
    char text[32];
    snprintf(text, sizeof(text), "%" PRIu64, number);
    add(name, text);
}

static void
add_machine(void (*add)(const char *, const char *))
{
    char text[LINE_BYTES];
    if (read_key("/proc/cpuinfo", "model name", text, sizeof(text)))
        add("machine.cpu", text);
    if (read_key("/proc/meminfo", "MemTotal", text, sizeof(text)))
        add("machine.memory", text);
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    add_number(add, "machine.cpus", cpus > 0 ? (uint64_t)cpus : 0);
    struct utsname system;
    if (uname(&system) == 0) {
        snprintf(text, sizeof(text), "%s %s %s", system.sysname, system.release,
                 system.machine);
        add("machine.kernel", text);
    }
}

static void
add_options(void (*add)(const char *, const char *))
{
    char name[LINE_BYTES];
    char value[LINE_BYTES];
    const char *option;
    for (size_t i = 0;
         (option = tri_option_get(i, value, sizeof(value))) != NULL; i++) {
        snprintf(name, sizeof(name), "config.%s", option);
        add(name, value);
    }
}

void
tri_bench_context(uint64_t seed,
                  void (*add)(const char *name, const char *value))
{
    add("tricolor.version", tri_version());
    add("tricolor.build", TRI_BENCH_BUILD);
    add("compiler", COMPILER);
    add_number(add, "seed", seed);
    add_machine(add);
    add_options(add);
}
