/* SPDX-License-Identifier: MIT */
#include <asm/processor.h>
