/* SPDX-License-Identifier: MIT */
/* quarry run --gdb. */
#ifndef CLI_GDB_H
#define CLI_GDB_H

/* Run the same command line without --gdb under gdb, stopped at the first finding. Does not return on
 * success. */
int gdb_run(int argc, char **argv);

#endif
