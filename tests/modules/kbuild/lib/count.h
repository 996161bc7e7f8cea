/* SPDX-License-Identifier: MIT */
/* The counter. */
int count_next(void);
