/* SPDX-License-Identifier: MIT */
#include <linux/semaphore.h>
