/* SPDX-License-Identifier: MIT */
/* tools/trace_command_check.c: `tricolor trace check TRACE`. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "tools/command.h"
#include "tools/trace_check.h"
#include "tools/trace_commands.h"

#define ERROR_BYTES 512
#define COMMAND     "trace check"

static bool
feed(const struct trace_event *event, void *check)
{
    trace_check_event(check, event);
    return true;
}

/* ---- for people ---- */

static void
print_durations(const char *what, const struct trace_durations *durations)
{
    if (durations->count == 0)
        return;
    printf("%-28s p50 %10.1f us   p99 %10.1f us   max %10.1f us\n", what,
           (double)trace_durations_at(durations, 0.5) / 1e3,
           (double)trace_durations_at(durations, 0.99) / 1e3,
           (double)durations->max_ns / 1e3);
}

#define N(x) ((unsigned long long)(x))

static void
print_problem(const struct trace_report *report,
              const struct trace_problem *problem)
{
    if (problem->rule >= TRACE_RULE_NO_PROOF)
        printf("NOT PROVED CHK-%d: %s\n", problem->rule, problem->text);
    else
        printf("FAILED CHK-%d at %+.6f s: %s\n", problem->rule,
               (double)(problem->time_ns - report->first_ns) / 1e9,
               problem->text);
}

static void
print_report(const char *path, const struct trace_report *report,
             const char *unread)
{
    printf("%s: %llu events in %.3f s, %llu process%s, %llu lost\n", path,
           N(report->events),
           (double)(report->last_ns - report->first_ns) / 1e9,
           N(report->processes), report->processes == 1 ? "" : "es",
           N(report->discarded));
    printf("cleanups: added %llu = stopped %llu + queued %llu + armed %llu; "
           "queued = executed %llu + pending %llu; late stops %llu\n",
           N(report->added), N(report->stopped), N(report->queued),
           N(report->armed), N(report->executed), N(report->pending),
           N(report->late_stops));
    printf("cycles %llu, sweeps %llu, stops %llu, workers %llu, assists %llu; "
           "open at the end: %llu\n",
           N(report->cycles), N(report->sweeps), N(report->stops),
           N(report->workers), N(report->assists), N(report->open_at_end));
    print_durations("pauses", &report->pause);
    print_durations("  of which stopping", &report->stopping);
    print_durations("cleanups: add to queue", &report->add_to_queue);
    print_durations("cleanups: queue to begin", &report->queue_to_begin);
    print_durations("cleanups: run", &report->run);
    if (unread[0] != '\0') {
        puts("NOT PROVED: not all of the trace could be read");
    } else if (report->problem_count == 0) {
        puts(report->cleanups_recorded
                 ? "proved: grammar, pairs, cleanups id by id, nothing lost"
                 : "proved: grammar, pairs, nothing lost; not all events of "
                   "cleanups were recorded");
        return;
    }
    for (uint64_t i = 0; i < report->problem_count && i < TRACE_PROBLEMS_MAX;
         i++)
        print_problem(report, &report->problems[i]);
    if (report->problem_count > TRACE_PROBLEMS_MAX)
        printf("FAILED: %llu more\n",
               N(report->problem_count - TRACE_PROBLEMS_MAX));
}

/* ---- for programs ---- */

static json_t *
durations_json(const struct trace_durations *durations)
{
    return json_pack(
        "{s:I,s:I,s:I,s:I,s:I}", "count", (json_int_t)durations->count,
        "p50_ns", (json_int_t)trace_durations_at(durations, 0.5), "p99_ns",
        (json_int_t)trace_durations_at(durations, 0.99), "max_ns",
        (json_int_t)durations->max_ns, "sum_ns", (json_int_t)durations->sum_ns);
}

static json_t *
cleanups_json(const struct trace_report *report)
{
    return json_pack(
        "{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:o}", "added",
        (json_int_t)report->added, "stopped", (json_int_t)report->stopped,
        "queued", (json_int_t)report->queued, "executed",
        (json_int_t)report->executed, "armed", (json_int_t)report->armed,
        "pending", (json_int_t)report->pending, "late_stops",
        (json_int_t)report->late_stops, "add_to_queue",
        durations_json(&report->add_to_queue), "queue_to_begin",
        durations_json(&report->queue_to_begin), "run",
        durations_json(&report->run));
}

static json_t *
problem_json(const struct trace_problem *problem)
{
    char rule[16];
    snprintf(rule, sizeof(rule), "CHK-%d", problem->rule);
    return json_pack("{s:s,s:I,s:s}", "rule", rule, "time_ns",
                     (json_int_t)problem->time_ns, "text", problem->text);
}

static int
print_json(const char *path, const struct trace_report *report,
           const char *unread)
{
    json_t *problems = json_array();
    for (uint64_t i = 0; i < report->problem_count && i < TRACE_PROBLEMS_MAX;
         i++)
        json_array_append_new(problems, problem_json(&report->problems[i]));
    json_t *root = json_pack(
        "{s:s,s:s,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:o,"
        "s:o,s:o}",
        "schema", "tricolor.trace-check/1", "trace", path, "ok",
        report->problem_count == 0 && unread[0] == '\0', "events",
        (json_int_t)report->events, "discarded", (json_int_t)report->discarded,
        "processes", (json_int_t)report->processes, "first_ns",
        (json_int_t)report->first_ns, "last_ns", (json_int_t)report->last_ns,
        "problem_count", (json_int_t)report->problem_count, "problems",
        problems, "cycles", (json_int_t)report->cycles, "sweeps",
        (json_int_t)report->sweeps, "stops", (json_int_t)report->stops,
        "workers", (json_int_t)report->workers, "assists",
        (json_int_t)report->assists, "open_at_end",
        (json_int_t)report->open_at_end, "cleanups", cleanups_json(report),
        "pause", durations_json(&report->pause), "stopping",
        durations_json(&report->stopping));
    if (root == NULL)
        return command_lacks(COMMAND, "no memory for the JSON");
    if (unread[0] != '\0')
        json_object_set_new(root, "unreadable", json_string(unread));
    json_dumpf(root, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(root);
    return COMMAND_DONE;
}

static int
check_trace(const char *path, bool json)
{
    char unread[ERROR_BYTES] = "";
    struct trace_read_result read = { 0 };
    struct trace_check *check = trace_check_new(&read);
    int error = trace_read(path, feed, check, &read, unread, sizeof(unread));
    int status = COMMAND_FAILED;
    if (error == -ENOSYS) {
        status = command_lacks(COMMAND, "%s", unread);
    } else if (error == -ENOENT) {
        status = command_usage(COMMAND, "%s", unread);
    } else {
        const struct trace_report *report = trace_check_finish(check);
        if (json)
            status = print_json(path, report, unread);
        else
            print_report(path, report, unread);
        if (error != 0)
            fprintf(stderr, "tricolor trace check: %s\n", unread);
        if (!json || status == COMMAND_DONE)
            status = error == 0 && report->problem_count == 0 ? COMMAND_DONE
                                                              : COMMAND_FAILED;
    }
    trace_check_free(check);
    return status;
}

int
trace_command_check(int argc, char **argv)
{
    bool json;
    if (!command_json_option(argc, argv, &json))
        return COMMAND_USAGE;
    if (optind + 1 != argc)
        return command_usage(COMMAND,
                             "one trace, please: tricolor trace check TRACE");
    return check_trace(argv[optind], json);
}
