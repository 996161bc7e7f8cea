/* SPDX-License-Identifier: MIT */
/* ports/hosted/thread: threads are CPUs.
 *
 * Problem. Threads come and go by the thousand; a machine has a fixed number of CPUs. Each thread
 * that allocates should have data of its own, and leave nothing behind.
 *
 * Idea. A thread gets a small number when it first needs one: the lowest that no living thread has.
 * On every machine it is the CPU of that number, if the machine has so many; else it works without
 * data of its own. A destructor of a thread-specific key runs when the thread ends: it takes the
 * CPU offline on every machine where it was online, and gives the number back.
 *
 * Invariants. T1: no two living threads have one number. T2: a machine on which some thread came
 * online is on the list until it is forgotten. T3: after its destructor ran, a thread claims no
 * more; later destructors that allocate and free work without data.
 *
 * What a thread leaves on its stack. The C library keeps the stacks of threads that have ended, and what the
 * thread wrote there would look like pointers of the program to a leak scan: where allocations are tracked it
 * is cleared.
 *
 * Locks. thread_lock guards the numbers and the list; online() and offline() are called without
 * it. */
#define _GNU_SOURCE
#include "hosted.h"
#include "base/percpu.h"
#include "instance.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREAD_NUMBERS 65536u
#define THREAD_WORDS (THREAD_NUMBERS / 64)
#define THREAD_MACHINES 64
#define THREAD_STACK_KEPT (20u << 10)  /* the C library gives what lies deeper back to the host */
#define THREAD_KEYS_AT_HAND 32         /* keys for which a thread has room from its beginning on */
#define THREAD_STACK_SPARED (4u << 10) /* at the far end: room for calls and a signal */

__thread struct qp_self qp_self = {.cpu = &qr_cpu_none, .number = QP_NO_NUMBER};
static __thread bool thread_claiming;    /* is in qp_claim_cpu, or boots a machine */
static __thread bool thread_claims_none; /* ends, or is a worker */
static __thread bool thread_noted;       /* thread_end() will be called for it */
static bool thread_forked;               /* this process began as a child of a Quarry process */

static qp_lock_t thread_lock;
static uint64_t thread_used[THREAD_WORDS];
static struct qr_cpus *thread_machine[THREAD_MACHINES];
static unsigned int thread_ending; /* threads that are taking their CPUs offline just now */
static pthread_key_t thread_key;
static pthread_once_t thread_once = PTHREAD_ONCE_INIT;

/* The lowest free number, or QP_NO_NUMBER. */
static unsigned int thread_number_take(void)
{
    unsigned long state = qp_lock(&thread_lock);
    unsigned int word, number = QP_NO_NUMBER;
    for (word = 0; word < THREAD_WORDS; word++) {
        if (~thread_used[word]) {
            unsigned int bit = (unsigned int)__builtin_ctzll(~thread_used[word]);
            thread_used[word] |= 1ull << bit;
            number = word * 64 + bit;
            break;
        }
    }
    qp_unlock(&thread_lock, state);
    return number;
}

static void thread_number_give(unsigned int number)
{
    unsigned long state = qp_lock(&thread_lock);
    thread_used[number / 64] &= ~(1ull << (number % 64));
    qp_unlock(&thread_lock, state);
}

/* Put a machine on the list; false when the list is full. */
bool hosted_cpus_remember(struct qr_cpus *cpus)
{
    unsigned long state = qp_lock(&thread_lock);
    unsigned int i, place = THREAD_MACHINES;
    for (i = 0; i < THREAD_MACHINES; i++) {
        if (thread_machine[i] == cpus) {
            place = i;
            break;
        }
        if (!thread_machine[i] && place == THREAD_MACHINES)
            place = i;
    }
    if (place < THREAD_MACHINES)
        __atomic_store_n(&thread_machine[place], cpus, __ATOMIC_RELEASE);
    qp_unlock(&thread_lock, state);
    return place < THREAD_MACHINES;
}

void hosted_claims_forbid(bool forbid)
{
    thread_claiming = forbid;
}

/* A thread that is just ending may have found the machine before it left the list. */
void hosted_cpus_forget(struct qr_cpus *cpus)
{
    unsigned long state = qp_lock(&thread_lock);
    unsigned int i;
    for (i = 0; i < THREAD_MACHINES; i++) {
        if (thread_machine[i] == cpus)
            __atomic_store_n(&thread_machine[i], NULL, __ATOMIC_SEQ_CST);
    }
    qp_unlock(&thread_lock, state);
    while (__atomic_load_n(&thread_ending, __ATOMIC_SEQ_CST) != 0)
        sched_yield();
}

/* How much of the stack lies below @here, by what the C library says; 0: unknown. */
static size_t thread_stack_below(const char *here)
{
    pthread_attr_t attributes;
    void *low = NULL;
    size_t size = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return 0;
    if (pthread_attr_getstack(&attributes, &low, &size) != 0)
        low = NULL;
    pthread_attr_destroy(&attributes);
    return low && (uintptr_t)here > (uintptr_t)low ? (size_t)(here - (char *)low) : 0;
}

/* Clear what earlier calls of this thread left below this frame. */
static __attribute__((noinline)) void thread_clear_stack(void)
{
    size_t below = thread_stack_below(__builtin_frame_address(0));
    char *area;
    if (below <= THREAD_STACK_SPARED)
        return;
    below -= THREAD_STACK_SPARED;
    below = below < THREAD_STACK_KEPT ? below : THREAD_STACK_KEPT;
    area = __builtin_alloca(below);
    memset(area, 0, below);
    __asm__ volatile("" : : "r"(area) : "memory"); /* though nobody reads it */
}

/* This thread ends. */
static void thread_end(void *unused)
{
    unsigned int number = qp_self.number, i;
    if (quarry_default.check.level)
        thread_clear_stack();
    thread_claims_none = true;
    hosted_seat_leave();
    qp_self.cpu = &qr_cpu_none;
    if (number == QP_NO_NUMBER)
        return;
    qp_self.inside = 1;
    qp_self.parked++;
    hosted_unpark();
    __atomic_fetch_add(&thread_ending, 1, __ATOMIC_SEQ_CST);
    for (i = 0; i < THREAD_MACHINES; i++) {
        struct qr_cpus *cpus = __atomic_load_n(&thread_machine[i], __ATOMIC_SEQ_CST);
        if (cpus && number < cpus->nr_max && __atomic_load_n(&cpus->area[number], __ATOMIC_ACQUIRE))
            cpus->offline(cpus, number);
    }
    __atomic_fetch_sub(&thread_ending, 1, __ATOMIC_SEQ_CST);
    qp_self.number = QP_NO_NUMBER;
    thread_number_give(number);
    qp_self.inside = 0;
}

void hosted_threads_lock(void)
{
    (void)qp_lock(&thread_lock);
}

void hosted_threads_unlock(void)
{
    qp_unlock(&thread_lock, 0);
}

void hosted_threads_after_fork(struct qr_cpus *cpus)
{
    unsigned int i;
    memset(thread_used, 0, sizeof(thread_used));
    if (qp_self.number != QP_NO_NUMBER)
        thread_used[qp_self.number / 64] |= 1ull << (qp_self.number % 64);
    memset(thread_machine, 0, sizeof(thread_machine));
    thread_machine[0] = cpus;
    /* Threads that slept in the parent are not here to wake and say so. */
    for (i = 0; i < cpus->nr_max; i++) {
        if (cpus->area[i])
            cpus->area[i]->owner = QR_CPU_RUNNING;
    }
    thread_forked = true;
    thread_ending = 0; /* who was ending is not here */
    hosted_seat_after_fork();
}

static void thread_key_make(void)
{
    if (pthread_key_create(&thread_key, thread_end) != 0)
        qp_panic("quarry: no thread-specific key is left in this process; threads' memory could "
                 "not be taken back when they end\n");
}

struct qr_cpu *qp_claim_cpu(struct qr_cpus *cpus)
{
    struct qr_cpu *cpu = NULL;
    int saved = errno;
    if (thread_claiming || thread_claims_none)
        return NULL;
    thread_claiming = true; /* coming online allocates, and would come here again */
    pthread_once(&thread_once, thread_key_make);
    if (qp_self.number == QP_NO_NUMBER) {
        qp_self.number = thread_number_take();
        if (qp_self.number != QP_NO_NUMBER)
            pthread_setspecific(thread_key, &thread_key);
    }
    if (qp_self.number < cpus->nr_max && hosted_cpus_remember(cpus)) {
        cpu = __atomic_load_n(&cpus->area[qp_self.number], __ATOMIC_ACQUIRE);
        if (!cpu)
            cpu = cpus->online(cpus, qp_self.number);
    }
    if (cpu && cpus == QP_DEFAULT_CPUS)
        qp_self.cpu = cpu;
    thread_claiming = false;
    errno = saved;
    return cpu;
}

/* Whoever is written down as an owner has tracked memory, also without ever claiming a CPU: its end shall be
 * noticed. The core may hold locks here, so only where that takes no memory. */
static void thread_note(void)
{
    thread_noted = true;
    pthread_once(&thread_once, thread_key_make);
    if (thread_key < THREAD_KEYS_AT_HAND && !thread_claims_none)
        pthread_setspecific(thread_key, &thread_key);
}

unsigned int qp_task_id(void)
{
    if (QR_UNLIKELY(!thread_noted))
        thread_note();
    return (unsigned int)syscall(SYS_gettid);
}

int qp_call_cpu(const struct qr_cpus *cpus, unsigned int cpu, void (*fn)(void *), void *arg)
{
    (void)cpus; /* a thread runs what it runs: nothing can be put in between from outside */
    (void)cpu;
    (void)fn;
    (void)arg;
    return -ENOSYS;
}

struct thread_work {
    void (*fn)(void *);
    void *arg;
};

static void *thread_worker(void *data)
{
    struct thread_work work = *(struct thread_work *)data;
    struct qp_event *started = (struct qp_event *)((struct thread_work *)data + 1);
    qp_self.inside = 1;
    /* A worker gives memory back. Lists of its own would only keep some of it from others. */
    thread_claims_none = true;
    qp_wake(started); /* from here on *data is gone */
    work.fn(work.arg);
    return NULL;
}

int qp_start_worker(void (*fn)(void *), void *arg)
{
    struct {
        struct thread_work work;
        struct qp_event started;
    } start = {{fn, arg}, {0}};
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, old;
    int error;
    /* ThreadSanitizer's runtime ends a process that starts threads after it was forked off. */
    if (thread_forked && QP_OBSERVED())
        return -ENOSYS;
    if (pthread_attr_init(&attr) != 0)
        return -ENOMEM;
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    sigfillset(&all); /* the program's signals are the program's threads' business */
    sigdelset(&all, hosted_stop_signal());
    pthread_sigmask(SIG_SETMASK, &all, &old);
    error = pthread_create(&thread, &attr, thread_worker, &start);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    if (error)
        return -ENOSYS; /* the core then works without */
    while (__atomic_load_n(&start.started.moves, __ATOMIC_ACQUIRE) == 0)
        qp_wait(&start.started, 0, 0);
    return 0;
}
