/* SPDX-License-Identifier: MIT */
/* What the port asks of the machine: a way to show text, a way to stop, and memory. On a real machine: a
 * serial port, a halt instruction, and what the firmware reports. */
#ifndef BARE_HOST_H
#define BARE_HOST_H

#include <stddef.h>

#define HOST_RAM_SIZE (4u << 20)

extern unsigned char host_ram[HOST_RAM_SIZE];
void host_write(const char *text, size_t size);
void host_stop(int status) __attribute__((noreturn));

#endif
