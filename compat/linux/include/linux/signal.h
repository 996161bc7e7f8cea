/* SPDX-License-Identifier: MIT */
/* Signals by number, for kill_fasync() and send_sig(): libc's header has them. */
#ifndef QUARRY_LINUX_SIGNAL_H
#define QUARRY_LINUX_SIGNAL_H

#include <signal.h>
#include <linux/sched/signal.h>

#endif
