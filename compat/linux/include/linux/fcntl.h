/* SPDX-License-Identifier: MIT */
/* Flags of open files. libc's <fcntl.h> may come before or after: the values are the same, and what it
 * defined stays. (The user-space header of this name clashes with it.) */
#ifndef QUARRY_LINUX_FCNTL_H
#define QUARRY_LINUX_FCNTL_H

#ifndef O_ACCMODE
#define O_ACCMODE 0003
#endif
#ifndef O_RDONLY
#define O_RDONLY 00
#endif
#ifndef O_WRONLY
#define O_WRONLY 01
#endif
#ifndef O_RDWR
#define O_RDWR 02
#endif
#ifndef O_CREAT
#define O_CREAT 0100
#endif
#ifndef O_EXCL
#define O_EXCL 0200
#endif
#ifndef O_NOCTTY
#define O_NOCTTY 0400
#endif
#ifndef O_TRUNC
#define O_TRUNC 01000
#endif
#ifndef O_APPEND
#define O_APPEND 02000
#endif
#ifndef O_NONBLOCK
#define O_NONBLOCK 04000
#endif
#ifndef O_NDELAY
#define O_NDELAY O_NONBLOCK
#endif
#ifndef O_SYNC
#define O_SYNC 04010000
#endif
#ifndef O_ASYNC
#define O_ASYNC 020000
#endif
#ifndef FASYNC
#define FASYNC O_ASYNC
#endif

#endif
