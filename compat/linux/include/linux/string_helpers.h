/* SPDX-License-Identifier: MIT */
/* Words for truth values. */
#ifndef QUARRY_LINUX_STRING_HELPERS_H
#define QUARRY_LINUX_STRING_HELPERS_H

#include <linux/ctype.h>
#include <linux/string.h>

#define str_yes_no(v) ((v) ? "yes" : "no")
#define str_on_off(v) ((v) ? "on" : "off")
#define str_true_false(v) ((v) ? "true" : "false")
#define str_enable_disable(v) ((v) ? "enable" : "disable")
#define str_enabled_disabled(v) ((v) ? "enabled" : "disabled")

#endif
