/* SPDX-License-Identifier: MIT */
/* The client's memory. Every access is checked: against the buffers of the operation in progress, or
 * by the host kernel in the client's process. A bad range copies what it can and says how much it
 * could not. Context: may sleep. */
#ifndef QUARRY_LINUX_UACCESS_H
#define QUARRY_LINUX_UACCESS_H

#include <linux/errno.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/types.h>

#define VERIFY_READ 0
#define VERIFY_WRITE 1

QUARRY_EXTERN_C_BEGIN

/* Bytes not copied: 0 is success. copy_from_user clears what it could not fill. */
QUARRY_API unsigned long __must_check copy_to_user(void __user *to, const void *from,
                                                   unsigned long n);
QUARRY_API unsigned long __must_check copy_from_user(void *to, const void __user *from,
                                                     unsigned long n);
QUARRY_API unsigned long __must_check clear_user(void __user *to, unsigned long n);
/* Length of the string without its NUL, @n when it has none so far, -EFAULT. */
QUARRY_API long strncpy_from_user(char *to, const char __user *from, long n);
/* Length with its NUL, more than @n when it has none so far, 0 on a bad address. */
QUARRY_API long strnlen_user(const char __user *from, long n);
QUARRY_API int copy_struct_from_user(void *to, size_t size, const void __user *from,
                                     size_t user_size);
QUARRY_API bool quarry_access_ok(const void __user *address, unsigned long size);

/* Copy between a driver's buffer of @available bytes and the client's, at and advancing *@pos:
 * bytes copied, 0 at the end, -EINVAL, -EFAULT. */
QUARRY_API ssize_t simple_read_from_buffer(void __user *to, size_t count, loff_t *pos,
                                           const void *from, size_t available);
QUARRY_API ssize_t simple_write_to_buffer(void *to, size_t available, loff_t *pos,
                                          const void __user *from, size_t count);
QUARRY_API ssize_t memory_read_from_buffer(void *to, size_t count, loff_t *pos, const void *from,
                                           size_t available);

QUARRY_EXTERN_C_END

#define __copy_to_user(to, from, n) copy_to_user((to), (from), (n))
#define __copy_from_user(to, from, n) copy_from_user((to), (from), (n))
#define copy_to_user_nofault(to, from, n) (copy_to_user((to), (from), (n)) ? -EFAULT : 0)
#define copy_from_user_nofault(to, from, n) (copy_from_user((to), (from), (n)) ? -EFAULT : 0)
#define __clear_user(to, n) clear_user((to), (n))
#define strlen_user(from) strnlen_user((from), __LONG_MAX__ >> 1)

/* access_ok(address, size), or with a type before them as until 5.0. */
#define QUARRY_ACCESS_PICK(a1, a2, a3, name, ...) name
#define quarry_access_ok_3(type, address, size)                                                    \
    ((void)(type), quarry_access_ok((const void __user *)(address), (size)))
#define quarry_access_ok_2(address, size) quarry_access_ok((const void __user *)(address), (size))
#define access_ok(...)                                                                             \
    QUARRY_ACCESS_PICK(__VA_ARGS__, quarry_access_ok_3, quarry_access_ok_2, )(__VA_ARGS__)
#define verify_area(type, address, size) (access_ok((type), (address), (size)) ? 0 : -EFAULT)

/* One value: 0 or -EFAULT. */
#define put_user(value, ptr)                                                                       \
    ({                                                                                             \
        __typeof__(*(ptr)) __user *__put_to = (ptr);                                               \
        __typeof__(*(ptr)) __put_value = (value);                                                  \
        copy_to_user(__put_to, &__put_value, sizeof(__put_value)) ? -EFAULT : 0;                   \
    })
#define get_user(value, ptr)                                                                       \
    ({                                                                                             \
        const __typeof__(*(ptr)) __user *__get_from = (ptr);                                       \
        union {                                                                                    \
            __typeof__(*(ptr)) whole;                                                              \
            char bytes[sizeof(*(ptr))];                                                            \
        } __get;                                                                                   \
        int __get_error = copy_from_user(__get.bytes, __get_from, sizeof(__get)) ? -EFAULT : 0;    \
        (value) = (__typeof__(value))__get.whole;                                                  \
        __get_error;                                                                               \
    })
#define __put_user(value, ptr) put_user(value, ptr)
#define __get_user(value, ptr) get_user(value, ptr)

/* Until 5.10: let the user-copy functions work on the kernel's own memory. */
typedef struct {
    unsigned long seg;
} mm_segment_t;
#define KERNEL_DS ((mm_segment_t){1})
#define USER_DS ((mm_segment_t){0})
QUARRY_EXTERN_C_BEGIN
QUARRY_API mm_segment_t get_fs(void);
QUARRY_API void set_fs(mm_segment_t segment);
QUARRY_EXTERN_C_END
#define get_ds() KERNEL_DS

#endif
