/* SPDX-License-Identifier: MIT */
/* ports/hosted/fork: see below. */
#include "hosted.h"
void hosted_fork_prepare_once(void)
{
}
