/* SPDX-License-Identifier: MIT */
/* What stands where the rest of the kernel would: the side of compat/linux that a host program (the
 * `quarry` command, a test) sees. Module source sees the other side, include/linux/.
 *
 * The host compiles a module to a shared object with QLX_MODULE_CFLAGS and QLX_MODULE_LDFLAGS, loads
 * it, runs its init function, asks which devices and proc files it registered, and drives their file
 * operations in the name of a client:
 *
 *     qlx_start(NULL);
 *     qlx_module_load("/tmp/scullc.so", "scullc", &mod, why, sizeof why);
 *     qlx_module_set_param(mod, "quantum", "4000", why, sizeof why);
 *     if (qlx_module_init(mod) == 0) {
 *         qlx_client_enter(&client);                     // this thread now acts for that process
 *         qlx_open(qlx_mkdev(240, 0), O_RDWR, &file);
 *         qlx_write(file, "hello", 5, &pos);             // local memory is user memory meanwhile
 *         qlx_release(file);
 *         qlx_client_leave();
 *         qlx_module_exit(mod);
 *     }
 *     qlx_for_each_left(show, NULL);                     // what the module forgot to unregister
 *     qlx_module_unload(mod);
 *
 * Errors are negative errno values. Driver code runs guarded: when it oopses (BUG(), a bad pointer
 * with qlx_catch_signals()), the oops hook is called and the operation returns -EFAULT, as the task
 * would die in a kernel. Any number of threads may drive operations at once. */
#ifndef QUARRY_LINUX_RUNTIME_H
#define QUARRY_LINUX_RUNTIME_H

#include <sys/types.h>
#include <quarry/report.h>
#include <quarry/types.h>

/* Flags for the compiler and the linker, before -I, -D and the sources. Add -isystem with the
 * directory of compat/linux/include and that of include/, -DKBUILD_MODNAME="\"name\"" and, for
 * another version than 6.12.0, -DQUARRY_KERNEL_VERSION_CODE=KERNEL_VERSION(a,b,c) as a number. */
#define QLX_MODULE_CFLAGS                                                                          \
    "-std=gnu11 -g -O1 -fPIC -fno-omit-frame-pointer -fno-strict-aliasing -fwrapv -fno-common "    \
    "-fno-delete-null-pointer-checks -fno-optimize-sibling-calls -mno-omit-leaf-frame-pointer "    \
    "-D_DEFAULT_SOURCE -D__KERNEL__ -DMODULE -Wall -Wno-format -Wno-pointer-sign "                 \
    "-Wno-unused-but-set-variable -Werror=int-conversion"
/* A module's own functions win over equal names in other modules, as in a kernel. */
#define QLX_MODULE_LDFLAGS "-shared -Wl,-Bsymbolic -Wl,--build-id=none"

#ifdef __cplusplus
extern "C" {
#endif

struct file;       /* an open file: driver's view in include/linux/fs.h */
struct qlx_module; /* a loaded module */
struct qlx_task;   /* whoever runs driver code: a client's thread, a worker */

/* ---- start and stop ------------------------------------------------------------------------ */

struct qlx_config {
    int console_level; /* print kernel messages below this level to stderr; 0: 8 (all), -1: none */
};
/* Start the worker, timer and soft-interrupt threads (NULL: all defaults). Returns 0, -EAGAIN.
 * Everything below starts the runtime by itself when this was not called. */
QUARRY_API int qlx_start(const struct qlx_config *config);
/* Make what a kernel has before any module and modules find at their first use of it: the platform bus,
 * the class of misc devices. After qlx_stop() again at first use. For a host that counts requests for
 * memory. */
QUARRY_API void qlx_make_ready(void);
/* From now on get_random_bytes() and its kin draw numbers that follow from @seed. */
QUARRY_API void qlx_random_seed(uint64_t seed);
/* Stop them. What modules left registered is forgotten. False: a module's thread did not end when it
 * was asked to, and may run on. */
QUARRY_API bool qlx_stop(void);

/* ---- modules ------------------------------------------------------------------------------- */

enum qlx_param_type {
    QLX_PARAM_BOOL,
    QLX_PARAM_BOOLINT, /* an int that holds 0 or 1, as drivers before 3.x declare booleans */
    QLX_PARAM_INVBOOL,
    QLX_PARAM_BYTE,
    QLX_PARAM_SHORT,
    QLX_PARAM_USHORT,
    QLX_PARAM_INT,
    QLX_PARAM_UINT,
    QLX_PARAM_LONG,
    QLX_PARAM_ULONG,
    QLX_PARAM_ULLONG,
    QLX_PARAM_HEXINT,
    QLX_PARAM_CHARP,
    QLX_PARAM_STRING,   /* a char array of `max` bytes */
    QLX_PARAM_CALLBACK, /* module_param_cb: the module's own functions */
    QLX_PARAM_TYPES
};

struct qlx_param {
    const char *name;
    enum qlx_param_type type;
    void *value;             /* the variable, or the first element of the array */
    unsigned int element;    /* bytes of the variable, or of one element */
    unsigned int max;        /* elements when it is an array (bytes: QLX_PARAM_STRING), else 0 */
    unsigned int *count;     /* array: elements set, or NULL */
    unsigned int perm;       /* mode of its file under /sys/module */
    const void *ops;         /* QLX_PARAM_CALLBACK: struct kernel_param_ops */
    const char *description; /* MODULE_PARM_DESC, or NULL */
};

/* Load the shared object @path as module @name. -ENOEXEC with the reason in @why: no such file, not
 * a shared object, a function that nobody has ("undefined symbol: foo"). The module stays unloaded
 * then. */
QUARRY_API int qlx_module_load(const char *path, const char *name, struct qlx_module **module,
                               char *why, size_t why_size);
QUARRY_API const char *qlx_module_name(const struct qlx_module *module);
QUARRY_API bool qlx_module_has_init(const struct qlx_module *module);
QUARRY_API bool qlx_module_has_exit(const struct qlx_module *module);
/* MODULE_LICENSE and so on by its lower-case name ("license", "author", "description"), or NULL. */
QUARRY_API const char *qlx_module_info(const struct qlx_module *module, const char *what);
/* The lowest and one past the highest address of its code and data. */
QUARRY_API void qlx_module_range(const struct qlx_module *module, const void **from,
                                 const void **to);
/* Parameters: visit (false ends the walk), set from text: 0, -ENOENT (no such parameter), -EINVAL,
 * -ERANGE, the reason in @why. */
QUARRY_API void qlx_module_for_each_param(const struct qlx_module *module,
                                          bool (*visit)(const struct qlx_param *, void *),
                                          void *data);
QUARRY_API int qlx_module_set_param(struct qlx_module *module, const char *name, const char *value,
                                    char *why, size_t why_size);
/* Run the init function: what it returned; 0 when there is none; -EFAULT after an oops. */
QUARRY_API int qlx_module_init(struct qlx_module *module);
/* From now on until its exit @user holds @owner, whose symbols it is bound to. */
QUARRY_API int qlx_module_use(struct qlx_module *user, struct qlx_module *owner);
/* Open files, modules bound to it and other holders (try_module_get). */
QUARRY_API int qlx_module_users(const struct qlx_module *module);
/* Run the exit function, if there is one: 0, -EBUSY (init has not succeeded, it exited already, or the
 * module is in use), -EFAULT after an oops. */
QUARRY_API int qlx_module_exit(struct qlx_module *module);
/* Forget who holds it, as `rmmod --force` would. */
QUARRY_API void qlx_module_force(struct qlx_module *module);
/* Stop everything that could still call the module's code, forget what it left registered (report
 * it first: qlx_for_each_left), and unmap it. */
QUARRY_API void qlx_module_unload(struct qlx_module *module);

/* ---- what is registered -------------------------------------------------------------------- */

/* A device number, as in the kernel: 12 bits of major, 20 of minor. */
static inline unsigned int qlx_mkdev(unsigned int major, unsigned int minor)
{
    return (major << 20) | (minor & 0xfffffu);
}

struct qlx_device {
    char name[80]; /* below dev/; may contain slashes */
    unsigned int dev;
    unsigned int mode;     /* permission bits, 0600 by default */
    bool by_device_create; /* else named after its chrdev region: region name + minor */
};
/* Devices that can be opened now: those made by device_create and misc_register, and for the other
 * minors with a cdev the region's name followed by the minor (only the bare name for
 * register_chrdev, which takes 256 minors). The walk is over a snapshot; false ends it. */
QUARRY_API void qlx_for_each_device(bool (*visit)(const struct qlx_device *, void *), void *data);
/* By name; also knows names for minors not listed above ("chardev17"). 0 or -ENOENT. */
QUARRY_API int qlx_find_device(const char *name, struct qlx_device *device);

struct qlx_proc {
    char path[160];    /* below proc/, no leading slash: "driver/scullmem" */
    unsigned int mode; /* permission bits with S_IFDIR, S_IFREG or S_IFLNK */
    unsigned int uid, gid;
    long long size;
    char target[80]; /* of a symbolic link */
};
QUARRY_API void qlx_for_each_proc(bool (*visit)(const struct qlx_proc *, void *), void *data);
QUARRY_API int qlx_find_proc(const char *path, struct qlx_proc *proc);

/* A name below sys/: sysfs, and debugfs under kernel/debug/. */
struct qlx_entry_info {
    char path[480];    /* below sys/, no leading slash */
    unsigned int mode; /* permission bits with S_IFDIR, S_IFREG or S_IFLNK */
    long long size;
    char target[600]; /* of a symbolic link */
};
/* What lies in the folder @path ("" for sys/ itself). */
QUARRY_API void qlx_for_each_entry(const char *path,
                                   bool (*visit)(const struct qlx_entry_info *, void *),
                                   void *data);
QUARRY_API int qlx_find_entry(const char *path, struct qlx_entry_info *info);

/* Probes of drivers that ended with an error (other than "put off" and "no such device"). */
QUARRY_API unsigned long qlx_failed_probes(void);

/* Grows with every registration and its undoing: tells when a listing is out of date. */
QUARRY_API unsigned long qlx_generation(void);

/* What modules registered and have not unregistered. */
enum qlx_left_kind {
    QLX_LEFT_CHRDEV_REGION,
    QLX_LEFT_CDEV,
    QLX_LEFT_MISC,
    QLX_LEFT_CLASS,
    QLX_LEFT_DEVICE,
    QLX_LEFT_PROC,
    QLX_LEFT_TIMER,
    QLX_LEFT_WORKQUEUE,
    QLX_LEFT_WORK,
    QLX_LEFT_TASKLET,
    QLX_LEFT_IRQ,
    QLX_LEFT_KTHREAD,
    QLX_LEFT_FILE, /* open files */
    QLX_LEFT_KOBJECT,
    QLX_LEFT_DEBUGFS,
    QLX_LEFT_SYSFS, /* an attribute of an object that is not the module's */
    QLX_LEFT_BUS,
    QLX_LEFT_DRIVER,
    QLX_LEFT_MODULE,  /* a reference taken by try_module_get */
    QLX_LEFT_MAPPING, /* of registers */
    QLX_LEFT_MEM_REGION,
    QLX_LEFT_KINDS
};
struct qlx_left {
    enum qlx_left_kind kind;
    const char *kind_name; /* "timer", "proc entry", … */
    const char *undo;      /* the call that was missing: "cdev_del" */
    char name[80];
    const void *object;
    struct quarry_trace where; /* who registered it; empty when unknown */
};
QUARRY_API void qlx_for_each_left(bool (*visit)(const struct qlx_left *, void *), void *data);
QUARRY_API unsigned long qlx_count_left(enum qlx_left_kind kind);

/* ---- clients ------------------------------------------------------------------------------- */

/* The process in whose name driver code runs. */
struct qlx_client {
    int pid, tgid; /* its memory is read and written with process_vm_readv/writev; 0: none */
    unsigned int uid, gid;
    const char *comm; /* copied */
};
/* From here on this thread acts for @client (NULL: for the kernel itself) until qlx_client_leave().
 * The task is valid until then, also for other threads. */
QUARRY_API struct qlx_task *qlx_client_enter(const struct qlx_client *client);
QUARRY_API void qlx_client_leave(void);
/* A signal for the client: its interruptible sleeps end with -ERESTARTSYS, its killable ones too if
 * @signal is SIGKILL (9). It stays pending until the thread's next qlx_client_leave(). Any thread;
 * the task must be between its enter and leave. */
QUARRY_API void qlx_interrupt(struct qlx_task *task, int signal);

/* While this thread acts for a client, user addresses [user, user+size) are really the local memory
 * at @local: buffers of a read or write, the copied argument of an ioctl. Up to 8; the newest wins.
 * qlx_read() and qlx_write() add their own buffer themselves. -ENOSPC when there are 8. Any other
 * user address goes to the client's process. */
QUARRY_API int qlx_user_range(uint64_t user, size_t size, void *local, bool writable);
QUARRY_API void qlx_user_ranges_clear(void);

/* ---- file operations ----------------------------------------------------------------------- */

/* Open by device number, or a file of proc. @flags are O_*. 0, or -ENXIO (no driver), -ENOENT, or
 * what the driver said. */
QUARRY_API int qlx_open(unsigned int dev, int flags, struct file **file);
QUARRY_API int qlx_proc_open(const char *path, int flags, struct file **file);
/* A file below sys/. */
QUARRY_API int qlx_entry_open(const char *path, int flags, struct file **file);
/* @buffer is local memory; @pos is moved by what was transferred. -EINVAL without such an operation
 * in the driver, -EBADF when not opened for it. */
QUARRY_API ssize_t qlx_read(struct file *file, void *buffer, size_t size, long long *pos);
QUARRY_API ssize_t qlx_write(struct file *file, const void *buffer, size_t size, long long *pos);
/* Without an operation of the driver's: -ESPIPE. */
QUARRY_API long long qlx_llseek(struct file *file, long long offset, int whence);
QUARRY_API bool qlx_can_seek(const struct file *file);
/* @arg as the client passed it: a number, or a user address (see qlx_user_range). -ENOTTY without. */
QUARRY_API long qlx_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
QUARRY_API int qlx_fsync(struct file *file, bool data_only);
QUARRY_API int qlx_fasync(struct file *file, bool on);
/* Called for every close() of a descriptor; then qlx_release once, after the last. */
QUARRY_API int qlx_flush(struct file *file);
QUARRY_API int qlx_release(struct file *file);
/* O_NONBLOCK, O_APPEND, … changed by fcntl. */
QUARRY_API void qlx_set_flags(struct file *file, int flags);
QUARRY_API long long qlx_position(const struct file *file);

/* Which events (POLLIN, …) hold now. With @ready, also call it (once, from whatever thread or
 * interrupt wakes the driver's wait queue) when that may have changed; then poll again. Replaces
 * the file's earlier watch; qlx_release() ends it. Without an operation of the driver's: always
 * readable and writable. */
QUARRY_API unsigned int qlx_poll(struct file *file, unsigned int events,
                                 void (*ready)(struct file *, void *), void *data);
QUARRY_API void qlx_poll_cancel(struct file *file);

/* A mapping of a device's memory. */
struct qlx_mapping;
#define QLX_NO_FRAME (~0ull)
#define QLX_MAP_SHARED 1u
/* @start: the client's address, page aligned (only shown to the driver); @offset in bytes; @prot is
 * PROT_*. -ENODEV without an operation of the driver's, -EACCES, or what the driver said. */
QUARRY_API int qlx_mmap(struct file *file, uint64_t start, size_t size, unsigned int prot,
                        unsigned int flags, long long offset, struct qlx_mapping **mapping);
QUARRY_API size_t qlx_mapping_pages(const struct qlx_mapping *mapping);
/* The frame behind page @index of the mapping, asking the driver's fault handler if the driver has
 * not mapped it yet: 0 with *frame (the frame stays held until qlx_munmap), -EFAULT (SIGBUS for the
 * client), -ENOMEM. */
QUARRY_API int qlx_mapping_frame(struct qlx_mapping *mapping, size_t index, bool write,
                                 uint64_t *frame);
/* All frames at once: fills @frames[0..pages), QLX_NO_FRAME where there is none. Returns how many
 * there are. */
QUARRY_API size_t qlx_mapping_frames(struct qlx_mapping *mapping, bool write, uint64_t *frames);
/* The client forked, so that one more process has the mapping; undone by one more qlx_munmap(). */
QUARRY_API void qlx_mapping_copied(struct qlx_mapping *mapping);
QUARRY_API void qlx_munmap(struct qlx_mapping *mapping);

/* ---- interrupts for tests ------------------------------------------------------------------ */

/* Raise the interrupt line that request_irq() claimed: 0, -ENOENT. */
QUARRY_API int qlx_raise_irq(unsigned int irq);
/* Wait until timers due by now, tasklets and queued work have run. */
QUARRY_API void qlx_settle(void);

/* ---- messages ------------------------------------------------------------------------------ */

/* The kernel's log as text, "<6>[    1.234567] message\n" a line; oldest lines are lost first.
 * Copies what follows position *@seq (0: the oldest kept) and moves it; returns bytes written. */
QUARRY_API size_t qlx_kmsg_read(uint64_t *seq, char *buffer, size_t size);
QUARRY_API void qlx_console_level(int level);
/* Called for each complete line before it is printed; false keeps it off stderr. */
QUARRY_API void qlx_set_message_hook(bool (*hook)(int level, const char *line, void *), void *data);

/* ---- misuse and crashes -------------------------------------------------------------------- */

/* What compat/linux itself found wrong: a lock taken twice or unlocked by a stranger, a return to
 * user space in atomic context, a registration used after its undoing, WARN_ON. Printed like the
 * core's findings unless the hook says false. */
struct qlx_finding {
    const char *what; /* short class: "lock", "context", "registration", "warning" */
    const char *text; /* one line */
    struct quarry_trace now, before;
    const char *before_is; /* "locked by", … or NULL */
};
QUARRY_API void qlx_set_finding_hook(bool (*hook)(const struct qlx_finding *, void *), void *data);
QUARRY_API unsigned long qlx_findings(void);

/* An oops: BUG(), BUG_ON(), panic(), or a fatal signal inside driver code. */
struct qlx_oops {
    const char *what;    /* "kernel BUG at scull.c:12", "SIGSEGV", "panic: text" */
    int signal;          /* 0 for BUG and panic */
    const void *address; /* faulting address, or NULL */
    const void *pc;      /* faulting instruction, or where BUG() stands */
    struct quarry_trace trace;
    const void *context; /* the signal's ucontext_t; NULL for BUG and panic */
    bool guarded; /* inside a driver operation that will now return -EFAULT; otherwise the process
                   * ends after the hook returns */
};
QUARRY_API void qlx_set_oops_hook(void (*hook)(const struct qlx_oops *, void *), void *data);
QUARRY_API unsigned long qlx_oopses(void);
/* Turn SIGSEGV, SIGBUS, SIGFPE, SIGILL in driver code into oopses. */
QUARRY_API void qlx_catch_signals(void);

/* ---- what there is ------------------------------------------------------------------------- */

/* Kernel names that modules can use, with the header that declares them; sorted. */
struct qlx_symbol {
    const char *name, *header;
    const char *kind; /* "function", "inline", "macro" (with arguments), "variable" */
};
QUARRY_API void qlx_for_each_symbol(bool (*visit)(const struct qlx_symbol *, void *), void *data);

#ifdef __cplusplus
}
#endif

#endif
