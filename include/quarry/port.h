/* SPDX-License-Identifier: MIT */
/* The port contract: everything Quarry's core asks of a machine.
 *
 * A port is a folder with a header `quarry_port.h`, found on the include path, that defines the
 * inline duties, and a few C files with the linked ones. A wrong signature is a compile error, a
 * missing inline duty a warning made error, a missing linked duty a link error. Copy ports/template
 * to begin.
 *
 * Words. A CPU is whatever runs one stream of code at a time: a processor on bare metal, a thread
 * in a process. A section is the code between qp_percpu_enter and qp_percpu_leave: in it this CPU's
 * data is this code's alone. A task is whoever sleeps and wakes.
 *
 * What the port calls: cpus->online() and cpus->offline() when a CPU comes and goes; the functions
 * it was given by qp_start_worker and qp_call_cpu. It calls nothing else in the core. */
#ifndef QUARRY_PORT_H
#define QUARRY_PORT_H

#include <quarry/boot.h>
#include <quarry/types.h>

struct quarry;
struct qr_cpu;
struct quarry_trace;
struct quarry_grace_period;

/* A machine's CPUs. `area[id]` is that CPU's private data, or NULL while it is not online. */
struct qr_cpus {
    struct qr_cpu **area;
    unsigned int nr_max;
    struct qr_cpu *none; /* stands for a CPU without data: everything on it takes the slow way */
    /* Make the data of CPU @id (0 .. nr_max-1) on its node; NULL when memory is short. May be
     * called on the CPU itself outside sections. */
    struct qr_cpu *(*online)(struct qr_cpus *cpus, unsigned int id);
    /* Drain and release it; called on that CPU, or when nothing runs on it any more. */
    void (*offline)(struct qr_cpus *cpus, unsigned int id);
};

/* The machine behind the public API; its first member is its struct qr_cpus. */
extern struct quarry quarry_default;
#define QP_DEFAULT_CPUS ((const struct qr_cpus *)(const void *)&quarry_default)

/* A spin lock: one word, 0 = free. */
typedef struct {
    uint32_t word;
} qp_lock_t;

/* Something to wait for: whoever changes the state bumps `moves`, then wakes. */
struct qp_event {
    uint32_t moves;
};

/* A task's small record; zero at its start. */
struct qp_task {
    gfp_t scope_clear;     /* mask bits dropped from every request (G-C5) */
    gfp_t scope_set;       /* mask bits added */
    unsigned int reclaims; /* inside reclaim: depth (G-I4) */
    unsigned int backed;   /* inside a mempool_alloc that may wait: depth (G-M1) */
    uint32_t kmap_local;   /* newest slot held by kmap_local, plus one; 0: none */
    uint32_t readers;      /* inside quarry_rcu_read_lock(): depth … */
    uint32_t reader_side;  /* … and how the outermost one was counted */
};

/* Why the context is atomic, for reports. */
struct qp_atomic_reason {
    const char *what; /* "spin lock held", "in hard interrupt", …; NULL: unknown */
    bool interrupt;   /* in hard or soft interrupt, or with bottom halves off (G-C3) */
    unsigned int nr;
    const void *pc[16]; /* where it became so, innermost first */
};

/* ---- inline duties -------------------------------------------------------------------------- */

/* Begin a section on this CPU; *@cpu is its data (cpus->none when it has none). Nests. */
static inline unsigned long qp_percpu_enter(const struct qr_cpus *cpus, struct qr_cpu **cpu);
static inline void qp_percpu_leave(unsigned long state);

/* Spin lock, safe against this CPU's interrupts: lock returns what unlock takes. */
static inline unsigned long qp_lock(qp_lock_t *lock);
static inline bool qp_trylock(qp_lock_t *lock, unsigned long *state);
static inline void qp_unlock(qp_lock_t *lock, unsigned long state);

/* This CPU's interrupts off, and back to what they were. */
static inline unsigned long qp_irq_save(void);
static inline void qp_irq_restore(unsigned long state);

/* This task's record. In interrupt: one that belongs to no task. */
static inline struct qp_task *qp_task(void);

/* False in interrupt, in a section, with a lock held, with interrupts or preemption off, and while
 * qp_task()->readers is not 0. */
static inline bool qp_may_sleep(void);
/* Make this context atomic, and undo it (kmap_atomic). Nests. */
static inline void qp_atomic_enter(void);
static inline void qp_atomic_leave(void);

/* Direct map of a machine: @offset is what its boot description said (virtual minus physical). A
 * port whose direct map is a constant ignores it. */
static inline void *qp_virt(uintptr_t offset, phys_addr_t phys);
static inline phys_addr_t qp_phys(uintptr_t offset, const volatile void *virt);

/* Spin hint. */
static inline void qp_relax(void);

/* Memory changes hands (for race detectors that cannot see inside): the last owner lets go of it,
 * the next takes it. Called only while QP_OBSERVED() is true or on a watched machine. */
static inline void qp_hand_over(const void *address, size_t size);
static inline void qp_take_over(const void *address, size_t size);

/* ---- linked duties -------------------------------------------------------------------------- */

/* Last words; does not return. */
void qp_panic(const char *text) __attribute__((noreturn));
/* @size bytes of text to the console. Context: any. */
void qp_write(const char *text, size_t size);
/* Nanoseconds since some start, never backwards. Context: any. */
uint64_t qp_now_ns(void);
/* Return addresses of the callers outside the core, innermost first; returns how many. Context:
 * any. */
unsigned int qp_backtrace(const void **pc, unsigned int max);
/* Why qp_may_sleep() is false. */
void qp_explain_atomic(struct qp_atomic_reason *reason);
/* A number for this task in reports (a pid or the like), and this CPU's number. */
unsigned int qp_task_id(void);

/* This CPU has no data yet: choose a number and call cpus->online(); NULL when there is none left
 * or memory is short. Ports that bring all CPUs online at boot return NULL. */
struct qr_cpu *qp_claim_cpu(struct qr_cpus *cpus);

/* Sleep until event->moves differs from @seen or @timeout_ns passed (0: no limit). Wakes spuriously
 * at will. The caller may sleep. */
void qp_wait(struct qp_event *event, uint32_t seen, uint64_t timeout_ns);
/* Bump event->moves and wake all who wait for it. Context: any. */
void qp_wake(struct qp_event *event);

/* Keep all other tasks out of the core, asleep in qp_wait at most, until qp_let_in(): they wait at their
 * next call, while this one may go on calling. Empty where there is one task. The caller may sleep. */
void qp_hold_others(void);
void qp_let_in(void);

/* Run fn(arg) as a task of its own, once, for good. -ENOSYS: this port has no tasks; the caller
 * then does the work itself at its slow paths. */
int qp_start_worker(void (*fn)(void *), void *arg);
/* Page tables of the vmalloc area and the kmap windows. Map @nr frames from physical @phys at @virt
 * (both page aligned, the range unmapped): 0 or -ENOMEM with nothing mapped. @offset names the
 * machine as in qp_virt. */
int qp_map(uintptr_t offset, void *virt, phys_addr_t phys, size_t nr);
/* Unmap @nr pages; mappings may linger in the CPU's look-aside buffers until qp_flush. */
void qp_unmap(uintptr_t offset, void *virt, size_t nr);
void qp_flush(uintptr_t offset, void *virt, size_t nr);

/* These free frames need no backing for now; their content may become zero. Returns true if it did.
 */
bool qp_discard(uintptr_t offset, phys_addr_t phys, size_t nr);

/* Run fn(arg) on CPU @cpu between two sections. -ENOSYS: this port cannot. */
int qp_call_cpu(const struct qr_cpus *cpus, unsigned int cpu, void (*fn)(void *), void *arg);

/* The public API was called while no machine runs: boot the default one with qr_boot(), exactly once
 * among racing callers. A port that is booted by hand panics here. */
void quarry_boot_default(void);

/* ---- what the port calls -------------------------------------------------------------------- */

/* What became of a block, for a detector that keeps a list of them. */
enum qp_block {
    QP_BLOCK_FREED,
    QP_BLOCK_FRESH,
    QP_BLOCK_WRITTEN
}; /* content: none, random, known */
typedef void (*qp_block_fn)(const void *address, size_t size, enum qp_block what);

/* A machine as a port describes it to the core. Addresses in bytes. */
struct qp_machine {
    const struct quarry_region
        *regions; /* physical memory, in any order, overlaps and holes allowed */
    size_t nr_regions;
    uintptr_t offset;         /* direct map: virtual minus physical */
    phys_addr_t dma_limit;    /* zone borders: below it DMA (0: no such zone) */
    phys_addr_t dma32_limit;  /* below it DMA32 (0: no such zone) */
    phys_addr_t low_limit;    /* from it on HIGHMEM, without direct map; the limits above end here
                               * (0: none) */
    phys_addr_t movable_from; /* from it on MOVABLE (0: none) */
    uintptr_t vmalloc_start, vmalloc_end;
    uintptr_t pkmap_start, pkmap_end;   /* kmap's window, equal: none */
    uintptr_t fixmap_start, fixmap_end; /* kmap_local's slots and what is reserved above them */
    unsigned int nr_cpus;
    size_t kmalloc_min, kmalloc_max; /* smallest and largest kmalloc block */
    bool ram_is_zero;                /* fresh memory reads as zero */
    bool watched; /* qp_hand_over forbids bytes and qp_take_over allows them, exactly (an address
                   * sanitizer, Valgrind): have them called for every piece, and leave gaps */
    qp_block_fn block; /* told of each object and each area as well; NULL: nobody */
    const struct quarry_grace_period *grace; /* who knows when readers are done; NULL: see rcu.h */
    const char *options;                     /* boot options, NULL: none */
};

/* Boot @q, all zero or shut down before, on the machine; CPU 0 is online afterwards. Returns 0,
 * -ENOMEM (too small), -EINVAL (bad map or options), the reason in @why. Context: boot. */
int qr_boot(struct quarry *q, const struct qp_machine *machine, char *why, size_t why_size);
/* Stop the machine's workers and forget it; its memory is the port's again. */
void qr_shutdown(struct quarry *q);
/* A fault at a direct-map address, made by the code at @now (NULL: unknown). True: it was in a page
 * that the machine keeps unmapped (boot option kfence.sample_interval); it was reported, the page is
 * mapped, and the access may be made again. False: not the machine's business. Context: the fault
 * handler, on whatever stack; about 8 KiB of it are used. */
enum qr_access { QR_ACCESS_UNKNOWN, QR_ACCESS_READ, QR_ACCESS_WRITE };
bool qr_guard_fault(struct quarry *q, const void *address, enum qr_access access,
                    const struct quarry_trace *now);
/* Before a snapshot of the machine's memory is taken (fork): hold every lock; and let go again. */
void qr_freeze(struct quarry *q);
void qr_thaw(struct quarry *q);
/* In the copy of a machine where only this CPU goes on: reset the locks, take over what the other
 * CPUs held, remap the vmalloc areas onto the new backing, restart the workers. */
void qr_after_fork(struct quarry *q);

#include <quarry_port.h>

/* What a port must say of itself, in quarry_port.h:
 *   QP_CAN_CHECK_CONTEXT  1: qp_may_sleep knows; 0: it always says true and nobody relies on it
 *   QP_OBSERVED()         whether a race detector watches (a constant 0 where none can)
 * and may say
 *   QP_STACK_POINTER()    as an expression, the stack pointer of the function that says it: what lies below
 *                         is no root of a leak scan. If it is not defined, a few words of the scan's own
 *                         frame may keep a lost block from being found
 *   QP_CAN_GUARD          1: qp_map and qp_unmap also work on single pages of the direct map, and
 *                         faults there reach qr_guard_fault; 0, if it is not defined */
#if !defined(QP_CAN_CHECK_CONTEXT) || !defined(QP_OBSERVED)
#error "quarry_port.h must define QP_CAN_CHECK_CONTEXT and QP_OBSERVED()"
#endif
#ifndef QP_CAN_GUARD
#define QP_CAN_GUARD 0
#endif

#endif
