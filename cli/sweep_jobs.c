/* SPDX-License-Identifier: MIT */
/* Runs as processes: several at a time, each judged as soon as it has ended.
 *
 * Every process is a fork of this one, which has built the modules and has neither a machine nor a
 * second thread. What a process sees goes to memory shared with it (one struct sweep_outcome for each
 * that runs at the same time); its messages go nowhere, or to a file when they may be asked for, or
 * through. Results are kept by job, so that the order in which processes end shows nowhere.
 *
 * Each process leads a group of its own: a Ctrl-C comes to this process alone, which ends the groups. */
#include "sweep_jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define JOBS_GRACE                                                                                 \
    30 /* seconds that a process gets to end itself after its own watch should have ended it */

struct slot {
    pid_t pid; /* 0: free */
    size_t job;
    time_t deadline;
    struct sweep_outcome *out;
};

static sigset_t jobs_signals, jobs_before;

void *sweep_shared(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        cli_die(CLI_FAILED, "out of memory: %s", strerror(errno));
    return memory;
}

void sweep_jobs_start(void)
{
    sigemptyset(&jobs_signals);
    sigaddset(&jobs_signals, SIGCHLD);
    sigaddset(&jobs_signals, SIGINT);
    sigaddset(&jobs_signals, SIGTERM);
    sigaddset(&jobs_signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &jobs_signals, &jobs_before);
}

static time_t jobs_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void jobs_redirect(int fd, const char *path, int flags)
{
    int opened = open(path, flags | O_CLOEXEC, 0600);

    if (opened >= 0)
        dup2(opened, fd);
}

/* The process itself. */
static void jobs_child(struct sweep *sweep, const struct sweep_job *job, struct sweep_outcome *out,
                       const char *log, bool learning)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigprocmask(SIG_SETMASK, &jobs_before, NULL);
    jobs_redirect(STDIN_FILENO, "/dev/null", O_RDONLY);
    jobs_redirect(STDOUT_FILENO, "/dev/null", O_WRONLY);
    if (log)
        jobs_redirect(STDERR_FILENO, log, O_WRONLY | O_CREAT | O_TRUNC);
    sweep_child(sweep->run, &sweep->options, sweep->map, job, learning ? NULL : sweep->learned,
                out);
}

static void jobs_spawn(struct sweep *sweep, struct slot *slot, const struct sweep_job *job,
                       const char *log, bool learning)
{
    memset(slot->out, 0, sizeof(*slot->out));
    fflush(stdout);
    fflush(stderr);
    slot->deadline = jobs_now() + sweep->options.timeout + JOBS_GRACE;
    slot->pid = fork();
    if (slot->pid < 0)
        cli_die(CLI_FAILED, "cannot start a process: %s", strerror(errno));
    if (slot->pid == 0)
        jobs_child(sweep, job, slot->out, log, learning);
    setpgid(slot->pid, slot->pid);
}

/* Whether the slot's process has ended; one that does not end when it should is ended. */
static bool jobs_ended(struct slot *slot)
{
    int status;

    if (jobs_now() > slot->deadline) {
        slot->out->hung = slot->out->command_hung = true;
        kill(-slot->pid, SIGKILL);
    }
    if (waitpid(slot->pid, &status, WNOHANG) != slot->pid)
        return false;
    if (WIFSIGNALED(status))
        slot->out->ended_by = WTERMSIG(status);
    slot->pid = 0;
    return true;
}

/* Until something happens, at most a second. A request to stop ends everything. */
static void jobs_wait(struct slot *slots, size_t nr, void (*stopped)(void))
{
    struct timespec second = {1, 0};
    int signal = sigtimedwait(&jobs_signals, NULL, &second);

    if (signal != SIGINT && signal != SIGTERM && signal != SIGHUP)
        return;
    for (size_t i = 0; i < nr; i++) {
        if (slots[i].pid)
            kill(-slots[i].pid, SIGKILL);
    }
    stopped();
    _exit(128 + signal);
}

void sweep_jobs_learn(struct sweep *sweep, const char *log, void (*stopped)(void))
{
    static const struct sweep_job job = {.mode = SWEEP_LEARN};
    struct slot slot = {.out = sweep->learned};

    jobs_spawn(sweep, &slot, &job, log, true);
    while (!jobs_ended(&slot))
        jobs_wait(&slot, 1, stopped);
}

static void jobs_progress(size_t done, size_t all)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[Kquarry: %zu of %zu runs%s", done, all,
                done == all ? "\r\033[K" : "");
}

static void jobs_finish(struct sweep *sweep, const struct slot *slot)
{
    sweep_judge(slot->out, sweep->learned, &sweep->options, &sweep->result[slot->job]);
}

/* The next job that is a run, from @at on. */
static size_t jobs_next(const struct sweep *sweep, size_t at)
{
    while (at < sweep->nr_results && sweep->result[at].verdict == SWEEP_CANNOT_FAIL)
        at++;
    return at;
}

void sweep_jobs_run(struct sweep *sweep, const char *log, void (*stopped)(void))
{
    size_t nr = sweep->options.jobs, next = jobs_next(sweep, 0), done = 0, all = 0, running = 0;
    struct slot *slots = cli_alloc(nr * sizeof(*slots));

    for (size_t at = next; at < sweep->nr_results; at = jobs_next(sweep, at + 1))
        all++;
    for (size_t i = 0; i < nr; i++)
        slots[i].out = sweep_shared(sizeof(*slots[i].out));
    while (next < sweep->nr_results || running) {
        for (size_t i = 0; i < nr && next < sweep->nr_results; i++) {
            if (slots[i].pid)
                continue;
            slots[i].job = next;
            jobs_spawn(sweep, &slots[i], &sweep->result[next].job, log, false);
            next = jobs_next(sweep, next + 1);
            running++;
        }
        jobs_wait(slots, nr, stopped);
        for (size_t i = 0; i < nr; i++) {
            if (!slots[i].pid || !jobs_ended(&slots[i]))
                continue;
            jobs_finish(sweep, &slots[i]);
            running--;
            jobs_progress(++done, all);
        }
    }
    for (size_t i = 0; i < nr; i++)
        munmap(slots[i].out, sizeof(*slots[i].out));
    free(slots);
}
