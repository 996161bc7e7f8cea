/* SPDX-License-Identifier: MIT */
/* A client that polls a device of messages, for cli_examples_test.sh: cli_poll DEVICE.
 *
 * Whether poll says what read and write then do: an empty box is writable and not readable and reading it
 * without waiting gives EAGAIN; a full one is readable and not writable; a message that another process
 * writes ends a poll that waits. Exits 1 at the first answer that is wrong. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int box;

static void expect(const char *what, long got, long wanted)
{
    if (got != wanted) {
        fprintf(stderr, "poll client: %s: %ld, not %ld\n", what, got, wanted);
        exit(1);
    }
}

/* What holds now, of reading and writing. */
static short events(int timeout)
{
    struct pollfd fd = {.fd = box, .events = timeout ? POLLIN : POLLIN | POLLOUT};

    poll(&fd, 1, timeout);
    return fd.revents & (POLLIN | POLLOUT);
}

int main(int argc, char **argv)
{
    char text[64];
    int messages = 0, status;

    box = open(argv[1], O_RDWR | O_NONBLOCK);
    expect("open", box < 0, 0);
    expect("events of an empty box", events(0), POLLOUT);
    expect("read of an empty box", read(box, text, sizeof(text)) < 0 && errno == EAGAIN, 1);
    while (write(box, "message", 7) == 7)
        messages++;
    expect("write to a full box", errno, EAGAIN);
    expect("messages that fit", messages, 4);
    expect("events of a full box", events(0), POLLIN);
    for (; messages; messages--)
        expect("read", read(box, text, sizeof(text)), 7);
    expect("what was read", memcmp(text, "message", 7), 0);
    if (fork() == 0) {
        usleep(50000); /* most likely the parent waits by then; the answer is the same if not */
        exit(write(box, "late", 4) != 4);
    }
    expect("events after a message came", events(-1), POLLIN);
    expect("read of it", read(box, text, sizeof(text)), 4);
    wait(&status);
    expect("the writer", status, 0);
    return 0;
}
