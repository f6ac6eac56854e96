/* SPDX-License-Identifier: MIT */
/* tools/trace_commands.h: the three commands of `tricolor trace`.  argv[0] is
 * the command's name; each returns an exit status (tools/command.h). */
#ifndef TRICOLOR_TRACE_COMMANDS_H
#define TRICOLOR_TRACE_COMMANDS_H

int trace_command_record(int argc, char **argv);
int trace_command_check(int argc, char **argv);
int trace_command_export(int argc, char **argv);

#endif /* TRICOLOR_TRACE_COMMANDS_H */
