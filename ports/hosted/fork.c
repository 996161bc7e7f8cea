/* SPDX-License-Identifier: MIT */
/* ports/hosted/fork: parent and child each go on with a machine of their own.
 *
 * Problem. The memory file is shared by nature: after a plain fork two processes would work on one
 * heap. And fork takes only the calling thread along: what other threads were changing at that
 * moment would stay half changed in the child for ever.
 *
 * Idea. The child makes its own copy of the file and maps it at the same addresses, while the
 * parent holds still:
 *
 *     parent                                child
 *     prepare: close the gate, wait until no
 *       thread is inside, take every lock
 *     fork --------------------------------->
 *     stop all other threads                  wait for "go"
 *     "go" ------------------------------->   copy the file's data, map it
 *     wait <------------------------------    "done" (or its end, by whatever cause)
 *     let the threads run, release            release; give back what the parent's other CPUs held;
 *     every lock, open the gate               map the vmalloc areas again; a new worker
 *
 * The gate. Part of the machine lies in the process's own memory, which fork copies at one moment,
 * part in the file, which is copied a moment later; so between the two nothing may change, not even
 * what a CPU changes without a lock. A thread is asked by a signal. If its handler finds it outside
 * Quarry's public functions, it takes this CPU's data away from the thread, so that its next call
 * goes the slow way, and that waits in quarry_boot_default() as if the machine were still booting.
 * If it finds it inside, the thread goes on and is asked again. Threads that wait inside (qp_wait)
 * are held before they return.
 *
 * The stop. What callers keep in the file they change whenever they like, and a copy should be of
 * one moment; so while the child copies, the other threads stand still in that handler. They are
 * stopped after the fork and not before, because a stopped thread may hold the C library's own
 * locks, which fork itself needs.
 *
 * The copy is sparse: only what was ever touched is copied.
 *
 * Limits. What callers store in the file between the fork and the stop is newer in the child than
 * its variables, by microseconds. A thread that blocks the signal (SIGRTMAX-1) runs on: what it
 * changes meanwhile the child may see half of. The same holds for one that stays in a callback of a
 * public function (a constructor, a shrinker) for a tenth of a second; nobody is waited for longer.
 * Threads in a system call may see it end early with EINTR, as after SIGCONT. Where no descriptors
 * are left the child has no copy; that is said, and a child that only calls exec is none the worse.
 * posix_spawn and vfork run none of this. Private machines of tests stay with the parent.
 *
 * Locks: boot_mutex from prepare to the end, then all of the machine's, then those of this port. */
#define _GNU_SOURCE
#include "hosted.h"
#include "instance.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <unwind.h>

#define FORK_MAX_THREADS 8192u
#define FORK_PATIENCE_NS 100000000ull
#define FORK_PAUSE_NS 5000000 /* without an answer: look whether there will be any */
#define FORK_MOMENT_NS 20000  /* many times the way through a section */
#define FORK_DIRENTS 4096

enum fork_phase { FORK_IDLE, FORK_GATE, FORK_STOP };
enum fork_state { FORK_ASKED, FORK_BUSY, FORK_AGREED };

struct fork_thread {
    int tid;
    uint32_t state; /* enum fork_state */
};

static struct fork_thread fork_thread[FORK_MAX_THREADS];
static unsigned int fork_nr_threads;
static uint32_t fork_answers; /* given by handlers so far; a futex */
static uint32_t fork_phase;   /* enum fork_phase; a futex */
static struct sigaction fork_old_action;
static int fork_channel[2] = {-1, -1};
static bool fork_frozen;

static long fork_futex(uint32_t *word, int op, uint32_t value, const struct timespec *timeout)
{
    return syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, timeout, NULL, 0);
}

int hosted_stop_signal(void)
{
    return SIGRTMAX - 1;
}

/* ---- asking the other threads ---------------------------------------------------------------- */

/* Pass on what was not sent by fork_signal. */
static void fork_chain(int number, siginfo_t *info, void *context)
{
    if (fork_old_action.sa_flags & SA_SIGINFO)
        fork_old_action.sa_sigaction(number, info, context);
    else if (fork_old_action.sa_handler != SIG_DFL && fork_old_action.sa_handler != SIG_IGN)
        fork_old_action.sa_handler(number);
}

/* The handler and what it calls are not instrumented: they may interrupt a race detector's runtime
 * and must not enter it again. */
#define FORK_IN_HANDLER __attribute__((no_sanitize("thread", "address", "undefined")))

FORK_IN_HANDLER static _Unwind_Reason_Code fork_frame(struct _Unwind_Context *context, void *inside)
{
    if (!hosted_is_public(_Unwind_GetIP(context)))
        return _URC_NO_REASON;
    *(bool *)inside = true;
    return _URC_END_OF_STACK;
}

/* Whether the interrupted code is outside, or held wherever it is. */
FORK_IN_HANDLER static bool fork_leave_outside(void)
{
    bool inside = false;
    if (qp_self.parked)
        return true;
    if (qp_self.inside) /* core code with no public function above it */
        return false;
    _Unwind_Backtrace(fork_frame, &inside);
    if (!inside)
        qp_self.cpu = &qr_cpu_none; /* claimed again behind the gate */
    return !inside;
}

FORK_IN_HANDLER static void fork_asked(int number, siginfo_t *info, void *context)
{
    struct fork_thread *self = info->si_value.sival_ptr;
    uint32_t phase = __atomic_load_n(&fork_phase, __ATOMIC_ACQUIRE);
    bool agreed = true;
    int saved = errno;
    if (info->si_code != SI_QUEUE || self < fork_thread || self >= fork_thread + FORK_MAX_THREADS) {
        fork_chain(number, info, context);
        return;
    }
    /* One that comes late, after its fork gave up waiting, finds nothing to stop for. */
    if (phase != FORK_IDLE) {
        if (phase == FORK_GATE)
            agreed = fork_leave_outside();
        __atomic_store_n(&self->state, agreed ? FORK_AGREED : FORK_BUSY, __ATOMIC_RELEASE);
        __atomic_fetch_add(&fork_answers, 1, __ATOMIC_RELEASE);
        syscall(SYS_futex, &fork_answers, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
        while (phase == FORK_STOP && __atomic_load_n(&fork_phase, __ATOMIC_ACQUIRE) == FORK_STOP)
            syscall(SYS_futex, &fork_phase, FUTEX_WAIT_PRIVATE, FORK_STOP, NULL, NULL, 0);
    }
    errno = saved;
}

/* The host's own form of a signal action. */
struct fork_kernel_action {
    void (*handler)(int, siginfo_t *, void *);
    unsigned long flags;
    void *restorer;
    unsigned long mask;
};

/* ThreadSanitizer puts a handler of its own in front, which lets signals wait for the thread's next
 * system call; a thread that computes would never stop. Take that one away again. */
static bool fork_install_directly(void)
{
    struct fork_kernel_action action;
    int number = hosted_stop_signal();
    if (syscall(SYS_rt_sigaction, number, NULL, &action, sizeof(action.mask)) != 0)
        return false;
    action.handler = fork_asked;
    return syscall(SYS_rt_sigaction, number, &action, NULL, sizeof(action.mask)) == 0;
}

/* The handler stays for good, since a late signal may come at any time. */
static bool fork_install(void)
{
    struct sigaction now, ours = {.sa_sigaction = fork_asked, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigfillset(&ours.sa_mask);
    if (sigaction(hosted_stop_signal(), NULL, &now) != 0)
        return false;
    if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == fork_asked)
        return true;
    fork_old_action = now;
    if (sigaction(hosted_stop_signal(), &ours, NULL) != 0)
        return false;
    return !QP_OBSERVED() || fork_install_directly();
}

static bool fork_known(int tid)
{
    unsigned int i;
    for (i = 0; i < fork_nr_threads; i++) {
        if (fork_thread[i].tid == tid)
            return true;
    }
    return false;
}

/* Ask one thread to stop; false when it has ended meanwhile. */
static bool fork_ask(struct fork_thread *thread)
{
    siginfo_t info;
    __atomic_store_n(&thread->state, FORK_ASKED, __ATOMIC_RELEASE);
    memset(&info, 0, sizeof(info));
    info.si_signo = hosted_stop_signal();
    info.si_code = SI_QUEUE;
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_ptr = thread;
    return syscall(SYS_rt_tgsigqueueinfo, getpid(), thread->tid, info.si_signo, &info) == 0;
}

/* Ask a thread that was not asked yet; whether there is something to wait for. */
static bool fork_signal(int tid)
{
    struct fork_thread *thread = &fork_thread[fork_nr_threads];
    if (fork_nr_threads == FORK_MAX_THREADS || fork_known(tid))
        return false;
    thread->tid = tid;
    if (!fork_ask(thread))
        return false;
    fork_nr_threads++;
    return true;
}

/* As readdir, but without the C library's heap: its locks may be held by a stopped thread. */
struct fork_dirent {
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

/* Signal every thread that was not signalled yet; how many. */
static unsigned int fork_signal_all(void)
{
    _Alignas(8) char buffer[FORK_DIRENTS];
    int self = (int)syscall(SYS_gettid), fd = open("/proc/self/task", O_RDONLY | O_CLOEXEC);
    unsigned int nr = 0;
    long got, at;
    if (fd < 0)
        return 0;
    while ((got = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0) {
        for (at = 0; at < got; at += ((struct fork_dirent *)(buffer + at))->length) {
            const char *name = ((struct fork_dirent *)(buffer + at))->name;
            int tid = 0;
            for (; *name >= '0' && *name <= '9'; name++)
                tid = tid * 10 + (*name - '0');
            if (tid && tid != self)
                nr += fork_signal(tid);
        }
    }
    close(fd);
    return nr;
}

/* Whether a thread blocks the signal just now, by its "SigBlk:" line. */
static bool fork_is_deaf(int tid)
{
    char text[2048], *line;
    unsigned long long blocked;
    ssize_t got;
    int fd;
    snprintf(text, sizeof(text), "/proc/self/task/%d/status", tid);
    fd = open(text, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return true; /* it ended */
    got = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[got > 0 ? got : 0] = 0;
    line = strstr(text, "SigBlk:");
    if (!line || sscanf(line, "SigBlk: %llx", &blocked) != 1)
        return false;
    return (blocked >> (hosted_stop_signal() - 1)) & 1;
}

/* Let the busy ones come further, then ask them again. Whether all agree but those who cannot
 * hear. */
static bool fork_all_agree(bool look_closely)
{
    const struct timespec moment = {.tv_nsec = FORK_MOMENT_NS};
    bool all = true;
    unsigned int i;
    for (i = 0; i < fork_nr_threads; i++)
        all = all && __atomic_load_n(&fork_thread[i].state, __ATOMIC_ACQUIRE) == FORK_AGREED;
    if (all)
        return true;
    nanosleep(&moment, NULL);
    for (i = 0, all = true; i < fork_nr_threads; i++) {
        uint32_t state = __atomic_load_n(&fork_thread[i].state, __ATOMIC_ACQUIRE);
        if (state == FORK_BUSY && fork_ask(&fork_thread[i]))
            all = false;
        else if (state == FORK_ASKED && !(look_closely && fork_is_deaf(fork_thread[i].tid)))
            all = false;
    }
    return all;
}

/* Wait until all who were asked agree. */
static void fork_await(uint64_t until)
{
    bool slow = false;
    for (;;) {
        uint32_t answers = __atomic_load_n(&fork_answers, __ATOMIC_ACQUIRE);
        struct timespec pause = {.tv_nsec = FORK_PAUSE_NS};
        if (fork_all_agree(slow) || qp_now_ns() > until)
            return;
        slow = fork_futex(&fork_answers, FUTEX_WAIT, answers, &pause) != 0 && errno == ETIMEDOUT;
    }
}

/* Enter a phase with all other threads, also those that are born meanwhile: the last round finds no
 * new one. */
static void fork_enter(enum fork_phase phase)
{
    uint64_t until = qp_now_ns() + FORK_PATIENCE_NS;
    fork_nr_threads = 0;
    if (!fork_install())
        return;
    __atomic_store_n(&fork_phase, phase, __ATOMIC_RELEASE);
    while (fork_signal_all())
        fork_await(until);
}

static void fork_let_go(void)
{
    __atomic_store_n(&fork_phase, FORK_IDLE, __ATOMIC_RELEASE);
    fork_futex(&fork_phase, FUTEX_WAKE, 0x7fffffff, NULL);
}

/* The gate is looked at after the mark is gone: a fork that asked while the mark was there took it
 * for a promise. */
void hosted_unpark(void)
{
    uint32_t phase;
    for (;;) {
        qp_self.parked--;
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        if (__atomic_load_n(&fork_phase, __ATOMIC_ACQUIRE) == FORK_IDLE)
            return;
        qp_self.parked++;
        while ((phase = __atomic_load_n(&fork_phase, __ATOMIC_ACQUIRE)) != FORK_IDLE)
            fork_futex(&fork_phase, FUTEX_WAIT, phase, NULL);
    }
}

/* ---- the three handlers ---------------------------------------------------------------------- */

static void fork_close(int end)
{
    if (fork_channel[end] >= 0)
        close(fork_channel[end]);
    fork_channel[end] = -1;
}

/* Wait for a byte, or for the other side's end. */
static void fork_read(int fd)
{
    char byte;
    ssize_t got;
    do
        got = fd < 0 ? 0 : read(fd, &byte, 1);
    while (got < 0 && errno == EINTR);
}

static void fork_write(int fd)
{
    if (fd >= 0)
        (void)send(fd, "", 1, MSG_NOSIGNAL);
}

static void fork_prepare(void)
{
    int saved = errno;
    hosted_boot_lock();
    fork_frozen = quarry_booted();
    if (fork_frozen) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fork_channel) != 0)
            fork_channel[0] = fork_channel[1] = -1;
        __atomic_store_n(&quarry_default.booted, 2, __ATOMIC_RELEASE);
        fork_enter(FORK_GATE);
        qr_freeze(&quarry_default);
        hosted_threads_lock();
        hosted_ram_lock();
        hosted_ram_inherit(hosted_default_ram(), fork_channel[0] >= 0);
    }
    errno = saved;
}

static void fork_release(void)
{
    hosted_ram_unlock();
    hosted_threads_unlock();
}

static void fork_parent(void)
{
    int saved = errno;
    if (fork_frozen) {
        fork_close(1);
        hosted_ram_inherit(hosted_default_ram(), false);
        /* When the fork failed, the other end is closed already and nobody is waited for. */
        if (fork_channel[0] >= 0) {
            fork_enter(FORK_STOP);
            fork_write(fork_channel[0]);
            fork_read(fork_channel[0]);
        }
        fork_close(0);
        fork_release();
        qr_thaw(&quarry_default);
        __atomic_store_n(&quarry_default.booted, 1, __ATOMIC_RELEASE);
        fork_let_go();
    }
    hosted_boot_unlock();
    errno = saved;
}

static void fork_say_no_copy(int error)
{
    char text[160];
    int length =
        snprintf(text, sizeof(text),
                 "quarry: this child process has no copy of the machine's memory (%s): it may "
                 "exec or exit, but not use that memory\n",
                 strerror(error));
    qp_write(text, (size_t)length);
}

/* The only thread of the child. */
static void fork_child(void)
{
    int saved = errno, error = -EMFILE;
    fork_phase = FORK_IDLE;
    fork_nr_threads = 0;
    if (fork_frozen) {
        fork_close(0);
        if (fork_channel[1] >= 0) {
            fork_read(fork_channel[1]);
            error = hosted_ram_adopt(hosted_default_ram());
            fork_write(fork_channel[1]);
        }
        fork_close(1);
        hosted_ram_forget_others(hosted_default_ram());
        fork_release();
        __atomic_store_n(&quarry_default.booted, 1, __ATOMIC_RELEASE);
        if (error) {
            fork_say_no_copy(-error);
        } else {
            hosted_threads_after_fork(&quarry_default.cpus);
            qr_after_fork(&quarry_default);
        }
    }
    hosted_boot_unlock();
    errno = saved;
}

/* Before main, so that no fork can slip in between a boot and its registration. */
__attribute__((constructor)) static void fork_register(void)
{
    if (pthread_atfork(fork_prepare, fork_parent, fork_child) != 0)
        qp_panic("quarry: the host has no room for fork handlers\n");
}

void hosted_fork_link(void)
{
}
