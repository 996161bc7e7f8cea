/* SPDX-License-Identifier: MIT */
/* What stands for the hardware, over Linux without libc: text out, the end, the entry point, memory, and
 * the four memory functions that a compiler may call. Two system calls per processor. On a real machine:
 * start-up code, a serial port, a halt instruction. */
#include "host.h"
#include <stdint.h>

unsigned char host_ram[HOST_RAM_SIZE] __attribute__((aligned(4096)));

int main(void);

#if defined(__x86_64__)
#define SYS_WRITE 1
#define SYS_EXIT 60
static long system_call(long nr, long a, long b, long c)
{
    __asm__ volatile("syscall" : "+a"(nr) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return nr;
}
#elif defined(__i386__)
#define SYS_WRITE 4
#define SYS_EXIT 1
static long system_call(long nr, long a, long b, long c)
{
    __asm__ volatile("int $0x80" : "+a"(nr) : "b"(a), "c"(b), "d"(c) : "memory");
    return nr;
}
#elif defined(__aarch64__)
#define SYS_WRITE 64
#define SYS_EXIT 93
static long system_call(long nr, long a, long b, long c)
{
    register long x8 __asm__("x8") = nr, x0 __asm__("x0") = a, x1 __asm__("x1") = b,
                     x2 __asm__("x2") = c;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
}
#elif defined(__riscv)
#define SYS_WRITE 64
#define SYS_EXIT 93
static long system_call(long nr, long a, long b, long c)
{
    register long a7 __asm__("a7") = nr, a0 __asm__("a0") = a, a1 __asm__("a1") = b,
                     a2 __asm__("a2") = c;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2) : "memory");
    return a0;
}
#endif

void host_write(const char *text, size_t size)
{
    system_call(SYS_WRITE, 1, (long)(intptr_t)text, (long)size);
}

void host_stop(int status)
{
    for (;;)
        system_call(SYS_EXIT, status, 0, 0);
}

/* The stack pointer is aligned at entry; a call expects what a call leaves. */
#if defined(__i386__) || defined(__x86_64__)
__attribute__((force_align_arg_pointer))
#endif
void _start(void)
{
    host_stop(main());
}

/* In a loop: keeps the compiler from making memset of memset's own loop. */
#define AS_WRITTEN() __asm__ volatile("")

void *memcpy(void *to, const void *from, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        AS_WRITTEN();
        ((unsigned char *)to)[i] = ((const unsigned char *)from)[i];
    }
    return to;
}

void *memmove(void *to, const void *from, size_t size)
{
    if ((uintptr_t)to <= (uintptr_t)from)
        return memcpy(to, from, size);
    while (size--) {
        AS_WRITTEN();
        ((unsigned char *)to)[size] = ((const unsigned char *)from)[size];
    }
    return to;
}

void *memset(void *to, int value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        AS_WRITTEN();
        ((unsigned char *)to)[i] = (unsigned char)value;
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        int difference = ((const unsigned char *)a)[i] - ((const unsigned char *)b)[i];
        if (difference)
            return difference;
    }
    return 0;
}
