/* SPDX-License-Identifier: MIT */
/* Signals of a task: signal_pending() and its kin are declared with the tasks. */
#ifndef QUARRY_LINUX_SCHED_SIGNAL_H
#define QUARRY_LINUX_SCHED_SIGNAL_H

#include <linux/sched.h>

#define allow_signal(signal) ((void)(signal))
#define disallow_signal(signal) ((void)(signal))

#endif
