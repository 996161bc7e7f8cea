/* SPDX-License-Identifier: MIT */
/* The client's memory. */
#ifndef QUARRY_ASM_UACCESS_H
#define QUARRY_ASM_UACCESS_H

#include <linux/uaccess.h>

#endif
