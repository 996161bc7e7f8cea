/* SPDX-License-Identifier: MIT */
/* What `quarry help` says. */
#include "help.h"
#include "cli.h"

#include <string.h>

void help_all(FILE *out)
{
    fputs("usage: quarry COMMAND [options]\n"
          "\n"
          "Runs kernel memory code in a process, on a real page allocator, slab and\n"
          "vmalloc.\n"
          "\n"
          "  run      compile a kernel module, load it, give its devices to a command,\n"
          "           report leaks and misuse\n"
          "  test     fail each allocation of a kernel module in turn, say what came of it\n"
          "  layout   print or draw the address space of a machine\n"
          "  picture  draw the free memory that a buddyinfo file describes\n"
          "  leaks    list what nothing points to any more in a run that is going on\n"
          "  whatis   say what an address is, in a run or on a machine of a given shape\n"
          "  explain  say in words what a saved kernel log, slabinfo or buddyinfo means\n"
          "  help     this text, or `quarry help COMMAND`\n"
          "\n"
          "  --version, -V    --help, -h (also after a command)\n"
          "\n"
          "Exit status: 0 clean; 1 findings (leaks, misuse, a crash); 2 a module that does\n"
          "not build or load, or a machine that does not boot; 3 nothing found, but the\n"
          "command run on the devices failed; 64 wrong usage.\n",
          out);
}

void help_run(void)
{
    fputs("usage: quarry run [options] FILE.c... [+ FILE.c...]... [-- COMMAND [word...]]\n"
          "\n"
          "Compiles the files as one kernel module, loads it on a fresh machine, mounts a\n"
          "folder with dev/<its devices> and proc/<slabinfo, buddyinfo, kmsg, its own\n"
          "entries>, runs COMMAND with QUARRY_ROOT set to that folder, unloads the module,\n"
          "and reports each leak and misuse with file and line. Without COMMAND: a shell on\n"
          "a terminal; where standard input is none, it stays mounted and waits for Ctrl-C\n"
          "or SIGTERM, so that other programs can use the devices.\n"
          "\n"
          "  +              begins the next module; it may call functions of those before\n"
          "  FOLDER         in place of files: its Kbuild file or Makefile (obj-m,\n"
          "                 NAME-objs, NAME-y, ccflags-y) says which modules there are\n"
          "\n",
          stdout);
    fputs("The machine\n"
          "  --ram SIZE     512M (default), 4G, 300K\n"
          "  --profile P    modern (default), or i386: the classic layout with high memory\n"
          "                 at 896 MiB\n"
          "  --cpus N       at most so many threads with lists of their own\n"
          "  --nodes N      memory nodes, 1 to 8\n"
          "  --start STATE  begin on a machine that is short of memory: exhausted (nothing\n"
          "                 above the min watermarks), reserve-empty (no free page),\n"
          "                 dma-full, fragmented=ORDER (no free block of ORDER or above);\n"
          "                 STATE,after-init: not before init, but after it\n"
          "  --check N      0 none, 1 every call and every free, with the place of each\n"
          "                 allocation (default), 2 also Quarry's own books, 3 also walks\n"
          "                 of all structures\n"
          "  --options \"…\"  boot options, e.g. \"failslab=every:100\" (docs/options.md); may\n"
          "                 be repeated\n"
          "  --seed N       seed for fault injection by probability and get_random_bytes()\n"
          "\n"
          "The module\n"
          "  --param [MODULE.]NAME=VALUE   a module parameter; may be repeated\n"
          "  --kernel VERSION              what LINUX_VERSION_CODE says: 6.12 (default),\n"
          "                                2.6.10, …\n"
          "  -I DIR, -D NAME[=VALUE]       for the compiler ($CC, else cc)\n"
          "\n"
          "The run\n"
          "  --leaks=scan   after COMMAND, list what nothing points to any more\n"
          "  --no-mount     only load, init and exit: needs no /dev/fuse\n"
          "  --gdb          in gdb, stopped at the first finding\n"
          "  --json[=FILE]  the report as JSON, to standard output or FILE (also: --json\n"
          "                 FILE.json)\n"
          "  --list-symbols instead of a run: every name that modules can use, its header\n"
          "                 and what it is (function, inline, macro, type, variable); also\n"
          "                 with --json\n"
          "  --keep         keep the compiled module; prints where\n"
          "  --quiet, -q    no progress, no warnings, kernel messages only from level error\n"
          "                 up\n"
          "\n",
          stdout);
    fputs("Standard output belongs to COMMAND; everything of Quarry's goes to standard\n"
          "error. A read that a driver blocks ends with EINTR when its client gets a\n"
          "signal. mmap of a device shows the driver's own pages to programs that are\n"
          "linked dynamically.\n"
          "\n"
          "Exit status: 0 clean; 1 findings (leaks, misuse, a crash), also of an init that\n"
          "fails; 2 a module does not build or load, or its init fails cleanly, or the\n"
          "machine does not boot; 3 nothing found, but COMMAND failed (its own status is\n"
          "printed); 64 wrong usage.\n"
          "\n"
          "  quarry run scullc.c -- sh -c 'cp /bin/ls $QUARRY_ROOT/dev/scullc0'\n"
          "  quarry run --ram 64M --options failslab=every:50 --param quantum=512 scull.c\n",
          stdout);
}

void help_test(void)
{
    fputs("usage: quarry test [options] FILE.c... [+ FILE.c...]... [-- COMMAND [word...]]\n"
          "\n"
          "Runs the modules once to learn every allocation they make, then once for each of\n"
          "these with it alone failing, and once with it and all after it failing; only\n"
          "where the request may fail. After each run: leaks, double frees, locks still\n"
          "held, what is still registered, and does the device still do what it did? Prints\n"
          "a table by source line, each line with the command that does it again.\n"
          "\n"
          "Without COMMAND every device is opened, written, read and closed, every proc\n"
          "file read; that needs no /dev/fuse.\n"
          "\n",
          stdout);
    fputs("What is tried\n"
          "  --scenario TEXT    the same as -- sh -c TEXT\n"
          "  --only FILE:LINE[:N]  the requests of this line, or its Nth alone\n"
          "  --from FILE:LINE:N    the Nth request of this line and all after it\n"
          "  --file NAME        only requests of this source file\n"
          "  --function NAME    only requests made in this function\n"
          "  --cache NAME       only requests from this cache; may end in a star\n"
          "  --size A, A-B, A-  only requests of these sizes in bytes: 64, 64-128, 4K-\n"
          "  --flags NAMES      only requests with all of these flags: GFP_ATOMIC,\n"
          "                     'GFP_KERNEL|__GFP_ZERO'\n"
          "  --calls N          at most N requests of each line (32); 0: all\n"
          "  --no-mount         only load, init and exit\n"
          "\n"
          "How\n"
          "  --timeout SECONDS  a run that takes longer hangs (60)\n"
          "  --jobs N, -j N     runs at a time (as many as there are CPUs)\n"
          "  --json[=FILE]      the table as JSON, to standard output or FILE\n"
          "  --verbose, -v      show what each run says\n"
          "\n",
          stdout);
    fputs("--ram, --profile, --cpus, --nodes, --start, --check, --options, --seed, --param,\n"
          "--kernel, -I, -D, --keep and --quiet mean what they mean for `quarry run`.\n"
          "\n"
          "Exit status: 0 every failure is handled; 1 a line is convicted (leaked, crashed,\n"
          "hung, …), or something is wrong already without a failure; 2 a module does not\n"
          "build or load, or init fails without a failure; 3 COMMAND fails without a\n"
          "failure; 64 wrong usage.\n"
          "\n"
          "  quarry test scullc.c\n"
          "  quarry test --only scullc.c:97:2 -v scullc.c\n"
          "  quarry test scullc.c -- sh -c 'cp /bin/ls $QUARRY_ROOT/dev/scullc0'\n",
          stdout);
}

void help_layout(void)
{
    fputs("usage: quarry layout [--profile modern|i386] [--ram SIZE] [--nodes N]\n"
          "                     [--svg FILE] [--json]\n"
          "\n"
          "Boots that machine and prints its address space from the live constants: the\n"
          "direct map with mem_map in it, high_memory, the vmalloc area, the kmap window,\n"
          "fixed mappings, and the zones of physical memory. --svg draws the same picture\n"
          "into FILE; --json prints the numbers.\n",
          stdout);
}

void help_picture(void)
{
    fputs("usage: quarry picture [FILE]\n"
          "\n"
          "Draws a buddyinfo file (default $QUARRY_ROOT/proc/buddyinfo, else\n"
          "/proc/buddyinfo): one line per zone, its free memory split by the order of the\n"
          "blocks it lies in. With zoneinfo beside it the used part is drawn too. In\n"
          "colours on a terminal.\n",
          stdout);
}

void help_leaks(void)
{
    fputs("usage: quarry leaks [--root DIR]\n"
          "\n"
          "Has the machine of a run look for allocations that no pointer leads to any more,\n"
          "and lists them by the place that allocated them, with count, bytes, age and\n"
          "backtrace. DIR is the folder of the run, by default $QUARRY_ROOT, else the only\n"
          "run there is. `echo scan > $QUARRY_ROOT/proc/kmemleak` and reading that file do\n"
          "the same.\n"
          "\n"
          "Exit status: 0 nothing is lost; 1 something is; 2 no such run; 64 wrong usage.\n"
          "\n"
          "  quarry run driver.c -- sh -c 'my-test; quarry leaks'\n",
          stdout);
}

void help_whatis(void)
{
    fputs("usage: quarry whatis [--root DIR] ADDRESS...\n"
          "       quarry whatis --profile modern|i386 [--ram SIZE] [--nodes N] ADDRESS...\n"
          "\n"
          "Says what each address (in hexadecimal) is. For the machine of a run, whose\n"
          "folder is DIR (default $QUARRY_ROOT; in a run, `cat\n"
          "$QUARRY_ROOT/proc/whatis/ADDRESS` does the same): the part of the address space,\n"
          "the page frame and zone, the object, block or area, who allocated and who last\n"
          "freed it, with source lines. With a machine's options: that of a fresh machine.\n"
          "\n"
          "  quarry whatis --profile i386 --ram 160M c0123456\n",
          stdout);
}

void help_explain(void)
{
    fputs("usage: quarry explain [FILE]\n"
          "\n"
          "Reads a saved kernel log (dmesg, journal, serial console), slabinfo or\n"
          "buddyinfo, of a real Linux machine or of a run, from FILE or standard input,\n"
          "and says in words what it means: for each page allocation failure,\n"
          "out-of-memory kill and failed slab or vmalloc what was asked, which rule stopped\n"
          "it in the zone that came closest, and what would have helped; for slabinfo which\n"
          "caches hold memory and how much of it is idle; for buddyinfo how far memory is\n"
          "in pieces. Sizes are those of 4 KiB pages.\n"
          "\n"
          "Exit status: 0; 2 when FILE cannot be read or holds nothing of the kind.\n"
          "\n"
          "  dmesg | quarry explain\n",
          stdout);
}

int cmd_help(int argc, char **argv)
{
    const char *topic = argc > 1 ? argv[1] : NULL;

    if (!topic)
        help_all(stdout);
    else if (strcmp(topic, "run") == 0)
        help_run();
    else if (strcmp(topic, "test") == 0)
        help_test();
    else if (strcmp(topic, "layout") == 0)
        help_layout();
    else if (strcmp(topic, "picture") == 0)
        help_picture();
    else if (strcmp(topic, "leaks") == 0)
        help_leaks();
    else if (strcmp(topic, "whatis") == 0)
        help_whatis();
    else if (strcmp(topic, "explain") == 0)
        help_explain();
    else
        cli_die(CLI_USAGE, "there is no command %s; see `quarry help`", topic);
    return CLI_CLEAN;
}
