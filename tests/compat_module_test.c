/* SPDX-License-Identifier: MIT */
/* compat/linux: modules as shared objects: loading, parameters, init and exit, what goes wrong, and the
 * failure loop over the examples. The modules are compiled here, as the host program would. */
#include "compat.h"
#include <linux/fs.h>
#include <linux/slab.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/quarry-module-test-XXXXXX";
static char why[512];

static int make_folder(void **state)
{
    return mkdtemp(folder) && compat_begin(state) == 0 ? 0 : -1;
}

static int drop_folder(void **state)
{
    char command[200];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return compat_end(state) || system(command);
}

/* Compile @sources (paths, and options) to @name.so; -1 when the compiler refuses. */
static int build(const char *name, const char *sources)
{
    char command[4000];
    snprintf(
        command, sizeof(command),
        "%s %s %s %s%s -isystem %s/compat/linux/include -I%s/include -DKBUILD_MODNAME='\"%s\"' "
        "%s -o %s/%s.so 2>%s/errors",
        QUARRY_COMPILER, QLX_MODULE_CFLAGS, QLX_MODULE_LDFLAGS,
        *QUARRY_SANITIZE ? "-fsanitize=" : "", QUARRY_SANITIZE, QUARRY_SOURCE_DIR,
        QUARRY_SOURCE_DIR, name, sources, folder, name, folder);
    return system(command) == 0 ? 0 : -1;
}

static const char *write_source(const char *name, const char *text)
{
    static char path[200];
    FILE *file;
    snprintf(path, sizeof(path), "%s/%s.c", folder, name);
    file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
    return path;
}

static int load(const char *name, struct qlx_module **module)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/%s.so", folder, name);
    return qlx_module_load(path, name, module, why, sizeof(why));
}

static void set(struct qlx_module *module, const char *name, const char *value, int expected)
{
    int error = qlx_module_set_param(module, name, value, why, sizeof(why));
    if (error != expected)
        fail_msg("%s=%s: %d, not %d (%s)", name, value, error, expected, why);
}

static const char params_source[] =
    "#include <linux/module.h>\n"
    "int a_int; bool a_bool; char *a_text = \"none\"; static unsigned int list[3]; int list_nr;\n"
    "char fixed[8]; unsigned short small; int old_bool; static int cb_value = 1;\n"
    "module_param(a_int, int, 0644); MODULE_PARM_DESC(a_int, \"an int\");\n"
    "module_param(a_bool, bool, 0); module_param(a_text, charp, 0);\n"
    "module_param_array(list, uint, &list_nr, 0); module_param(small, ushort, 0);\n"
    "module_param_named(other, a_int, int, 0); module_param(old_bool, bool, 0);\n"
    "module_param_string(fixed, fixed, sizeof(fixed), 0);\n"
    "static int cb_set(const char *v, const struct kernel_param *kp)\n"
    "{ if (v[0] == 'b') return -EINVAL; return param_set_int(v, kp); }\n"
    "static const struct kernel_param_ops cb = {.set = cb_set, .get = param_get_int};\n"
    "module_param_cb(cb, &cb, &cb_value, 0644);\n"
    "static int __init start(void)\n"
    "{ return a_int == 7 && a_bool && !strcmp(a_text, \"some text\") && list[1] == 22 &&\n"
    "  list_nr == 2 && !strcmp(fixed, \"seven!!\") && small == 65535 && old_bool == 1 &&\n"
    "  cb_value == 33 ? 0 : -ERANGE; }\n"
    "module_init(start);\n"
    "MODULE_LICENSE(\"GPL\"); MODULE_AUTHOR(\"somebody\"); MODULE_DESCRIPTION(\"params\");\n";

static bool count_param(const struct qlx_param *param, void *data)
{
    ++*(int *)data;
    if (strcmp(param->name, "a_int") == 0)
        assert_string_equal(param->description, "an int");
    return true;
}

static void parameters_are_set_from_text(void **state)
{
    struct qlx_module *module;
    const void *from, *to;
    int count = 0;
    assert_int_equal(build("params", write_source("params", params_source)), 0);
    assert_int_equal(load("params", &module), 0);
    qlx_module_for_each_param(module, count_param, &count);
    assert_int_equal(count, 9);
    assert_string_equal(qlx_module_info(module, "license"), "GPL");
    assert_string_equal(qlx_module_info(module, "author"), "somebody");
    assert_null(qlx_module_info(module, "version"));
    assert_true(qlx_module_has_init(module));
    assert_false(qlx_module_has_exit(module));
    qlx_module_range(module, &from, &to);
    assert_true(from < to);
    set(module, "other", "7", 0);
    set(module, "a_int", "x", -EINVAL);
    set(module, "a_int", "99999999999", -ERANGE);
    set(module, "a_bool", "yes", 0);
    set(module, "a_text", "some text", 0);
    set(module, "list", "1,2,3,4", -ERANGE);
    set(module, "list", "11,22", 0);
    set(module, "fixed", "eight!!!", -ERANGE);
    set(module, "fixed", "seven!!", 0);
    set(module, "small", "65536", -ERANGE);
    set(module, "small", "65535", 0);
    set(module, "old_bool", "1", 0);
    set(module, "cb", "bad", -EINVAL);
    set(module, "cb", "33", 0);
    set(module, "nothing", "1", -ENOENT);
    assert_int_equal(qlx_module_init(module), 0);
    assert_int_equal(qlx_module_exit(module), 0);
    assert_int_equal(qlx_module_exit(module), -EBUSY);
    qlx_module_unload(module);
}

static void a_module_with_an_unknown_function_is_named(void **state)
{
    struct qlx_module *module;
    assert_int_equal(
        build("unknown",
              write_source("unknown", "#include <linux/module.h>\n"
                                      "int no_such_function(void);\n"
                                      "int init_module(void) { return no_such_function(); }\n")),
        0);
    assert_int_equal(load("unknown", &module), -ENOEXEC);
    assert_non_null(strstr(why, "no_such_function"));
    assert_int_equal(load("nothing", &module), -ENOEXEC);
    assert_int_equal(build("empty", write_source("empty", "int x;\n")), 0);
    assert_int_equal(load("empty", &module), -ENOEXEC);
    assert_non_null(strstr(why, "linux/module.h"));
    /* A forgotten include must not become a truncated pointer. */
    assert_int_equal(build("wrong", write_source("wrong", "#include <linux/module.h>\n"
                                                          "char *p; int init_module(void)\n"
                                                          "{ p = vmalloc(4096); return 0; }\n")),
                     -1);
}

static void init_module_and_cleanup_module_are_found(void **state)
{
    struct qlx_module *module;
    static const char text[] =
        "#include <linux/module.h>\n"
        "int init_module(void) { pr_info(\"%s\\n\", THIS_MODULE->name); return 0; }\n"
        "void cleanup_module(void) { }\n";
    assert_int_equal(build("plain", write_source("plain", text)), 0);
    assert_int_equal(load("plain", &module), 0);
    assert_true(qlx_module_has_init(module));
    assert_true(qlx_module_has_exit(module));
    assert_string_equal(qlx_module_name(module), "plain");
    assert_int_equal(qlx_module_init(module), 0);
    assert_int_equal(qlx_module_exit(module), 0);
    qlx_module_unload(module);
}

static void two_sources_are_one_module_and_modules_use_each_other(void **state)
{
    struct qlx_module *first, *second;
    char sources[500];
    snprintf(
        sources, sizeof(sources), "%s",
        write_source("one",
                     "#include <linux/module.h>\n"
                     "int shared_value = 5; EXPORT_SYMBOL(shared_value); int second_half(void);\n"
                     "static int __init s(void) { return second_half() == 9 ? 0 : -EIO; } "
                     "module_init(s);\n"));
    snprintf(sources + strlen(sources), sizeof(sources) - strlen(sources), " %s",
             write_source("two", "#include <linux/module.h>\n"
                                 "#include <linux/init.h>\n"
                                 "extern int shared_value;\n"
                                 "int second_half(void) { return shared_value + 4; }\n"
                                 "static void __exit e(void) { } module_exit(e);\n"));
    assert_int_equal(build("first", sources), 0);
    assert_int_equal(
        build("second",
              write_source("three", "#include <linux/module.h>\n"
                                    "extern int shared_value; int second_half(void) { return 1; }\n"
                                    "static int __init s(void) { return shared_value == 5 && "
                                    "second_half() == 1 ? 0 : -EIO; }\n"
                                    "module_init(s);\n")),
        0);
    assert_int_equal(load("first", &first), 0);
    assert_true(qlx_module_has_exit(first));
    assert_int_equal(load("second", &second), 0);
    assert_int_equal(qlx_module_init(first), 0);
    assert_int_equal(qlx_module_init(second), 0);
    qlx_module_unload(first);
    qlx_module_unload(second);
}

static void a_modules_per_cpu_variables_have_instances_until_it_goes(void **state)
{
    char source[300];
    (void)state;
    hear_nothing();
    snprintf(source, sizeof(source), "%s/tests/modules/percpu.c", QUARRY_SOURCE_DIR);
    assert_int_equal(build("percpu", source), 0);
    for (int round = 0; round < 2; round++) {
        struct qlx_module *module;
        assert_int_equal(load("percpu", &module), 0);
        assert_int_equal(qlx_module_init(module), 0); /* checks its own work */
        assert_int_equal(qlx_module_exit(module), 0);
        qlx_module_unload(module);
    }
    assert_int_equal(heard_core + heard_compat + heard_oopses, 0);
}

static void an_init_that_crashes_or_fails_says_so(void **state)
{
    struct qlx_module *module;
    hear_nothing();
    assert_int_equal(build("crash", write_source("crash", "#include <linux/module.h>\n"
                                                          "int init_module(void) { BUG(); }\n")),
                     0);
    assert_int_equal(load("crash", &module), 0);
    assert_int_equal(qlx_module_init(module), -EFAULT);
    assert_int_equal(heard_oopses, 1);
    assert_int_equal(qlx_module_exit(module), -EBUSY);
    qlx_module_unload(module);
}

static void what_a_module_left_behind_is_stopped_before_its_code_goes(void **state)
{
    static const char text[] =
        "#include <linux/module.h>\n#include <linux/timer.h>\n#include <linux/workqueue.h>\n"
        "#include <linux/kthread.h>\n#include <linux/delay.h>\n#include <linux/proc_fs.h>\n"
        "static struct timer_list t; static struct delayed_work w;\n"
        "static void tick(struct timer_list *x) { mod_timer(x, jiffies + 1); }\n"
        "static void work(struct work_struct *x) { schedule_delayed_work(&w, 1); }\n"
        "static int loop(void *p) { while (!kthread_should_stop()) msleep(1); return 0; }\n"
        "int init_module(void) { timer_setup(&t, tick, 0); mod_timer(&t, jiffies + 1);\n"
        " INIT_DELAYED_WORK(&w, work); schedule_delayed_work(&w, 0); proc_mkdir(\"left\", NULL);\n"
        " kthread_run(loop, NULL, \"left\"); return 0; }\n";
    struct qlx_module *module;
    assert_int_equal(build("left", write_source("left", text)), 0);
    assert_int_equal(load("left", &module), 0);
    assert_int_equal(qlx_module_init(module), 0);
    usleep(20000);
    qlx_module_exit(module);
    assert_int_equal(qlx_count_left(QLX_LEFT_KTHREAD), 1);
    assert_int_equal(qlx_count_left(QLX_LEFT_PROC), 1);
    qlx_module_unload(module);
    assert_int_equal(qlx_count_left(QLX_LEFT_KTHREAD), 0);
    assert_int_equal(qlx_count_left(QLX_LEFT_TIMER), 0);
    usleep(10000);
}

/* ---- the examples -------------------------------------------------------------------------- */

static const char *const examples[] = {"scull", "scullc", "scullc26", "scullp", "scullv"};

static bool first_device(const struct qlx_device *device, void *data)
{
    *(unsigned int *)data = device->dev;
    return false;
}

/* Store and read back; tells whether memory was short on the way. */
static bool exercise(void)
{
    static char data[50000], back[50000];
    struct file *file;
    unsigned int dev = 0;
    long long pos = 0, at;
    bool short_of_memory = false;
    qlx_for_each_device(first_device, &dev);
    assert_int_equal(qlx_open(dev, O_WRONLY, &file), 0);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)(i * 7 + i / 251);
    while (pos < (long long)sizeof(data)) {
        ssize_t done = qlx_write(file, data + pos, sizeof(data) - (size_t)pos, &pos);
        if (done == -ENOMEM)
            short_of_memory = true; /* and go on: the driver must stay usable */
        else
            assert_true(done > 0);
    }
    assert_int_equal(qlx_llseek(file, 0, SEEK_END), sizeof(data));
    assert_int_equal(qlx_llseek(file, -1, SEEK_SET), -EINVAL);
    qlx_release(file);
    assert_int_equal(qlx_open(dev, O_RDONLY, &file), 0);
    for (at = 0; at < (long long)sizeof(back);)
        assert_true(qlx_read(file, back + at, sizeof(back) - (size_t)at, &at) > 0);
    assert_int_equal(qlx_read(file, back, 1, &at), 0);
    assert_memory_equal(back, data, sizeof(back));
    qlx_release(file);
    return short_of_memory;
}

/* Fail the nth request; true when the whole life of the module saw fewer. */
static bool one_life(const char *name, enum quarry_fault_point point, unsigned long nth)
{
    unsigned long before = compat_live();
    struct qlx_module *module;
    bool reached;
    int error;
    assert_int_equal(load(name, &module), 0);
    quarry_fault_set(point, &(struct quarry_fault){.nth = nth});
    error = qlx_module_init(module);
    if (!error) {
        exercise();
        assert_int_equal(qlx_module_exit(module), 0);
    }
    reached = quarry_fault_failed(point) == 0;
    quarry_fault_set(point, NULL);
    if (error)
        assert_int_equal(error, -ENOMEM);
    for (int kind = 0; kind < QLX_LEFT_KINDS; kind++)
        assert_int_equal(qlx_count_left((enum qlx_left_kind)kind), 0);
    qlx_module_unload(module);
    if (compat_live() != before)
        fail_msg("%s: request %lu of point %d fails: %ld blocks are lost", name, nth, point,
                 (long)(compat_live() - before));
    assert_int_equal(heard_core + heard_compat + heard_oopses, 0);
    return reached;
}

static void no_example_loses_memory_whichever_request_fails(void **state)
{
    char source[200];
    hear_nothing();
    for (size_t i = 0; i < ARRAY_SIZE(examples); i++) {
        snprintf(source, sizeof(source), "%s/examples/%s.c", QUARRY_SOURCE_DIR, examples[i]);
        assert_int_equal(build(examples[i], source), 0);
        for (int point = 0; point <= QUARRY_FAIL_VMALLOC; point++) { /* those for memory */
            unsigned long nth = 1;
            while (!one_life(examples[i], (enum quarry_fault_point)point, nth))
                nth++;
            assert_true(nth < 200);
        }
    }
}

COMPAT_MAIN_WITH(make_folder, drop_folder, cmocka_unit_test(parameters_are_set_from_text),
                 cmocka_unit_test(a_module_with_an_unknown_function_is_named),
                 cmocka_unit_test(init_module_and_cleanup_module_are_found),
                 cmocka_unit_test(two_sources_are_one_module_and_modules_use_each_other),
                 cmocka_unit_test(a_modules_per_cpu_variables_have_instances_until_it_goes),
                 cmocka_unit_test(an_init_that_crashes_or_fails_says_so),
                 cmocka_unit_test(what_a_module_left_behind_is_stopped_before_its_code_goes),
                 cmocka_unit_test(no_example_loses_memory_whichever_request_fails))
