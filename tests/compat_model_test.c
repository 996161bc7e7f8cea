/* SPDX-License-Identifier: MIT */
/* The device model: objects and their references, attributes, debugfs, buses and probes, managed
 * resources. The test is host and driver in one. */
#include "compat.h"
#include <linux/debugfs.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/kobject.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

static const struct qlx_client client = {.comm = "test"};

/* ---- small helpers ------------------------------------------------------------------------- */

static long entry_get(const char *path, char *text, size_t size)
{
    struct file *file;
    long long pos = 0;
    long got;
    qlx_client_enter(&client);
    got = qlx_entry_open(path, O_RDONLY, &file);
    if (!got) {
        got = qlx_read(file, text, size - 1, &pos);
        qlx_release(file);
    }
    qlx_client_leave();
    text[got > 0 ? got : 0] = '\0';
    return got;
}

static long entry_put(const char *path, const char *text)
{
    struct file *file;
    long long pos = 0;
    long done;
    qlx_client_enter(&client);
    done = qlx_entry_open(path, O_WRONLY, &file);
    if (!done) {
        done = qlx_write(file, text, strlen(text), &pos);
        qlx_release(file);
    }
    qlx_client_leave();
    return done;
}

static bool entry_is(const char *path)
{
    struct qlx_entry_info info;
    return qlx_find_entry(path, &info) == 0;
}

/* ---- kobjects ------------------------------------------------------------------------------ */

struct thing {
    struct kobject kobj;
    int value;
};
static int things_released;

static void thing_release(struct kobject *kobj)
{
    things_released++;
    kfree(container_of(kobj, struct thing, kobj));
}

static ssize_t value_show(struct kobject *kobj, struct kobj_attribute *attr, char *page)
{
    return sysfs_emit(page, "%d\n", container_of(kobj, struct thing, kobj)->value);
}

static ssize_t value_store(struct kobject *kobj, struct kobj_attribute *attr, const char *text,
                           size_t size)
{
    int error = kstrtoint(text, 0, &container_of(kobj, struct thing, kobj)->value);
    return error ? error : (ssize_t)size;
}
static struct kobj_attribute value_attr = __ATTR_RW(value);
static struct attribute *thing_attrs[] = {&value_attr.attr, NULL};
ATTRIBUTE_GROUPS(thing);
static const struct kobj_type thing_type = {
    .release = thing_release, .sysfs_ops = &kobj_sysfs_ops, .default_groups = thing_groups};

static struct thing *thing_new(const char *name, struct kobject *parent, int *error)
{
    struct thing *thing = kzalloc(sizeof(*thing), GFP_KERNEL);
    *error = kobject_init_and_add(&thing->kobj, &thing_type, parent, "%s", name);
    return thing;
}

static void an_object_lives_until_its_last_reference(void **state)
{
    unsigned long live = compat_live();
    char text[32];
    int error;
    struct thing *thing = thing_new("thing", kernel_kobj, &error);
    assert_int_equal(error, 0);
    assert_int_equal(entry_get("kernel/thing/value", text, sizeof(text)), 2);
    assert_string_equal(text, "0\n");
    assert_int_equal(entry_put("kernel/thing/value", "17"), 2);
    assert_int_equal(thing->value, 17);
    assert_int_equal(entry_put("kernel/thing/value", "x"), -EINVAL);
    assert_int_equal(qlx_count_left(QLX_LEFT_KOBJECT), 1);
    kobject_get(&thing->kobj);
    kobject_put(&thing->kobj);
    assert_int_equal(things_released, 0);
    kobject_del(&thing->kobj);
    assert_false(entry_is("kernel/thing"));
    assert_int_equal(things_released, 0);
    kobject_put(&thing->kobj);
    assert_int_equal(things_released, 1);
    assert_int_equal(qlx_count_left(QLX_LEFT_KOBJECT), 0);
    assert_int_equal(compat_live(), live);
    assert_int_equal(heard_compat, 0);
}

static void a_child_holds_its_parent(void **state)
{
    int error, before = things_released;
    struct thing *parent = thing_new("parent", NULL, &error), *child;
    child = thing_new("child", &parent->kobj, &error);
    assert_true(entry_is("parent/child/value"));
    kobject_put(&parent->kobj);
    assert_int_equal(things_released, before);
    kobject_put(&child->kobj);
    assert_int_equal(things_released, before + 2);
    assert_false(entry_is("parent"));
}

static void mistakes_with_objects_are_reported(void **state)
{
    static struct thing raw;
    int error;
    struct thing *one = thing_new("same", NULL, &error), *two;
    hear_nothing();
    two = thing_new("same", NULL, &error);
    assert_int_equal(error, -EEXIST);
    assert_non_null(strstr(heard_text, "same cannot be added"));
    kobject_put(&two->kobj); /* as after any failure */
    kobject_put(&one->kobj);
    hear_nothing();
    assert_int_equal(kobject_add(&raw.kobj, NULL, "raw"), -EINVAL);
    assert_non_null(strstr(heard_text, "not initialised"));
    kobject_put(&raw.kobj);
    assert_int_equal(heard_compat, 2);
    kobject_init(&raw.kobj, &(const struct kobj_type){.sysfs_ops = &kobj_sysfs_ops});
    kobject_init(&raw.kobj, raw.kobj.ktype);
    assert_non_null(strstr(heard_text, "initialised already"));
    kobject_put(&raw.kobj);
    assert_non_null(strstr(heard_text, "no release function"));
    assert_int_equal(sysfs_create_file(&raw.kobj, &value_attr.attr), -EINVAL);
}

static void a_set_finds_its_members(void **state)
{
    struct kset *set = kset_create_and_add("set", NULL, kernel_kobj);
    struct thing *thing = kzalloc(sizeof(*thing), GFP_KERNEL);
    struct kobject *found;
    thing->kobj.kset = set;
    assert_int_equal(kobject_init_and_add(&thing->kobj, &thing_type, NULL, "member"), 0);
    assert_true(entry_is("kernel/set/member/value"));
    found = kset_find_obj(set, "member");
    assert_ptr_equal(found, &thing->kobj);
    assert_null(kset_find_obj(set, "stranger"));
    kobject_put(found);
    kobject_put(&thing->kobj);
    kset_unregister(set);
    assert_false(entry_is("kernel/set"));
}

/* ---- attributes ---------------------------------------------------------------------------- */

static ssize_t long_show(struct kobject *kobj, struct kobj_attribute *attr, char *page)
{
    memset(page, 'x', PAGE_SIZE);
    return PAGE_SIZE;
}
static struct kobj_attribute long_attr = __ATTR(long, 0444, long_show, NULL);

static ssize_t self_store(struct kobject *kobj, struct kobj_attribute *attr, const char *text,
                          size_t size)
{
    return sysfs_remove_file_self(kobj, &attr->attr) ? (ssize_t)size : -ENODEV;
}
static struct kobj_attribute self_attr = __ATTR(self, 0200, NULL, self_store);

static umode_t only_long(struct kobject *kobj, struct attribute *attr, int i)
{
    return attr == &long_attr.attr ? 0400 : 0;
}

static void attributes_keep_to_their_page(void **state)
{
    struct attribute *attrs[] = {&long_attr.attr, &self_attr.attr, NULL};
    struct attribute_group group = {.name = "some", .attrs = attrs, .is_visible = only_long};
    struct kobject *kobj = kobject_create_and_add("attrs", NULL);
    struct qlx_entry_info info;
    static char text[2 * PAGE_SIZE];
    assert_int_equal(sysfs_create_group(kobj, &group), 0);
    assert_int_equal(qlx_find_entry("attrs/some/long", &info), 0);
    assert_int_equal(info.mode, S_IFREG | 0400);
    assert_false(entry_is("attrs/some/self"));
    hear_nothing();
    assert_int_equal(entry_get("attrs/some/long", text, sizeof(text)), PAGE_SIZE - 1);
    assert_int_equal(heard_compat, 1);
    assert_int_equal(sysfs_emit(text + 1, "x"), 0);
    assert_int_equal(heard_compat, 2);
    assert_int_equal(sysfs_create_file(kobj, &self_attr.attr), 0);
    assert_int_equal(entry_put("attrs/self", "now"), 3);
    assert_false(entry_is("attrs/self"));
    assert_int_equal(heard_compat, 2);
    kobject_put(kobj);
    assert_false(entry_is("attrs"));
}

static void a_removed_file_answers_no_more(void **state)
{
    struct kobject *kobj = kobject_create_and_add("gone", NULL);
    struct file *file;
    long long pos = 0;
    char text[8];
    assert_int_equal(sysfs_create_file(kobj, &self_attr.attr), 0);
    qlx_client_enter(&client);
    assert_int_equal(qlx_entry_open("gone/self", O_WRONLY, &file), 0);
    kobject_put(kobj);
    assert_int_equal(qlx_write(file, "x", 1, &pos), -ENODEV);
    qlx_release(file);
    assert_int_equal(qlx_entry_open("gone/self", O_WRONLY, &file), -ENOENT);
    qlx_client_leave();
    assert_int_equal(entry_get("gone", text, sizeof(text)), -ENOENT);
}

/* ---- debugfs ------------------------------------------------------------------------------- */

static void debugfs_shows_numbers(void **state)
{
    static u8 small = 7;
    static u32 hex = 0xbeef;
    static atomic_t atom = ATOMIC_INIT(-3);
    static bool flag;
    struct dentry *dir = debugfs_create_dir("numbers", NULL);
    char text[32];
    debugfs_create_u8("small", 0644, dir, &small);
    debugfs_create_x32("hex", 0444, dir, &hex);
    debugfs_create_atomic_t("atom", 0644, dir, &atom);
    debugfs_create_bool("flag", 0644, dir, &flag);
    entry_get("kernel/debug/numbers/small", text, sizeof(text));
    assert_string_equal(text, "7\n");
    entry_get("kernel/debug/numbers/hex", text, sizeof(text));
    assert_string_equal(text, "0x0000beef\n");
    entry_get("kernel/debug/numbers/atom", text, sizeof(text));
    assert_string_equal(text, "-3\n");
    assert_int_equal(entry_put("kernel/debug/numbers/small", "255\n"), 4);
    assert_int_equal(small, 255);
    assert_int_equal(entry_put("kernel/debug/numbers/small", "256"), -ERANGE);
    assert_int_equal(small, 255);
    assert_int_equal(entry_put("kernel/debug/numbers/hex", "1"), -EACCES);
    assert_int_equal(entry_put("kernel/debug/numbers/flag", "Y"), 1);
    assert_true(flag);
    assert_int_equal(qlx_count_left(QLX_LEFT_DEBUGFS), 1);
    debugfs_remove_recursive(dir);
    assert_int_equal(qlx_count_left(QLX_LEFT_DEBUGFS), 0);
    assert_false(entry_is("kernel/debug/numbers"));
    hear_nothing();
    debugfs_remove(dir);
    assert_non_null(strstr(heard_text, "removed before"));
    assert_true(IS_ERR(debugfs_create_file("x", 0444, ERR_PTR(-ENOMEM), NULL, NULL)));
}

/* ---- buses --------------------------------------------------------------------------------- */

static int probes, removes, probe_result;
static char order[32];

static void note(void *what)
{
    strcat(order, what);
}

static int part_probe(struct platform_device *pdev)
{
    probes++;
    devm_add_action(&pdev->dev, note, "1");
    if (!devm_kzalloc(&pdev->dev, 100, GFP_KERNEL))
        return -ENOMEM;
    devm_add_action(&pdev->dev, note, "2");
    return probe_result;
}

static void part_remove(struct platform_device *pdev)
{
    removes++;
    note("r");
}
static struct platform_driver part_driver = {
    .probe = part_probe, .remove = part_remove, .driver = {.name = "part"}};

static int other_probe(struct platform_device *pdev)
{
    return 0;
}
static struct platform_driver other_driver = {.probe = other_probe, .driver = {.name = "other"}};

static void a_driver_gets_its_devices(void **state)
{
    unsigned long live = compat_live();
    const struct resource res[] = {DEFINE_RES_IRQ(9), DEFINE_RES_MEM_NAMED(0x1000, 0x100, "regs")};
    struct platform_device *pdev = platform_device_register_simple("part", 3, res, 2);
    assert_int_equal(platform_get_irq(pdev, 0), 9);
    assert_int_equal(platform_get_irq_optional(pdev, 1), -ENXIO);
    assert_int_equal(resource_size(platform_get_resource_byname(pdev, IORESOURCE_MEM, "regs")),
                     0x100);
    probes = removes = probe_result = 0;
    order[0] = '\0';
    assert_int_equal(platform_driver_register(&part_driver), 0);
    assert_int_equal(probes, 1);
    assert_true(device_is_bound(&pdev->dev));
    assert_true(entry_is("devices/platform/part.3/driver"));
    assert_true(entry_is("bus/platform/drivers/part/part.3"));
    assert_int_equal(entry_put("bus/platform/drivers/part/unbind", "part.3"), 6);
    assert_string_equal(order, "r21");
    assert_int_equal(entry_put("bus/platform/drivers/part/unbind", "part.3"), -ENODEV);
    assert_int_equal(entry_put("bus/platform/drivers/part/bind", "part.3"), 6);
    assert_int_equal(probes, 2);
    platform_driver_unregister(&part_driver);
    assert_int_equal(removes, 2);
    assert_false(device_is_bound(&pdev->dev));
    platform_device_unregister(pdev);
    assert_false(entry_is("devices/platform/part.3"));
    assert_int_equal(compat_live(), live);
    assert_int_equal(heard_compat, 0);
}

static void a_probe_that_fails_or_waits(void **state)
{
    struct platform_device *pdev, *other;
    order[0] = '\0';
    probes = 0;
    probe_result = -EIO;
    assert_int_equal(platform_driver_register(&part_driver), 0);
    pdev = platform_device_register_simple("part", PLATFORM_DEVID_NONE, NULL, 0);
    assert_string_equal(order, "21"); /* what it took was released, newest first */
    assert_false(device_is_bound(&pdev->dev));
    platform_device_unregister(pdev);
    probe_result = -EPROBE_DEFER;
    pdev = platform_device_register_simple("part", PLATFORM_DEVID_NONE, NULL, 0);
    assert_int_equal(probes, 2);
    probe_result = 0;
    assert_int_equal(platform_driver_register(&other_driver), 0);
    other = platform_device_register_simple("other", PLATFORM_DEVID_NONE, NULL, 0);
    assert_int_equal(probes, 3); /* another's success let it try again */
    assert_true(device_is_bound(&pdev->dev));
    platform_device_unregister(other);
    platform_device_unregister(pdev);
    platform_driver_unregister(&other_driver);
    platform_driver_unregister(&part_driver);
}

static void a_group_of_resources_goes_alone(void **state)
{
    struct device *dev = root_device_register("root");
    void *group;
    order[0] = '\0';
    devm_add_action(dev, note, "a");
    group = devres_open_group(dev, NULL, GFP_KERNEL);
    devm_add_action(dev, note, "b");
    devm_add_action(dev, note, "c");
    devres_close_group(dev, group);
    devm_add_action(dev, note, "d");
    assert_int_equal(devres_release_group(dev, group), 2);
    assert_string_equal(order, "cb");
    devm_remove_action(dev, note, "d");
    root_device_unregister(dev);
    assert_string_equal(order, "cba");
}

static void what_is_left_is_named_once(void **state)
{
    struct class *class = class_create("left");
    struct device *dev = device_create(class, NULL, MKDEV(200, 1), NULL, "left%d", 1);
    char text[16];
    assert_int_equal(qlx_count_left(QLX_LEFT_DEVICE), 1);
    assert_int_equal(qlx_count_left(QLX_LEFT_KOBJECT), 0);
    entry_get("class/left/left1/dev", text, sizeof(text));
    entry_get("devices/virtual/left/left1/dev", text, sizeof(text));
    assert_string_equal(text, "200:1\n");
    get_device(dev);
    device_destroy(class, MKDEV(200, 1));
    assert_int_equal(qlx_count_left(QLX_LEFT_DEVICE), 0);
    assert_int_equal(qlx_count_left(QLX_LEFT_KOBJECT), 1);
    put_device(dev);
    assert_int_equal(qlx_count_left(QLX_LEFT_KOBJECT), 0);
    class_destroy(class);
    assert_false(entry_is("class/left"));
}

/* Each request in turn fails: every call says so and nothing is lost. */
static void making_things_survives_every_failing_request(void **state)
{
    unsigned long live = compat_live();
    int failures = 0;
    for (int nth = 1; nth < 60; nth++) {
        struct platform_device *pdev;
        struct kobject *kobj;
        struct quarry_fault fault = {.nth = (unsigned long)nth};
        assert_int_equal(quarry_fault_set(QUARRY_FAILSLAB, &fault), 0);
        kobj = kobject_create_and_add("fragile", kernel_kobj);
        failures += kobj == NULL;
        if (kobj && sysfs_create_group(kobj, &thing_group) == -ENOMEM)
            failures++;
        pdev = platform_device_register_simple("fragile", PLATFORM_DEVID_AUTO, NULL, 0);
        failures += IS_ERR(pdev);
        quarry_fault_set(QUARRY_FAILSLAB, NULL);
        kobject_put(kobj);
        if (!IS_ERR(pdev))
            platform_device_unregister(pdev);
        assert_int_equal(compat_live(), live);
        assert_false(entry_is("kernel/fragile"));
    }
    assert_true(failures >= 8);
}

static int each_test(void **state)
{
    hear_nothing();
    return 0;
}

#define MODEL_TEST(name) cmocka_unit_test_setup(name, each_test)
COMPAT_MAIN(MODEL_TEST(an_object_lives_until_its_last_reference),
            MODEL_TEST(a_child_holds_its_parent), MODEL_TEST(mistakes_with_objects_are_reported),
            MODEL_TEST(a_set_finds_its_members), MODEL_TEST(attributes_keep_to_their_page),
            MODEL_TEST(a_removed_file_answers_no_more), MODEL_TEST(debugfs_shows_numbers),
            MODEL_TEST(a_driver_gets_its_devices), MODEL_TEST(a_probe_that_fails_or_waits),
            MODEL_TEST(a_group_of_resources_goes_alone), MODEL_TEST(what_is_left_is_named_once),
            MODEL_TEST(making_things_survives_every_failing_request))
