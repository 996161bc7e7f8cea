/* SPDX-License-Identifier: MIT */
/* Where the links of a removed list entry point: addresses that fault. */
#ifndef QUARRY_LINUX_POISON_H
#define QUARRY_LINUX_POISON_H

#define LIST_POISON1 ((void *)0x100ul)
#define LIST_POISON2 ((void *)0x122ul)

#endif
