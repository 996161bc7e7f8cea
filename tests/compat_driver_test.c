/* SPDX-License-Identifier: MIT */
/* compat/linux: a driver and its client in one program: registration, names, operations, poll, mmap. */
#include "compat.h"
#include <linux/cdev.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- a pipe of one page: blocking, pollable, mappable -------------------------------------- */

static DEFINE_MUTEX(pipe_lock);
static DECLARE_WAIT_QUEUE_HEAD(pipe_queue);
static char *pipe_page;
static size_t pipe_used;
static int opens, releases, closes, flushes;
static struct fasync_struct *pipe_async;

static int pipe_open(struct inode *inode, struct file *file)
{
    opens++;
    file->private_data = inode->i_cdev;
    return iminor(inode) == 3 ? -ENODEV : 0;
}

static int pipe_release(struct inode *inode, struct file *file)
{
    releases++;
    return 0;
}

static int pipe_flush(struct file *file, fl_owner_t id)
{
    flushes++;
    return 0;
}

static ssize_t pipe_read(struct file *file, char __user *to, size_t size, loff_t *pos)
{
    ssize_t done;
    while (!READ_ONCE(pipe_used)) {
        if (file->f_flags & O_NONBLOCK)
            return -EAGAIN;
        if (wait_event_interruptible(pipe_queue, READ_ONCE(pipe_used) != 0))
            return -ERESTARTSYS;
    }
    mutex_lock(&pipe_lock);
    done = (ssize_t)min(size, pipe_used);
    if (copy_to_user(to, pipe_page, (size_t)done)) {
        done = -EFAULT;
    } else {
        memmove(pipe_page, pipe_page + done, pipe_used - (size_t)done);
        WRITE_ONCE(pipe_used, pipe_used - (size_t)done);
    }
    mutex_unlock(&pipe_lock);
    return done;
}

static ssize_t pipe_write(struct file *file, const char __user *from, size_t size, loff_t *pos)
{
    mutex_lock(&pipe_lock);
    size = min(size, PAGE_SIZE - pipe_used);
    if (copy_from_user(pipe_page + pipe_used, from, size))
        size = (size_t)-EFAULT;
    else
        WRITE_ONCE(pipe_used, pipe_used + size);
    mutex_unlock(&pipe_lock);
    wake_up_interruptible(&pipe_queue);
    kill_fasync(&pipe_async, SIGIO, 1);
    return (ssize_t)size;
}

static __poll_t pipe_poll(struct file *file, poll_table *table)
{
    poll_wait(file, &pipe_queue, table);
    return (READ_ONCE(pipe_used) ? EPOLLIN | EPOLLRDNORM : 0) | EPOLLOUT | EPOLLWRNORM;
}

struct pipe_args {
    u32 in, out;
};
#define PIPE_DOUBLE _IOWR('p', 1, struct pipe_args)

static long pipe_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
    struct pipe_args args;
    if (cmd != PIPE_DOUBLE)
        return -ENOTTY;
    if (copy_from_user(&args, (void __user *)arg, sizeof(args)))
        return -EFAULT;
    args.out = 2 * args.in;
    return copy_to_user((void __user *)arg, &args, sizeof(args)) ? -EFAULT : 5;
}

static void pipe_vm_close(struct vm_area_struct *vma)
{
    closes++;
}

static vm_fault_t pipe_fault(struct vm_fault *vmf)
{
    if (vmf->pgoff != 0)
        return VM_FAULT_SIGBUS;
    vmf->page = virt_to_page(pipe_page);
    get_page(vmf->page);
    return 0;
}

static const struct vm_operations_struct pipe_vm_ops = {.fault = pipe_fault,
                                                        .close = pipe_vm_close};

static int pipe_mmap(struct file *file, struct vm_area_struct *vma)
{
    vma->vm_ops = &pipe_vm_ops;
    return 0;
}

static int pipe_fasync(int fd, struct file *file, int on)
{
    return fasync_helper(fd, file, on, &pipe_async);
}

static const struct file_operations pipe_fops = {.open = pipe_open,
                                                 .release = pipe_release,
                                                 .flush = pipe_flush,
                                                 .read = pipe_read,
                                                 .write = pipe_write,
                                                 .poll = pipe_poll,
                                                 .mmap = pipe_mmap,
                                                 .fasync = pipe_fasync,
                                                 .unlocked_ioctl = pipe_ioctl};

static dev_t pipe_dev;
static struct cdev pipe_cdev;

static int pipe_setup(void **state)
{
    opens = releases = closes = flushes = 0;
    pipe_used = 0;
    pipe_page = (char *)get_zeroed_page(GFP_KERNEL);
    hear_nothing();
    if (alloc_chrdev_region(&pipe_dev, 0, 4, "pipe"))
        return -1;
    cdev_init(&pipe_cdev, &pipe_fops);
    return cdev_add(&pipe_cdev, pipe_dev, 4);
}

static int pipe_teardown(void **state)
{
    cdev_del(&pipe_cdev);
    unregister_chrdev_region(pipe_dev, 4);
    free_page((unsigned long)pipe_page);
    return 0;
}

static struct file *open_minor(unsigned int minor, int flags)
{
    struct file *file = NULL;
    assert_int_equal(qlx_open((unsigned int)pipe_dev + minor, flags, &file), 0);
    return file;
}

/* ---- names --------------------------------------------------------------------------------- */

static char names[400];
static bool add_name(const struct qlx_device *device, void *data)
{
    snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s:%o ", device->name,
             device->mode);
    return true;
}

static const char *all_names(void)
{
    names[0] = '\0';
    qlx_for_each_device(add_name, NULL);
    return names;
}

static char *choose_node(const struct device *device, umode_t *mode)
{
    *mode = 0644;
    return kasprintf(GFP_KERNEL, "dir/%s", dev_name(device));
}

static void devices_are_named_by_node_or_region(void **state)
{
    unsigned long before, generation = qlx_generation();
    struct qlx_device found;
    struct class *class;
    struct device *device;
    assert_string_equal(all_names(), "pipe0:600 pipe1:600 pipe2:600 pipe3:600 ");
    before = compat_live();
    class = class_create("test");
    device = device_create(class, NULL, pipe_dev + 1, &pipe_cdev, "node%d", 1);
    assert_ptr_equal(dev_get_drvdata(device), &pipe_cdev);
    assert_string_equal(all_names(), "node1:600 pipe0:600 pipe2:600 pipe3:600 ");
    assert_true(qlx_generation() != generation);
    class->devnode = choose_node;
    assert_false(IS_ERR(device_create(class, NULL, pipe_dev + 2, NULL, "n")));
    assert_int_equal(qlx_find_device("dir/n", &found), 0);
    assert_int_equal(found.dev, qlx_mkdev(MAJOR(pipe_dev), 2));
    assert_int_equal(found.mode, 0644);
    assert_int_equal(PTR_ERR(device_create(class, NULL, pipe_dev + 3, NULL, "n")), -EEXIST);
    device_destroy(class, pipe_dev + 1);
    device_destroy(class, pipe_dev + 2);
    class_destroy(class);
    assert_int_equal(compat_live(), before);
    assert_int_equal(qlx_find_device("pipe3", &found), 0);
    assert_int_equal(qlx_find_device("pipe4", &found), -ENOENT);
    assert_int_equal(heard_compat, 0);
}

static void register_chrdev_lists_one_name_and_knows_256(void **state)
{
    struct qlx_device found;
    struct file *file;
    int major = register_chrdev(0, "old", &pipe_fops);
    assert_true(major > 0);
    assert_int_equal(register_chrdev((unsigned int)major, "other", &pipe_fops), -EBUSY);
    assert_non_null(strstr(all_names(), "old:600 "));
    assert_null(strstr(all_names(), "old1"));
    assert_int_equal(qlx_find_device("old17", &found), 0);
    assert_int_equal(qlx_open(found.dev, O_RDWR, &file), 0);
    qlx_release(file);
    unregister_chrdev((unsigned int)major, "old");
    assert_int_equal(qlx_open(found.dev, O_RDWR, &file), -ENXIO);
}

static void a_misc_device_finds_itself_in_private_data(void **state)
{
    static const struct file_operations fops = {.open = NULL};
    struct miscdevice misc = {
        .minor = MISC_DYNAMIC_MINOR, .name = "m", .fops = &fops, .mode = 0666};
    unsigned long before = compat_live();
    struct file *file;
    assert_int_equal(misc_register(&misc), 0);
    assert_non_null(strstr(all_names(), "m:666 "));
    assert_int_equal(qlx_open(qlx_mkdev(10, (unsigned int)misc.minor), O_RDONLY, &file), 0);
    assert_ptr_equal(file->private_data, &misc);
    assert_int_equal(qlx_read(file, names, 1, (long long[]){0}), -EINVAL);
    assert_int_equal(qlx_llseek(file, 0, SEEK_SET), -ESPIPE);
    assert_int_equal(qlx_ioctl(file, 1, 0), -ENOTTY);
    qlx_release(file);
    misc_deregister(&misc);
    assert_int_equal(compat_live(), before);
}

static void what_stays_registered_is_listed(void **state)
{
    assert_int_equal(qlx_count_left(QLX_LEFT_CDEV), 1);
    assert_int_equal(qlx_count_left(QLX_LEFT_CHRDEV_REGION), 1);
    assert_int_equal(qlx_count_left(QLX_LEFT_DEVICE), 0);
    hear_nothing();
    unregister_chrdev_region(pipe_dev, 3); /* another size than was registered */
    device_destroy(NULL, pipe_dev);
    assert_int_equal(heard_compat, 2);
}

/* ---- operations ---------------------------------------------------------------------------- */

static void operations_reach_the_driver(void **state)
{
    struct file *file = open_minor(0, O_RDWR);
    long long pos = 0;
    char text[8] = "";
    assert_ptr_equal(file->private_data, &pipe_cdev);
    assert_int_equal(qlx_write(file, "hello", 5, &pos), 5);
    assert_int_equal(qlx_read(file, text, 3, &pos), 3);
    assert_string_equal(text, "hel");
    assert_int_equal(qlx_read(file, text, 3, &pos), 2);
    qlx_set_flags(file, O_NONBLOCK);
    assert_int_equal(qlx_read(file, text, 3, &pos), -EAGAIN);
    assert_int_equal(qlx_flush(file), 0);
    assert_int_equal(qlx_release(file), 0);
    assert_int_equal(opens, 1);
    assert_int_equal(flushes, 1);
    assert_int_equal(releases, 1);
}

static void an_open_that_fails_leaves_nothing(void **state)
{
    struct file *file;
    assert_int_equal(qlx_open((unsigned int)pipe_dev + 3, O_RDWR, &file), -ENODEV);
    assert_int_equal(releases, 0);
    assert_int_equal(qlx_count_left(QLX_LEFT_FILE), 0);
    assert_int_equal(qlx_open(qlx_mkdev(99, 0), O_RDWR, &file), -ENXIO);
}

static void an_ioctl_reads_and_writes_its_argument(void **state)
{
    struct file *file = open_minor(0, O_RDWR);
    struct pipe_args args = {.in = 21};
    assert_int_equal(qlx_ioctl(file, PIPE_DOUBLE, (unsigned long)&args), -EFAULT); /* no client */
    qlx_user_range((u64)0x5000, sizeof(args), &args, true);
    assert_int_equal(qlx_ioctl(file, PIPE_DOUBLE, 0x5000), 5);
    assert_int_equal(args.out, 42);
    assert_int_equal(qlx_ioctl(file, PIPE_DOUBLE, 0x5004), -EFAULT);
    /* A 32-bit client's pointer has 32 bits; what stands above them is not the driver's business. */
    assert_int_equal(compat_ptr_ioctl(file, PIPE_DOUBLE, 0xdead000000005000ul), 5);
    assert_int_equal(qlx_ioctl(file, 1, 0), -ENOTTY);
    qlx_user_ranges_clear();
    qlx_release(file);
}

static struct qlx_task *reader_task;
static ssize_t reader_result;
static void *reader_main(void *arg)
{
    static const struct qlx_client client = {.pid = 4321};
    char text[4];
    __atomic_store_n(&reader_task, qlx_client_enter(&client), __ATOMIC_RELEASE);
    reader_result = qlx_read(arg, text, 4, (long long[]){0});
    qlx_client_leave();
    return NULL;
}

static void a_blocking_read_ends_with_data_or_a_signal(void **state)
{
    struct file *file = open_minor(0, O_RDWR);
    pthread_t thread;
    for (int round = 0; round < 2; round++) {
        __atomic_store_n(&reader_task, NULL, __ATOMIC_RELEASE);
        pthread_create(&thread, NULL, reader_main, file);
        while (!__atomic_load_n(&reader_task, __ATOMIC_ACQUIRE))
            usleep_range(100, 200);
        msleep(2);
        if (round == 0)
            qlx_interrupt(reader_task, 15);
        else
            qlx_write(file, "x", 1, (long long[]){0});
        pthread_join(thread, NULL);
        assert_int_equal(reader_result, round == 0 ? -ERESTARTSYS : 1);
    }
    qlx_release(file);
}

static atomic_t readies;
static void ready(struct file *file, void *data)
{
    assert_ptr_equal(data, &readies);
    atomic_inc(&readies);
}

static void a_poll_tells_once_when_the_file_may_be_ready(void **state)
{
    struct file *file = open_minor(0, O_RDWR);
    atomic_set(&readies, 0);
    assert_int_equal(qlx_poll(file, POLLIN, ready, &readies), 0);
    assert_int_equal(qlx_poll(file, POLLIN | POLLOUT, ready, &readies), POLLOUT);
    qlx_write(file, "ab", 2, (long long[]){0});
    qlx_write(file, "cd", 2, (long long[]){0});
    assert_int_equal(atomic_read(&readies), 1);
    assert_int_equal(qlx_poll(file, POLLIN, ready, &readies), POLLIN);
    qlx_write(file, "ef", 2, (long long[]){0});
    assert_int_equal(atomic_read(&readies), 2);
    assert_int_equal(qlx_poll(file, POLLIN, NULL, NULL), POLLIN);
    qlx_poll_cancel(file);
    qlx_write(file, "gh", 2, (long long[]){0});
    assert_int_equal(atomic_read(&readies), 2);
    qlx_release(file);
    assert_false(waitqueue_active(&pipe_queue));
}

static void fasync_is_undone_by_release(void **state)
{
    unsigned long before = compat_live();
    struct file *file = open_minor(0, O_RDWR);
    assert_int_equal(qlx_fasync(file, true), 0);
    assert_non_null(pipe_async);
    qlx_release(file);
    assert_null(pipe_async);
    assert_int_equal(compat_live(), before);
}

/* ---- mappings ------------------------------------------------------------------------------ */

static void a_mapping_gives_the_drivers_frames_and_holds_them(void **state)
{
    struct file *file = open_minor(0, O_RDWR);
    struct page *page = virt_to_page(pipe_page);
    struct qlx_mapping *mapping;
    uint64_t frame, frames[2];
    assert_int_equal(
        qlx_mmap(file, 0x7000000, 2 * PAGE_SIZE, PROT_READ, QLX_MAP_SHARED, 0, &mapping), 0);
    assert_int_equal(qlx_mapping_pages(mapping), 2);
    assert_int_equal(qlx_mapping_frame(mapping, 0, true, &frame), 0);
    assert_int_equal(frame, page_to_pfn(page));
    assert_int_equal(page_count(page), 2);
    assert_int_equal(qlx_mapping_frame(mapping, 0, false, &frame), 0); /* not asked for twice */
    assert_int_equal(page_count(page), 2);
    assert_int_equal(qlx_mapping_frame(mapping, 1, false, &frame), -EFAULT);
    assert_int_equal(qlx_mapping_frame(mapping, 2, false, &frame), -EFAULT);
    assert_int_equal(qlx_mapping_frames(mapping, false, frames), 1);
    assert_int_equal(frames[1], QLX_NO_FRAME);
    qlx_mapping_copied(mapping);
    qlx_release(file);
    assert_int_equal(releases, 0); /* the mapping keeps the file */
    qlx_munmap(mapping);
    assert_int_equal(releases, 0);
    qlx_munmap(mapping);
    assert_int_equal(releases, 1);
    assert_int_equal(closes, 2);
    assert_int_equal(page_count(page), 1);
}

static void a_mapping_needs_the_right_mode(void **state)
{
    struct file *file = open_minor(0, O_WRONLY);
    struct qlx_mapping *mapping;
    assert_int_equal(qlx_mmap(file, 0, PAGE_SIZE, PROT_READ, QLX_MAP_SHARED, 0, &mapping), -EACCES);
    qlx_release(file);
    file = open_minor(0, O_RDONLY);
    assert_int_equal(qlx_mmap(file, 0, PAGE_SIZE, PROT_WRITE, QLX_MAP_SHARED, 0, &mapping),
                     -EACCES);
    assert_int_equal(qlx_mmap(file, 0, 0, PROT_READ, 0, 0, &mapping), -EINVAL);
    assert_int_equal(qlx_mmap(file, 0, PAGE_SIZE, PROT_READ, 0, 5, &mapping), -EINVAL);
    qlx_release(file);
}

static void *area;
static int map_how;
static int area_mmap(struct file *file, struct vm_area_struct *vma)
{
    unsigned long pfn = vmalloc_to_pfn(area);
    switch (map_how) {
    case 0:
        return remap_vmalloc_range(vma, area, vma->vm_pgoff);
    case 1:
        return remap_pfn_range(vma, vma->vm_start, pfn, PAGE_SIZE, vma->vm_page_prot);
    case 2:
        return vm_insert_page(vma, vma->vm_start + PAGE_SIZE, vmalloc_to_page(area));
    case 3:
        return remap_pfn_range(vma, vma->vm_start, pfn, 100 * PAGE_SIZE, vma->vm_page_prot);
    default:
        return vm_insert_page(vma, vma->vm_start, virt_to_page(area));
    }
}

static void frames_can_be_mapped_at_once(void **state)
{
    static const struct file_operations fops = {.mmap = area_mmap};
    struct miscdevice misc = {.minor = 33, .name = "area", .fops = &fops};
    struct qlx_mapping *mapping;
    struct file *file;
    uint64_t frames[3];
    void *slab = kmalloc(64, GFP_KERNEL);
    area = vmalloc_user(3 * PAGE_SIZE);
    assert_int_equal(misc_register(&misc), 0);
    assert_int_equal(qlx_open(qlx_mkdev(10, 33), O_RDWR, &file), 0);
    for (map_how = 0; map_how < 3; map_how++) {
        static const size_t found[] = {3, 1, 1};
        assert_int_equal(qlx_mmap(file, 0x10000, 3 * PAGE_SIZE, PROT_READ, 1, 0, &mapping), 0);
        assert_int_equal(qlx_mapping_frames(mapping, false, frames), found[map_how]);
        assert_int_equal(frames[map_how == 2], vmalloc_to_pfn(area));
        qlx_munmap(mapping);
    }
    map_how = 3;
    assert_int_equal(qlx_mmap(file, 0x10000, 3 * PAGE_SIZE, PROT_READ, 1, 0, &mapping), -EINVAL);
    map_how = 0;
    assert_int_equal(qlx_mmap(file, 0x10000, 4 * PAGE_SIZE, PROT_READ, 1, 0, &mapping), -EINVAL);
    map_how = 4;
    vfree(area);
    area = slab;
    hear_nothing();
    assert_int_equal(qlx_mmap(file, 0x10000, PAGE_SIZE, PROT_READ, 1, 0, &mapping), -EINVAL);
    assert_int_equal(heard_compat, 1); /* part of a slab */
    kfree(slab);
    qlx_release(file);
    misc_deregister(&misc);
}

static void managed_memory_goes_with_its_device(void **state)
{
    unsigned long before = compat_live();
    struct class *class = class_create("managed");
    struct device *device = device_create(class, NULL, 0, NULL, "managed");
    void *early = devm_kzalloc(device, 100, GFP_KERNEL);
    assert_non_null(devm_kmalloc(device, 200, GFP_KERNEL));
    assert_null(devm_kcalloc(device, SIZE_MAX, 2, GFP_KERNEL));
    devm_kfree(device, early);
    hear_nothing();
    devm_kfree(device, early);
    assert_int_equal(heard_compat, 1);
    device_destroy(class, 0);
    class_destroy(class);
    assert_int_equal(compat_live(), before);
}

#define WITH_PIPE(test) cmocka_unit_test_setup_teardown(test, pipe_setup, pipe_teardown)
COMPAT_MAIN(WITH_PIPE(devices_are_named_by_node_or_region),
            WITH_PIPE(register_chrdev_lists_one_name_and_knows_256),
            WITH_PIPE(a_misc_device_finds_itself_in_private_data),
            WITH_PIPE(what_stays_registered_is_listed), WITH_PIPE(operations_reach_the_driver),
            WITH_PIPE(an_open_that_fails_leaves_nothing),
            WITH_PIPE(an_ioctl_reads_and_writes_its_argument),
            WITH_PIPE(a_blocking_read_ends_with_data_or_a_signal),
            WITH_PIPE(a_poll_tells_once_when_the_file_may_be_ready),
            WITH_PIPE(fasync_is_undone_by_release),
            WITH_PIPE(a_mapping_gives_the_drivers_frames_and_holds_them),
            WITH_PIPE(a_mapping_needs_the_right_mode), WITH_PIPE(frames_can_be_mapped_at_once),
            WITH_PIPE(managed_memory_goes_with_its_device))
