/* SPDX-License-Identifier: MIT */
/*
 * tools/report.h: the parts of `tricolor report`.
 *
 *   command_report.c  arguments, run.json files, the page
 *   report_trace.c    a trace condensed to what the page draws
 *   report.html       the page, with places for style, script and data
 *   report.css        its style (screen, dark, paper)
 *   report.js         its script: draws everything from the data
 *
 * The page is one file that needs nothing else: style and script are inline,
 * and the data is one JSON text in a script element.
 *
 *   REPORT-1  Data reaches the page only as JSON with every '<' escaped, and
 *             the script only as text nodes and attributes it computed;
 *             otherwise a file name could be code.
 *   REPORT-2  What is missing or damaged is said in a sentence where it would
 *             have been drawn; the rest of the page is drawn all the same;
 *             otherwise one lost file costs the whole page.
 */
#ifndef TRICOLOR_TOOLS_REPORT_H
#define TRICOLOR_TOOLS_REPORT_H

#include <jansson.h>
#include <stdint.h>

/*
 * What is below directory `path`, times relative to `origin_ns` (since the
 * epoch; 0: the first event).  NULL when there is nothing to show; `notes`
 * gets a sentence for all that is missing or damaged.
 */
json_t *report_trace_json(const char *path, int64_t origin_ns, json_t *notes);

/* The page's parts, from the program itself (report_assets.S). */
extern const char report_html[], report_css[], report_js[];

#endif /* TRICOLOR_TOOLS_REPORT_H */
