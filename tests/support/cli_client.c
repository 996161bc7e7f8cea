/* SPDX-License-Identifier: MIT */
/* A C client of the scull devices: ioctl and mmap. Run by tests/cli_client_test.sh as COMMAND:
 *
 *     client ioctl DEVICE          a device with a quantum that can be set
 *     client mmap DEVICE           a device that can be mapped
 *     client nomap DEVICE          a device that cannot
 *     client poll DEVICE           a device that is empty until somebody writes
 *
 * Leaves with the line of the first claim that does not hold. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "scull.h"

#define PAGE 4096
#define CLAIM(x)                                                                                   \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            printf("line %d: %s does not hold (errno %d)\n", __LINE__, #x, errno);                 \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static const char *path;
static sigjmp_buf fault;

static void client_fault(int signal)
{
    siglongjmp(fault, signal);
}

/* The signal that reading a byte raises; 0: none. */
static int client_touch(volatile char *p)
{
    int signal = sigsetjmp(fault, 1);

    if (signal == 0)
        (void)*p;
    return signal;
}

static void client_ioctl(void)
{
    struct scull_geometry first, now, wanted = {1234, 0}, pair[2] = {{0, 0}, {77, 88}};
    int fd = open(path, O_RDWR);

    CLAIM(fd >= 0);
    CLAIM(ioctl(fd, SCULL_GET_GEOMETRY, &first) == 0 && first.quantum > 0 && first.qset > 0);
    CLAIM(ioctl(fd, SCULL_SET_GEOMETRY, &wanted) == 0 && wanted.quantum == 1234);
    CLAIM(ioctl(fd, SCULL_GET_GEOMETRY, &now) == 0 && now.quantum == first.quantum);
    CLAIM(close(open(path, O_WRONLY)) == 0); /* emptied: the new geometry holds */
    CLAIM(ioctl(fd, SCULL_GET_GEOMETRY, pair) == 0 && pair[0].quantum == 1234);
    CLAIM(pair[0].qset == first.qset && pair[1].quantum == 77 && pair[1].qset == 88);
    CLAIM(pwrite(fd, "across the edge", 15, 1230) == 15);
    wanted.quantum = ~0u;
    CLAIM(ioctl(fd, SCULL_SET_GEOMETRY, &wanted) == -1 && errno == EINVAL);
    CLAIM(ioctl(fd, SCULL_RESET) == 0);
    CLAIM(ioctl(fd, SCULL_GET_GEOMETRY, &now) == 0 && now.quantum == first.quantum);
    CLAIM(lseek(fd, 0, SEEK_END) == 0);
    CLAIM(ioctl(fd, SCULL_GET_GEOMETRY, NULL) == -1 && errno == EFAULT);
    CLAIM(ioctl(fd, _IO('q', 99)) == -1 && errno == ENOTTY);
    CLAIM(!isatty(fd));
    CLAIM(close(fd) == 0);
}

static void client_read_write(int fd, char *map)
{
    char text[16];

    CLAIM(memcmp(map, "first page", 10) == 0);
    CLAIM(memcmp(map + 2 * PAGE, "third page", 10) == 0);
    memcpy(map + PAGE, "by memory", 9);
    CLAIM(pread(fd, text, 9, PAGE) == 9 && memcmp(text, "by memory", 9) == 0);
    CLAIM(pwrite(fd, "by device", 9, PAGE + 100) == 9);
    CLAIM(memcmp(map + PAGE + 100, "by device", 9) == 0);
}

/* Another process sees the same pages, by inheritance and by a mapping of its own. */
static void client_share(int fd, char *map)
{
    int status;
    pid_t pid = fork();

    CLAIM(pid >= 0);
    if (pid == 0) {
        char *own = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 2 * PAGE);
        CLAIM(own != MAP_FAILED);
        memcpy(map + 500, "inherited", 9);
        memcpy(own + 500, "of its own", 10);
        CLAIM(munmap(map, 3 * PAGE) == 0);
        _exit(0); /* without unmapping the other */
    }
    CLAIM(waitpid(pid, &status, 0) == pid && status == 0);
    CLAIM(memcmp(map + 500, "inherited", 9) == 0);
    CLAIM(memcmp(map + 2 * PAGE + 500, "of its own", 10) == 0);
}

static void client_private(int fd, char *map)
{
    char *copy = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

    CLAIM(copy != MAP_FAILED);
    CLAIM(memcmp(copy, "first page", 10) == 0);
    memcpy(copy, "mine alone", 10);
    CLAIM(memcmp(map, "first page", 10) == 0);
    CLAIM(munmap(copy, PAGE) == 0);
}

static void client_mmap(void)
{
    char *map, *beyond, *readable;
    int fd = open(path, O_RDWR), other;

    CLAIM(fd >= 0);
    CLAIM(pwrite(fd, "first page", 10, 0) == 10);
    CLAIM(pwrite(fd, "second page", 11, PAGE) == 11);
    CLAIM(pwrite(fd, "third page", 10, 2 * PAGE) == 10);
    map = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CLAIM(map != MAP_FAILED);
    client_read_write(fd, map);
    client_share(fd, map);
    client_private(fd, map);

    /* Pages the driver has not: SIGBUS, and the others of the same mapping are there. */
    beyond = mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, fd, 2 * PAGE);
    CLAIM(beyond != MAP_FAILED);
    CLAIM(client_touch(beyond) == 0);
    CLAIM(client_touch(beyond + PAGE) == SIGBUS);
    CLAIM(munmap(beyond, 4 * PAGE) == 0);
    readable = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    CLAIM(readable != MAP_FAILED && client_touch(readable) == 0);
    CLAIM(munmap(readable, PAGE) == 0);

    /* The driver does not forget data that is mapped; the mapping outlives the descriptor. */
    CLAIM(close(fd) == 0);
    CLAIM(memcmp(map, "first page", 10) == 0);
    CLAIM(open(path, O_WRONLY) == -1 && errno == EBUSY);
    CLAIM(munmap(map, PAGE) == 0);
    CLAIM(open(path, O_WRONLY) == -1 && errno == EBUSY);
    CLAIM(munmap(map + PAGE, 2 * PAGE) == 0);
    other = open(path, O_WRONLY);
    CLAIM(other >= 0);
    CLAIM(close(other) == 0);

    /* What is not the device's goes past the library. */
    map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CLAIM(map != MAP_FAILED && client_touch(map) == 0 && munmap(map, PAGE) == 0);
    CLAIM(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, 12345, 0) == MAP_FAILED && errno == EBADF);
}

/* A device that is empty until somebody writes: poll() waits for that, and wakes. */
static void client_poll(void)
{
    int fd = open(path, O_RDWR), status;
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    char text[8];
    pid_t pid;

    CLAIM(fd >= 0);
    CLAIM(poll(&wait, 1, 100) == 0);
    pid = fork();
    CLAIM(pid >= 0);
    if (pid == 0) {
        int other = open(path, O_WRONLY);
        usleep(300000);
        _exit(other >= 0 && write(other, "news", 4) == 4 ? 0 : 1);
    }
    CLAIM(poll(&wait, 1, 10000) == 1 && wait.revents & POLLIN);
    CLAIM(read(fd, text, sizeof(text)) == 4 && memcmp(text, "news", 4) == 0);
    CLAIM(waitpid(pid, &status, 0) == pid && status == 0);
    CLAIM(poll(&wait, 1, 0) == 0);
    CLAIM(close(fd) == 0);
}

static void client_nomap(void)
{
    int fd = open(path, O_RDWR);

    CLAIM(fd >= 0);
    CLAIM(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == ENODEV);
    CLAIM(close(fd) == 0);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 64;
    path = argv[2];
    signal(SIGBUS, client_fault);
    signal(SIGSEGV, client_fault);
    if (strcmp(argv[1], "ioctl") == 0)
        client_ioctl();
    else if (strcmp(argv[1], "mmap") == 0)
        client_mmap();
    else if (strcmp(argv[1], "poll") == 0)
        client_poll();
    else
        client_nomap();
    return 0;
}
