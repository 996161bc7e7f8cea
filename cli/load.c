/* SPDX-License-Identifier: MIT */
/* Loading modules, their parameters, init and exit. The work itself is compat/linux's; here are the
 * messages. */
#include "load.h"
#include "report.h"
#include "symbols.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "linux/runtime.h"

bool load_module(const struct built *all, size_t index, struct loaded *every)
{
    const struct built_module *built = &all->module[index];
    struct loaded *loaded = &every[index];
    const void *from, *to;
    char why[512] = "";
    int error;

    memset(loaded, 0, sizeof(*loaded));
    loaded->built = built;
    error = qlx_module_load(built->shared, built->name, &loaded->module, why, sizeof(why));
    if (error) {
        cli_say("cannot load module %s: %s", built->name, why[0] ? why : strerror(-error));
        return false;
    }
    for (size_t i = 0; i < index; i++) {
        if (built->uses && built->uses[i])
            qlx_module_use(loaded->module, every[i].module);
    }
    qlx_module_range(loaded->module, &from, &to);
    symbols_add_module(built->name, from, to);
    if (!qlx_module_has_init(loaded->module)) {
        cli_say("module %s has no init function: add module_init(your_init); to %s", built->name,
                built->source.item[0]);
        return false;
    }
    if (!qlx_module_has_exit(loaded->module))
        cli_say("module %s has no exit function (module_exit): what init makes will be left behind",
                built->name);
    return true;
}

/* ---- parameters -------------------------------------------------------------------------------- */

struct param_names {
    struct strings list;
};

static bool param_collect(const struct qlx_param *param, void *data)
{
    struct param_names *names = data;

    strings_add(&names->list, param->name);
    return true;
}

static void param_unknown(const char *name, const struct loaded *loaded, size_t nr)
{
    struct param_names names = {{0}};
    const char *near;
    char *all = cli_copy("");

    for (size_t i = 0; i < nr; i++)
        qlx_module_for_each_param(loaded[i].module, param_collect, &names);
    for (size_t i = 0; i < names.list.nr; i++) {
        char *more = cli_format("%s%s%s", all, i ? ", " : "", names.list.item[i]);
        free(all);
        all = more;
    }
    near = names.list.nr ? cli_nearest(name, (const char *const *)names.list.item) : NULL;
    cli_say("no module has a parameter %s%s%s%s; there %s %s", name, near ? "; did you mean " : "",
            near ? near : "", near ? "?" : "", names.list.nr == 1 ? "is" : "are",
            names.list.nr ? all : "none");
    free(all);
}

/* "name=value" for every module that has it, "module.name=value" for one. */
static bool param_set(const char *text, struct loaded *loaded, size_t nr)
{
    const char *equals = strchr(text, '=');
    char *name = cli_format("%.*s", (int)(equals - text), text);
    char *dot = strchr(name, '.'), *param = dot ? dot + 1 : name;
    bool found = false, good = true;

    if (dot)
        *dot = '\0';
    for (size_t i = 0; i < nr && good; i++) {
        char why[256] = "";
        int error;
        if (dot && strcmp(loaded[i].built->name, name) != 0)
            continue;
        error = qlx_module_set_param(loaded[i].module, param, equals + 1, why, sizeof(why));
        if (error == 0) {
            found = true;
        } else if (error != -ENOENT) {
            cli_say("parameter %s of module %s: %s", param, loaded[i].built->name,
                    why[0] ? why : strerror(-error));
            good = false;
        }
    }
    if (good && !found)
        param_unknown(param, loaded, nr);
    free(name);
    return good && found;
}

bool load_params(const struct run_options *options, struct loaded *loaded, size_t nr)
{
    bool good = true;

    for (size_t i = 0; i < options->param.nr; i++)
        good = param_set(options->param.item[i], loaded, nr) && good;
    return good;
}

/* ---- init and exit ----------------------------------------------------------------------------- */

bool load_init(struct loaded *loaded)
{
    int result = qlx_module_init(loaded->module);

    if (result < 0 && qlx_oopses()) {
        cli_say("module %s crashed in its init function", loaded->built->name);
        return false;
    }
    if (result < 0) {
        cli_say("init of module %s failed: %s (%s)", loaded->built->name, cli_errno_name(result),
                strerror(-result));
        return false;
    }
    if (result > 0)
        cli_say("init of module %s returned %d; success is 0, an error a negative errno",
                loaded->built->name, result);
    loaded->initialised = true;
    return true;
}

void load_exit(struct loaded *loaded)
{
    int error;

    if (!loaded->initialised)
        return;
    loaded->initialised = false;
    if (qlx_module_users(loaded->module) > 0) {
        report_in_use(loaded->built->name, qlx_module_users(loaded->module));
        qlx_module_force(loaded->module); /* so that what else it leaves can be seen */
    }
    error = qlx_module_exit(loaded->module);
    if (error && !qlx_oopses())
        cli_say("module %s cannot exit: %s", loaded->built->name, strerror(-error));
}
