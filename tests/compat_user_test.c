/* SPDX-License-Identifier: MIT */
/* compat/linux: the client's memory: ranges, another process, strings, cursors. */
#include "compat.h"
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <quarry/fault.h>
#include <sys/mman.h>
#include <unistd.h>

/* Two pages, the second of which is gone: the client's memory ends in the middle. */
static char *two_pages(void)
{
    char *pages =
        mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    assert_int_equal(munmap(pages + PAGE_SIZE, PAGE_SIZE), 0);
    return pages;
}

/* This very process is the client: its memory is reached as another's would be. */
static int become_client(void **state)
{
    struct qlx_client client = {.pid = (int)getpid(), .uid = 1000, .gid = 100, .comm = "client"};
    qlx_client_enter(&client);
    hear_nothing();
    return 0;
}

static int be_nobody(void **state)
{
    qlx_client_leave();
    return 0;
}

static void a_task_shows_who_the_client_is(void **state)
{
    assert_int_equal(current->pid, getpid());
    assert_string_equal(current->comm, "client");
    assert_int_equal(from_kuid(&init_user_ns, current_uid()), 1000);
    assert_false(capable(CAP_SYS_ADMIN));
}

static void a_good_range_is_copied_both_ways(void **state)
{
    char here[100], there[100];
    for (int i = 0; i < 100; i++)
        here[i] = (char)i;
    memset(there, 0, sizeof(there));
    assert_int_equal(copy_to_user(there, here, sizeof(here)), 0);
    assert_memory_equal(there, here, sizeof(here));
    memset(here, 0, sizeof(here));
    assert_int_equal(copy_from_user(here, there, sizeof(there)), 0);
    assert_memory_equal(there, here, sizeof(here));
    assert_int_equal(clear_user(there + 10, 80), 0);
    assert_int_equal(there[9], 9);
    assert_int_equal(there[10], 0);
    assert_int_equal(there[90], 90);
}

static void a_bad_range_copies_what_it_can_and_says_the_rest(void **state)
{
    char *pages = two_pages(), *kernel = kmalloc(PAGE_SIZE, GFP_KERNEL);
    memset(kernel, 'k', PAGE_SIZE);
    memset(pages, 'u', PAGE_SIZE);
    assert_int_equal(copy_to_user(pages + PAGE_SIZE - 10, kernel, 30), 20);
    assert_int_equal(pages[PAGE_SIZE - 1], 'k');
    assert_int_equal(copy_from_user(kernel, pages + PAGE_SIZE - 10, 30), 20);
    assert_int_equal(kernel[9], 'k');
    assert_int_equal(kernel[10], 0); /* what could not be read is cleared */
    assert_int_equal(kernel[29], 0);
    assert_int_equal(kernel[30], 'k');
    assert_int_equal(copy_to_user((void *)16, kernel, 8), 8);
    assert_int_equal(copy_to_user((void *)-4096, kernel, 8), 8);
    assert_int_equal(clear_user(pages + PAGE_SIZE - 4, 8), 4);
    kfree(kernel);
    munmap(pages, PAGE_SIZE);
}

static void a_copy_that_was_told_to_fail_copies_nothing(void **state)
{
    const struct quarry_fault second = {.nth = 2};
    char here[8], there[8] = "program";

    assert_int_equal(quarry_fault_set(QUARRY_FAIL_USERCOPY, &second), 0);
    assert_int_equal(copy_from_user(here, there, 0), 0); /* nothing to fail: it does not count */
    assert_int_equal(copy_from_user(here, there, sizeof(here)), 0);
    assert_string_equal(here, "program");
    assert_int_equal(copy_from_user(here, there, sizeof(here)), sizeof(here));
    assert_int_equal(here[0], 0);
    assert_int_equal(copy_to_user(there, "another", 8), 0);
    assert_string_equal(there, "another");
    assert_int_equal(quarry_fault_failed(QUARRY_FAIL_USERCOPY), 1);
    assert_int_equal(quarry_fault_set(QUARRY_FAIL_USERCOPY, NULL), 0);
}

static void memory_that_cannot_be_written_is_refused(void **state)
{
    char *page = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), byte = 1;
    assert_int_equal(copy_to_user(page, &byte, 1), 1);
    assert_int_equal(copy_from_user(&byte, page, 1), 0);
    assert_int_equal(byte, 0);
    munmap(page, PAGE_SIZE);
}

static void a_range_stands_for_other_addresses(void **state)
{
    char local[16] = "0123456789abcde", byte;
    char *pages = two_pages();
    const u64 user = (u64)(uintptr_t)pages + PAGE_SIZE + 64; /* where nothing is */
    void *at = (void *)(uintptr_t)user;
    assert_int_equal(qlx_user_range(user, 16, local, false), 0);
    assert_int_equal(copy_from_user(&byte, (char *)at + 3, 1), 0);
    assert_int_equal(byte, '3');
    assert_int_equal(copy_to_user(at, "x", 1), 1); /* read only */
    assert_int_equal(copy_from_user(&byte, (char *)at + 16, 1), 1);
    assert_int_equal(copy_from_user(&byte, (char *)at - 1, 1), 1);
    assert_int_equal(qlx_user_range(user, 4, local + 8, true), 0); /* the newest wins */
    assert_int_equal(copy_to_user(at, "XYZW", 4), 0);
    assert_string_equal(local, "01234567XYZWcde");
    {
        char across[8]; /* from one range into the other */
        assert_int_equal(copy_from_user(across, (char *)at + 2, 4), 0);
        assert_memory_equal(across, "ZW45", 4);
    }
    for (int i = 2; i < 8; i++)
        assert_int_equal(qlx_user_range(user, 1, local, true), 0);
    assert_int_equal(qlx_user_range(user, 1, local, true), -ENOSPC);
    qlx_user_ranges_clear();
    assert_int_equal(copy_from_user(&byte, at, 1), 1);
    munmap(pages, PAGE_SIZE);
}

static void single_values_keep_their_size(void **state)
{
    u64 wide = 0x1122334455667788ull, got = 0;
    u8 narrow = 7;
    assert_int_equal(get_user(got, &wide), 0);
    assert_true(got == wide);
    assert_int_equal(put_user(0x99, &narrow), 0);
    assert_int_equal(narrow, 0x99);
    assert_int_equal(get_user(narrow, (u8 *)8), -EFAULT);
    assert_int_equal(put_user(1, (int *)8), -EFAULT);
    assert_true(access_ok(&wide, sizeof(wide)));
    assert_true(access_ok(VERIFY_WRITE, &wide, sizeof(wide)));
    assert_false(access_ok((void *)-1ul, 1));
}

static void strings_end_at_their_nul_or_fault(void **state)
{
    char *pages = two_pages(), *end = pages + PAGE_SIZE, to[32], *copy;
    unsigned long before = compat_live();
    strcpy(end - 6, "hello");
    assert_int_equal(strncpy_from_user(to, end - 6, sizeof(to)), 5);
    assert_string_equal(to, "hello");
    assert_int_equal(strnlen_user(end - 6, 100), 6);
    assert_int_equal(strnlen_user(end - 6, 3), 4);
    assert_int_equal(strncpy_from_user(to, end - 6, 3), 3);
    end[-1] = 'x';
    assert_int_equal(strncpy_from_user(to, end - 6, sizeof(to)), -EFAULT);
    assert_int_equal(strnlen_user(end - 6, 100), 0);
    copy = memdup_user(end - 6, 6);
    assert_memory_equal(copy, "hellox", 6);
    kfree(copy);
    assert_true(IS_ERR(memdup_user(end - 6, 7)));
    end[-1] = '\0';
    copy = strndup_user(end - 6, 100);
    assert_string_equal(copy, "hello");
    kfree(copy);
    assert_int_equal(PTR_ERR(strndup_user(end - 6, 3)), -EINVAL);
    assert_int_equal(compat_live(), before);
    munmap(pages, PAGE_SIZE);
}

static void buffers_are_copied_at_a_position(void **state)
{
    char user[8] = "", kernel[] = "abcdef";
    loff_t pos = 4;
    assert_int_equal(simple_read_from_buffer(user, 8, &pos, kernel, 6), 2);
    assert_memory_equal(user, "ef", 2);
    assert_int_equal(pos, 6);
    assert_int_equal(simple_read_from_buffer(user, 8, &pos, kernel, 6), 0);
    pos = -1;
    assert_int_equal(simple_read_from_buffer(user, 8, &pos, kernel, 6), -EINVAL);
    pos = 5;
    assert_int_equal(simple_write_to_buffer(kernel, 6, &pos, "XYZ", 3), 1);
    assert_string_equal(kernel, "abcdeX");
    pos = 0;
    assert_int_equal(simple_write_to_buffer(kernel, 6, &pos, (char *)8, 3), -EFAULT);
}

static void a_cursor_walks_over_several_buffers(void **state)
{
    char a[4] = "", b[6] = "", text[16] = "";
    struct iovec iov[2] = {{a, 4}, {b, 6}};
    struct iov_iter iter;
    iov_iter_init(&iter, ITER_DEST, iov, 2, 10);
    assert_int_equal(copy_to_iter("123456", 6, &iter), 6);
    assert_memory_equal(a, "1234", 4);
    assert_memory_equal(b, "56", 2);
    assert_int_equal(iov_iter_count(&iter), 4);
    iov_iter_revert(&iter, 3);
    assert_int_equal(copy_to_iter("xyz", 3, &iter), 3);
    assert_memory_equal(a, "123x", 4);
    assert_memory_equal(b, "yz", 2);
    assert_int_equal(copy_to_iter("toolong", 7, &iter), 4);
    iov_iter_init(&iter, ITER_SOURCE, iov, 2, 10);
    iov_iter_advance(&iter, 2);
    assert_int_equal(copy_from_iter(text, 5, &iter), 5);
    assert_string_equal(text, "3xyzt");
    assert_false(copy_from_iter_full(text, 9, &iter));
    assert_int_equal(iov_iter_count(&iter), 3);
    iov_iter_ubuf(&iter, ITER_DEST, (char *)8, 4);
    assert_int_equal(copy_to_iter("abcd", 4, &iter), 0);
}

#define AS_CLIENT(test) cmocka_unit_test_setup_teardown(test, become_client, be_nobody)
COMPAT_MAIN(AS_CLIENT(a_task_shows_who_the_client_is), AS_CLIENT(a_good_range_is_copied_both_ways),
            AS_CLIENT(a_bad_range_copies_what_it_can_and_says_the_rest),
            AS_CLIENT(a_copy_that_was_told_to_fail_copies_nothing),
            AS_CLIENT(memory_that_cannot_be_written_is_refused),
            AS_CLIENT(a_range_stands_for_other_addresses), AS_CLIENT(single_values_keep_their_size),
            AS_CLIENT(strings_end_at_their_nul_or_fault),
            AS_CLIENT(buffers_are_copied_at_a_position),
            AS_CLIENT(a_cursor_walks_over_several_buffers))
