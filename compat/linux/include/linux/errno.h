/* SPDX-License-Identifier: MIT */
/* libc includes this header too, through <errno.h>: only macros may be added here. */
#include_next <linux/errno.h>
#ifndef QUARRY_LINUX_ERRNO_H
#define QUARRY_LINUX_ERRNO_H

/* Never seen by user space: what a signal, a missing ioctl, … become on the way out. */
#define ERESTARTSYS 512
#define ERESTARTNOINTR 513
#define ERESTARTNOHAND 514
#define ENOIOCTLCMD 515
#define ERESTART_RESTARTBLOCK 516
#define EPROBE_DEFER 517
#define EOPENSTALE 518
#define ENOPARAM 519
#define EBADHANDLE 521
#define ENOTSYNC 522
#define EBADCOOKIE 523
#define ENOTSUPP 524
#define ETOOSMALL 525
#define ESERVERFAULT 526
#define EBADTYPE 527
#define EJUKEBOX 528
#define EIOCBQUEUED 529

#endif
