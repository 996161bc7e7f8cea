/* SPDX-License-Identifier: MIT */
/* ports/hosted/gate: keep the other threads out of Quarry for a while, or stop them altogether.
 *
 * Problem. A fork, and a look at every structure of the machine, need all of it to stand still, also
 * what a CPU changes without a lock. Threads are the program's: nobody can wait for them by name.
 *
 * Idea. *Closed.* A thread is asked by a signal. If its handler finds it outside Quarry's public
 * functions, it takes this CPU's data away from the thread, so that its next call goes the slow way,
 * and that waits in quarry_boot_default() as if the machine were still booting. If it finds it
 * inside, the thread goes on and is asked again. Threads that wait inside (qp_wait) are held before
 * they return. *Stopped.* The threads stand still in that handler, wherever they are.
 *
 * How long. A thread that has not answered yet has not had the CPU since it was asked: the host runs its
 * handler before anything else of it. One that answered from inside comes out as soon as it gets there.
 * Neither is any measure of time on a loaded host, so both are waited for while they have a chance:
 * the first while it can hear, the second while it can run and has not used up the patience on the CPU.
 *
 * Limits. A thread that blocks the signal (SIGRTMAX-1) runs on. The same holds for one that sleeps or
 * computes in a callback of a public function (a constructor, a shrinker) for longer than is waited for,
 * a tenth of a second for a fork, two seconds for a look; and for one that the host does not let run for
 * half a minute. Of these the child of a fork is told. Threads in a system call may see it end early with
 * EINTR, as after SIGCONT. The default machine alone has a gate. Under ThreadSanitizer, whose runtime
 * a handler must not enter, a look holds nobody back: the program's other threads should be idle.
 *
 * Locks: the caller holds boot_mutex, so that there is one reason at a time. */
#define _GNU_SOURCE
#include "hosted.h"
#include "instance.h"
#include "registers.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <unwind.h>

#define GATE_MAX_THREADS 8192u
#define GATE_PATIENCE_NS 100000000ull       /* for a fork, which should not take long */
#define GATE_HOLD_PATIENCE_NS 2000000000ull /* for a look that should not be wrong */
#define GATE_LIMIT_NS 30000000000ull        /* for threads that the host keeps from running */
#define GATE_PAUSE_NS 5000000               /* without an answer: look whether there will be any */
#define GATE_MOMENT_NS 20000                /* many times the way through a section */
#define GATE_DIRENTS 4096

enum gate_phase { GATE_IDLE, GATE_CLOSED, GATE_STOP };
enum gate_state { GATE_ASKED, GATE_BUSY, GATE_AGREED };

struct gate_thread {
    int tid;
    uint32_t state;               /* enum gate_state */
    unsigned long used_ms;        /* of the CPU when its time began to count; ~0: it does not yet */
    uintptr_t frame;              /* of the handler, while it stands still; 0: it runs */
    uintptr_t dead_from, dead_to; /* above the frame: registers that nobody reads again */
};

static struct gate_thread gate_thread[GATE_MAX_THREADS];
static unsigned int gate_nr_threads;
static bool gate_full;        /* there are more threads than places in gate_thread */
static uint32_t gate_answers; /* "agreed", so far; a futex */
static uint32_t gate_hearing; /* threads in the handler that do not stand still there */
static uint32_t gate_phase;   /* enum gate_phase; a futex */
static bool gate_all_outside; /* when it was closed last, every thread was outside or deaf */
static struct sigaction gate_old_action;
static __thread unsigned int gate_holds; /* of this thread, one in another */

static long gate_futex(uint32_t *word, int op, uint32_t value, const struct timespec *timeout)
{
    return syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, timeout, NULL, 0);
}

int hosted_stop_signal(void)
{
    return SIGRTMAX - 1;
}

/* ---- asking the other threads ---------------------------------------------------------------- */

/* Pass on what was not sent by gate_signal. */
static void gate_chain(int number, siginfo_t *info, void *context)
{
    if (gate_old_action.sa_flags & SA_SIGINFO)
        gate_old_action.sa_sigaction(number, info, context);
    else if (gate_old_action.sa_handler != SIG_DFL && gate_old_action.sa_handler != SIG_IGN)
        gate_old_action.sa_handler(number);
}

/* The handler and what it calls are not instrumented: they may interrupt a race detector's runtime
 * and must not enter it again. */
#define GATE_IN_HANDLER __attribute__((no_sanitize("thread", "address", "undefined")))

GATE_IN_HANDLER static _Unwind_Reason_Code gate_frame(struct _Unwind_Context *context, void *inside)
{
    if (!hosted_is_public(_Unwind_GetIP(context)))
        return _URC_NO_REASON;
    *(bool *)inside = true;
    return _URC_END_OF_STACK;
}

/* Whether the interrupted code is outside, or held wherever it is. */
GATE_IN_HANDLER static bool gate_leave_outside(void)
{
    bool inside = false;
    if (qp_self.parked)
        return true;
    if (qp_self.inside) /* core code with no public function above it */
        return false;
    _Unwind_Backtrace(gate_frame, &inside);
    if (!inside)
        qp_self.cpu = &qr_cpu_none; /* claimed again behind the gate */
    return !inside;
}

/* What a look at this thread's stack needs to know. */
GATE_IN_HANDLER static void gate_show_stack(struct gate_thread *self, const void *context,
                                            void *frame)
{
    self->dead_from = self->dead_to = 0;
    hosted_dead_of(context, &self->dead_from, &self->dead_to);
    __atomic_store_n(&self->frame, (uintptr_t)frame, __ATOMIC_RELAXED);
}

/* A busy one wakes nobody: whoever is woken may take the CPU from it, and ask again before it got any
 * further, for ever where CPU time is short. */
GATE_IN_HANDLER static void gate_answer(struct gate_thread *self, bool agreed)
{
    __atomic_store_n(&self->state, agreed ? GATE_AGREED : GATE_BUSY, __ATOMIC_RELEASE);
    if (!agreed)
        return;
    __atomic_fetch_add(&gate_answers, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &gate_answers, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

GATE_IN_HANDLER static void gate_stand_still(void)
{
    __atomic_fetch_sub(&gate_hearing, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&gate_phase, __ATOMIC_ACQUIRE) == GATE_STOP)
        syscall(SYS_futex, &gate_phase, FUTEX_WAIT_PRIVATE, GATE_STOP, NULL, NULL, 0);
    __atomic_fetch_add(&gate_hearing, 1, __ATOMIC_SEQ_CST);
}

GATE_IN_HANDLER static void gate_asked(int number, siginfo_t *info, void *context)
{
    struct gate_thread *self = info->si_value.sival_ptr;
    uint32_t phase = __atomic_load_n(&gate_phase, __ATOMIC_ACQUIRE);
    bool agreed = true;
    int saved = errno;
    if (info->si_code != SI_QUEUE || self < gate_thread || self >= gate_thread + GATE_MAX_THREADS) {
        gate_chain(number, info, context);
        return;
    }
    /* One that comes late, after its fork gave up waiting, finds nothing to stop for. */
    __atomic_fetch_add(&gate_hearing, 1, __ATOMIC_SEQ_CST);
    if (phase != GATE_IDLE) {
        if (phase == GATE_CLOSED)
            agreed = gate_leave_outside();
        else
            gate_show_stack(self, context, __builtin_frame_address(0));
        gate_answer(self, agreed);
        if (phase == GATE_STOP)
            gate_stand_still();
    }
    __atomic_fetch_sub(&gate_hearing, 1, __ATOMIC_SEQ_CST);
    errno = saved;
}

/* The host's own form of a signal action. */
struct gate_kernel_action {
    void (*handler)(int, siginfo_t *, void *);
    unsigned long flags;
    void *restorer;
    unsigned long mask;
};

/* ThreadSanitizer puts a handler of its own in front, which lets signals wait for the thread's next
 * system call; a thread that computes would never stop. Take that one away again. */
static bool gate_install_directly(void)
{
    struct gate_kernel_action action;
    int number = hosted_stop_signal();
    if (syscall(SYS_rt_sigaction, number, NULL, &action, sizeof(action.mask)) != 0)
        return false;
    action.handler = gate_asked;
    return syscall(SYS_rt_sigaction, number, &action, NULL, sizeof(action.mask)) == 0;
}

/* The handler stays for good, since a late signal may come at any time. */
static bool gate_install(void)
{
    struct sigaction now, ours = {.sa_sigaction = gate_asked, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigfillset(&ours.sa_mask);
    if (sigaction(hosted_stop_signal(), NULL, &now) != 0)
        return false;
    if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == gate_asked)
        return true;
    gate_old_action = now;
    if (sigaction(hosted_stop_signal(), &ours, NULL) != 0)
        return false;
    return !QP_OBSERVED() || gate_install_directly();
}

static bool gate_known(int tid)
{
    unsigned int i;
    for (i = 0; i < gate_nr_threads; i++) {
        if (gate_thread[i].tid == tid)
            return true;
    }
    return false;
}

/* Ask one thread to stop; false when it has ended meanwhile. */
static bool gate_ask(struct gate_thread *thread)
{
    siginfo_t info;
    __atomic_store_n(&thread->frame, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&thread->state, GATE_ASKED, __ATOMIC_RELEASE);
    memset(&info, 0, sizeof(info));
    info.si_signo = hosted_stop_signal();
    info.si_code = SI_QUEUE;
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_ptr = thread;
    return syscall(SYS_rt_tgsigqueueinfo, getpid(), thread->tid, info.si_signo, &info) == 0;
}

/* Ask a thread that was not asked yet; whether there is something to wait for. */
static bool gate_signal(int tid)
{
    struct gate_thread *thread = &gate_thread[gate_nr_threads];
    if (gate_known(tid))
        return false;
    if (gate_nr_threads == GATE_MAX_THREADS) {
        gate_full = true;
        return false;
    }
    thread->tid = tid;
    thread->used_ms = ~0ul;
    if (!gate_ask(thread))
        return false;
    gate_nr_threads++;
    return true;
}

/* As readdir, but without the C library's heap: its locks may be held by a stopped thread. */
struct gate_dirent {
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

/* Signal every thread that was not signalled yet; how many. */
static unsigned int gate_signal_all(void)
{
    _Alignas(8) char buffer[GATE_DIRENTS];
    int self = (int)syscall(SYS_gettid), fd = open("/proc/self/task", O_RDONLY | O_CLOEXEC);
    unsigned int nr = 0;
    long got, at;
    if (fd < 0)
        return 0;
    while ((got = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0) {
        for (at = 0; at < got; at += ((struct gate_dirent *)(buffer + at))->length) {
            const char *name = ((struct gate_dirent *)(buffer + at))->name;
            int tid = 0;
            for (; *name >= '0' && *name <= '9'; name++)
                tid = tid * 10 + (*name - '0');
            if (tid && tid != self)
                nr += gate_signal(tid);
        }
    }
    close(fd);
    return nr;
}

/* A file of /proc about one thread, as text; false: the thread ended. */
static bool gate_read(int tid, const char *file, char *text, size_t size)
{
    ssize_t got;
    int fd;
    snprintf(text, size, "/proc/self/task/%d/%s", tid, file);
    fd = open(text, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    got = read(fd, text, size - 1);
    close(fd);
    text[got > 0 ? got : 0] = 0;
    return got > 0;
}

static bool gate_has_signal(const char *status, const char *line)
{
    unsigned long long signals;
    const char *at = strstr(status, line);
    return at && sscanf(at + strlen(line), "%llx", &signals) == 1 &&
           ((signals >> (hosted_stop_signal() - 1)) & 1);
}

/* Whether a thread never answers: it ended (a first thread that did so stays on the list), or blocks the
 * signal just now, so that what it was sent is pending. The handler blocks it too: one that is still on its
 * way out, when the next fork asks already, looks the same, so nobody counts as deaf while one is. */
static bool gate_is_deaf(int tid)
{
    bool hearing = __atomic_load_n(&gate_hearing, __ATOMIC_SEQ_CST) != 0;
    char text[2048], *state;
    if (!gate_read(tid, "status", text, sizeof(text)))
        return true;
    state = strstr(text, "State:\t");
    if (state && (state[7] == 'Z' || state[7] == 'X'))
        return true;
    return !hearing && gate_has_signal(text, "SigBlk:") && gate_has_signal(text, "SigPnd:");
}

/* Whether a busy thread can come out: it runs, or would if the host let it, or waits for a page of its
 * own; and has not used the CPU for longer than @patience_ms since this was asked first. */
static bool gate_moves(struct gate_thread *thread, unsigned long patience_ms)
{
    unsigned long user, system, used;
    char text[1024], *rest, state;
    if (!gate_read(thread->tid, "stat", text, sizeof(text)))
        return false;
    rest = strrchr(text, ')'); /* its name may hold anything */
    if (!rest || sscanf(rest + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &state,
                        &user, &system) != 3)
        return false;
    used = (user + system) * 1000 / (unsigned long)sysconf(_SC_CLK_TCK);
    if (thread->used_ms == ~0ul)
        thread->used_ms = used;
    return (state == 'R' || state == 'D') && used - thread->used_ms <= patience_ms;
}

/* Whether waiting longer may help: some thread is late and not hopeless. */
static bool gate_any_hope(unsigned long patience_ms)
{
    bool hope = false;
    unsigned int i;
    for (i = 0; i < gate_nr_threads; i++) {
        struct gate_thread *thread = &gate_thread[i];
        uint32_t state = __atomic_load_n(&thread->state, __ATOMIC_ACQUIRE);
        if (state == GATE_ASKED)
            hope = hope || !gate_is_deaf(thread->tid);
        else if (state == GATE_BUSY)
            hope = gate_moves(thread, patience_ms) || hope;
    }
    return hope;
}

/* Ask the busy ones again. Whether all agree but those who cannot hear. */
static bool gate_all_agree(bool look_closely)
{
    bool all = true;
    unsigned int i;
    for (i = 0; i < gate_nr_threads; i++) {
        uint32_t state = __atomic_load_n(&gate_thread[i].state, __ATOMIC_ACQUIRE);
        if (state == GATE_BUSY && gate_ask(&gate_thread[i]))
            all = false;
        else if (state == GATE_ASKED && !(look_closely && gate_is_deaf(gate_thread[i].tid)))
            all = false;
    }
    return all;
}

/* Wait until all who were asked agree; false: some took too long. The busy ones are asked more and more
 * seldom, so that they come further in between. */
static bool gate_await(uint64_t start, uint64_t patience_ns)
{
    bool slow = false;
    for (;;) {
        uint32_t answers = __atomic_load_n(&gate_answers, __ATOMIC_ACQUIRE);
        uint64_t waited = qp_now_ns() - start;
        struct timespec pause = {.tv_nsec = GATE_PAUSE_NS};
        if (waited < GATE_PAUSE_NS * 8ull)
            pause.tv_nsec = (long)(GATE_MOMENT_NS + waited / 8);
        if (gate_all_agree(slow))
            return true;
        if (waited > GATE_LIMIT_NS ||
            (waited > patience_ns && !gate_any_hope((unsigned long)(patience_ns / 1000000))))
            return false;
        gate_futex(&gate_answers, FUTEX_WAIT, answers, &pause);
        slow = waited > GATE_PAUSE_NS;
    }
}

/* Enter a phase with all other threads, also those that are born meanwhile: the last round finds no
 * new one. */
static void gate_enter(enum gate_phase phase, uint64_t patience_ns)
{
    uint64_t start = qp_now_ns();
    gate_nr_threads = 0;
    gate_all_outside = gate_full = false;
    if (!gate_install())
        return;
    __atomic_store_n(&gate_phase, phase, __ATOMIC_RELEASE);
    gate_all_outside = true;
    while (gate_signal_all())
        gate_all_outside = gate_await(start, patience_ns) && gate_all_outside;
    gate_all_outside = gate_all_outside && !gate_full;
}

static void gate_close(uint64_t patience_ns)
{
    __atomic_store_n(&quarry_default.booted, 2, __ATOMIC_RELEASE);
    gate_enter(GATE_CLOSED, patience_ns);
}

bool hosted_gate_close(void)
{
    gate_close(GATE_PATIENCE_NS);
    return gate_all_outside;
}

void hosted_gate_stop(void)
{
    gate_enter(GATE_STOP, GATE_PATIENCE_NS);
}

void hosted_gate_open(void)
{
    __atomic_store_n(&quarry_default.booted, 1, __ATOMIC_RELEASE);
    __atomic_store_n(&gate_phase, GATE_IDLE, __ATOMIC_RELEASE);
    gate_futex(&gate_phase, FUTEX_WAKE, 0x7fffffff, NULL);
}

void hosted_gate_forget(void)
{
    gate_phase = GATE_IDLE;
    gate_nr_threads = 0;
    gate_hearing = 0; /* they did not come along */
}

/* A thread that stood still inside the core might hold a lock that this one needs: then nobody is stopped. */
void hosted_gate_still(bool still)
{
    bool outside = gate_all_outside;
    if (QP_OBSERVED() || !outside)
        return;
    if (still) {
        gate_enter(GATE_STOP, GATE_HOLD_PATIENCE_NS);
        gate_all_outside = outside; /* not: whether all could be stopped */
    } else {
        __atomic_store_n(&gate_phase, GATE_CLOSED, __ATOMIC_RELEASE);
        gate_futex(&gate_phase, FUTEX_WAKE, 0x7fffffff, NULL);
    }
}

uintptr_t hosted_gate_lowest_stack(uintptr_t start, uintptr_t end)
{
    uintptr_t lowest = 0;
    unsigned int i;
    for (i = 0; i < gate_nr_threads; i++) {
        uintptr_t frame = __atomic_load_n(&gate_thread[i].frame, __ATOMIC_RELAXED);
        if (frame >= start && frame < end && (!lowest || frame < lowest))
            lowest = frame;
    }
    return lowest;
}

bool hosted_gate_dead(uintptr_t start, uintptr_t end, uintptr_t *from, uintptr_t *to)
{
    bool found = false;
    unsigned int i;
    for (i = 0; i < gate_nr_threads; i++) {
        const struct gate_thread *thread = &gate_thread[i];
        uintptr_t frame = __atomic_load_n(&thread->frame, __ATOMIC_RELAXED);
        if (frame && thread->dead_to > start && thread->dead_from < end) {
            end = *from = thread->dead_from;
            *to = thread->dead_to;
            found = true;
        }
    }
    return found;
}

/* The gate is looked at after the mark is gone: a fork that asked while the mark was there took it
 * for a promise. */
void hosted_unpark(void)
{
    uint32_t phase;
    for (;;) {
        qp_self.parked--;
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        if (__atomic_load_n(&gate_phase, __ATOMIC_ACQUIRE) == GATE_IDLE)
            return;
        qp_self.parked++;
        while ((phase = __atomic_load_n(&gate_phase, __ATOMIC_ACQUIRE)) != GATE_IDLE)
            gate_futex(&gate_phase, FUTEX_WAIT, phase, NULL);
    }
}

/* ---- a machine for one thread alone ---------------------------------------------------------- */

void qp_hold_others(void)
{
    if (gate_holds++)
        return;
    hosted_boot_lock();
    if (!QP_OBSERVED())
        gate_close(GATE_HOLD_PATIENCE_NS);
}

void qp_let_in(void)
{
    if (--gate_holds)
        return;
    if (!QP_OBSERVED())
        hosted_gate_open();
    hosted_boot_unlock();
}

bool hosted_gate_is_mine(void)
{
    return gate_holds != 0;
}
