/* SPDX-License-Identifier: MIT */
/* What `quarry help` says. */
#include "help.h"
#include "cli.h"

#include <string.h>

void help_all(FILE *out)
{
    fputs("usage: quarry COMMAND [options]\n"
          "\n"
          "Runs kernel memory code in a process, on a real page allocator, slab and vmalloc.\n"
          "\n"
          "  run      compile a kernel module, load it, give its devices to a command, report "
          "leaks and\n"
          "           misuse\n"
          "  layout   print or draw the address space of a machine\n"
          "  picture  draw the free memory that a buddyinfo file describes\n"
          "  help     this text, or `quarry help COMMAND`\n"
          "\n"
          "  --version, -V    --help, -h (also after a command)\n"
          "\n"
          "Exit status: 0 clean; 1 findings (leaks, misuse, a crash); 2 a module that does not "
          "build or\n"
          "load, or a machine that does not boot; 3 nothing found, but the command run on the "
          "devices\n"
          "failed; 64 wrong usage.\n",
          out);
}

void help_run(void)
{
    fputs(
        "usage: quarry run [options] FILE.c... [+ FILE.c...]... [-- COMMAND [argument...]]\n"
        "\n"
        "Compiles the files as one kernel module, loads it on a fresh machine, mounts a folder "
        "with\n"
        "dev/<its devices> and proc/<slabinfo, buddyinfo, kmsg, its own entries>, runs COMMAND "
        "with\n"
        "QUARRY_ROOT set to that folder, unloads the module, and reports each leak and misuse with "
        "file\n"
        "and line. Without COMMAND: a shell on a terminal, else until Ctrl-C.\n"
        "\n"
        "  +              begins the next module; it may call functions of those before it\n"
        "  FOLDER         in place of files: its Kbuild file or Makefile (obj-m, NAME-objs, "
        "NAME-y,\n"
        "                 ccflags-y) says which modules there are\n"
        "\n"
        "The machine\n"
        "  --ram SIZE     512M (default), 4G, 300K\n"
        "  --profile P    modern (default), or i386: the classic layout with high memory at 896 "
        "MiB\n"
        "  --cpus N       at most so many threads with lists of their own\n"
        "  --nodes N      memory nodes, 1 to 8\n"
        "  --check N      0 none, 1 every call and every free with the place of allocation "
        "(default),\n"
        "                 2 also Quarry's own books, 3 also walks of all structures\n"
        "  --options \"…\"  boot options, e.g. \"failslab=every:100\" (docs/options.md); may be "
        "repeated\n"
        "  --seed N       seed for fault injection by probability\n"
        "\n"
        "The module\n"
        "  --param [MODULE.]NAME=VALUE   a module parameter; may be repeated\n"
        "  --kernel VERSION              what LINUX_VERSION_CODE says: 6.12 (default), 2.6.10, …\n"
        "  -I DIR, -D NAME[=VALUE]       for the compiler ($CC, else cc)\n"
        "\n"
        "The run\n"
        "  --no-mount     only load, init and exit: needs no /dev/fuse\n"
        "  --gdb          in gdb, stopped at the first finding\n"
        "  --json[=FILE]  the report as JSON, to standard output or FILE (also: --json FILE.json)\n"
        "  --keep         keep the compiled module; prints where\n"
        "  --quiet, -q    no progress, no warnings, kernel messages only from level error up\n"
        "\n"
        "Standard output belongs to COMMAND; everything of Quarry's goes to standard error.\n"
        "A read that a driver blocks ends with EINTR when its client gets a signal. mmap of a "
        "device\n"
        "shows the driver's own pages to programs that are linked dynamically.\n"
        "\n"
        "Exit status: 0 clean; 1 findings (leaks, misuse, a crash), also of an init that fails; 2 "
        "a\n"
        "module does not build or load, or its init fails cleanly, or the machine does not boot;\n"
        "3 nothing found, but COMMAND failed (its own status is printed); 64 wrong usage.\n"
        "\n"
        "  quarry run scullc.c -- sh -c 'cp /bin/ls $QUARRY_ROOT/dev/scullc0'\n"
        "  quarry run --ram 64M --options failslab=every:50 --param scull_quantum=512 scull.c\n",
        stdout);
}

void help_layout(void)
{
    fputs("usage: quarry layout [--profile modern|i386] [--ram SIZE] [--nodes N] [--svg FILE] "
          "[--json]\n"
          "\n"
          "Boots that machine and prints its address space from the live constants: the direct map "
          "with\n"
          "mem_map in it, high_memory, the vmalloc area, the kmap window, fixed mappings, and the "
          "zones of\n"
          "physical memory. --svg draws the same picture into FILE; --json prints the numbers.\n",
          stdout);
}

void help_picture(void)
{
    fputs("usage: quarry picture [FILE]\n"
          "\n"
          "Draws a buddyinfo file (default $QUARRY_ROOT/proc/buddyinfo, else /proc/buddyinfo): one "
          "line per\n"
          "zone, its free memory split by the order of the blocks it lies in, large blocks first. "
          "With\n"
          "zoneinfo beside it the used part is drawn too. In colours on a terminal.\n",
          stdout);
}

int cmd_help(int argc, char **argv)
{
    const char *topic = argc > 1 ? argv[1] : NULL;

    if (!topic)
        help_all(stdout);
    else if (strcmp(topic, "run") == 0)
        help_run();
    else if (strcmp(topic, "layout") == 0)
        help_layout();
    else if (strcmp(topic, "picture") == 0)
        help_picture();
    else
        cli_die(CLI_USAGE, "there is no command %s; see `quarry help`", topic);
    return CLI_CLEAN;
}
