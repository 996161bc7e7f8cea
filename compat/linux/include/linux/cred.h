/* SPDX-License-Identifier: MIT */
/* In whose name: the client's user and group. */
#ifndef QUARRY_LINUX_CRED_H
#define QUARRY_LINUX_CRED_H

#include <linux/sched.h>
#include <linux/uidgid.h>

#define current_cred() (current->cred)
#if LINUX_VERSION_CODE < KERNEL_VERSION(3, 5, 0)
#define current_uid() (current->uid)
#define current_gid() (current->gid)
#define current_euid() (current->euid)
#define current_fsuid() (current->euid)
#else
#define current_uid() (current->cred->uid)
#define current_gid() (current->cred->gid)
#define current_euid() (current->cred->euid)
#define current_egid() (current->cred->egid)
#define current_fsuid() (current->cred->fsuid)
#define current_fsgid() (current->cred->fsgid)
#endif
#define current_user_ns() (&init_user_ns)

#endif
