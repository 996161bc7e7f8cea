/* SPDX-License-Identifier: MIT */
/* Signals as events.
 *
 * One thread takes the signals; every other has them blocked, so that no driver code and no library call
 * is interrupted by them. A Ctrl-C reaches COMMAND by itself (same terminal): the tool waits for it to
 * end and then unloads and reports. Without COMMAND, Ctrl-C is the request to do so. A third request
 * while nothing moves (a driver that hangs) leaves at once, without leaving a mount behind.
 *
 * Locks: `events_lock` guards the state. */
#include "events.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t events_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t events_changed = PTHREAD_COND_INITIALIZER;
static struct events events_now;
static pid_t events_pid;
static bool events_shell;
static unsigned int nr_requests; /* to stop */
static void (*events_leave)(void);
static volatile sig_atomic_t events_crash;

static void events_set(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGCHLD);
    sigaddset(set, SIGUSR2); /* from ourselves: a crash */
}

static void events_reap(void)
{
    int status;

    if (events_pid && waitpid(events_pid, &status, WNOHANG) == events_pid) {
        events_now.child_ended = true;
        events_now.child_status = status;
        events_pid = 0;
        events_shell = false;
    }
}

static void events_request(int signal)
{
    if (signal != SIGINT || !events_shell)
        nr_requests++;
    if (events_pid && signal != SIGINT)
        kill(events_pid, signal);
    if (!events_pid || signal != SIGINT)
        events_now.stop = true;
    if (nr_requests >= 3 && events_leave)
        events_leave();
}

static void *events_thread(void *unused)
{
    sigset_t set;

    events_set(&set);
    for (;;) {
        siginfo_t info;
        int signal = sigwaitinfo(&set, &info);
        if (signal < 0)
            continue;
        pthread_mutex_lock(&events_lock);
        if (signal == SIGCHLD)
            events_reap();
        else if (signal != SIGUSR2)
            events_request(signal);
        if (events_crash)
            events_now.crashed = true;
        pthread_cond_broadcast(&events_changed);
        pthread_mutex_unlock(&events_lock);
    }
    return NULL;
}

void events_start(void)
{
    pthread_t thread;
    sigset_t set;

    events_set(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN); /* a reader of our output that left is no reason to die */
    if (pthread_create(&thread, NULL, events_thread, NULL) != 0)
        cli_die(CLI_FAILED, "cannot start a thread");
    pthread_detach(thread);
}

void events_child(pid_t pid, bool shell)
{
    pthread_mutex_lock(&events_lock);
    events_pid = pid;
    events_shell = shell;
    nr_requests = 0;
    events_now.child_ended = false; /* that was an earlier one */
    events_reap();                  /* it may have ended before we knew its number */
    pthread_cond_broadcast(&events_changed);
    pthread_mutex_unlock(&events_lock);
}

void events_crashed(void)
{
    events_crash = 1;
    kill(getpid(), SIGUSR2);
}

void events_on_insist(void (*leave)(void))
{
    events_leave = leave;
}

bool events_wait(struct events *seen, int milliseconds)
{
    struct timespec deadline;
    bool news;

    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += milliseconds / 1000;
    deadline.tv_nsec += milliseconds % 1000 * 1000000L;
    if (deadline.tv_nsec >= 1000000000L) {
        deadline.tv_nsec -= 1000000000L;
        deadline.tv_sec++;
    }
    pthread_mutex_lock(&events_lock);
    while (events_now.child_ended == seen->child_ended && events_now.stop == seen->stop &&
           events_now.crashed == seen->crashed) {
        if (milliseconds < 0)
            pthread_cond_wait(&events_changed, &events_lock);
        else if (pthread_cond_timedwait(&events_changed, &events_lock, &deadline) == ETIMEDOUT)
            break;
    }
    news = events_now.child_ended != seen->child_ended || events_now.stop != seen->stop ||
           events_now.crashed != seen->crashed;
    *seen = events_now;
    pthread_mutex_unlock(&events_lock);
    return news;
}
