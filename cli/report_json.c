/* SPDX-License-Identifier: MIT */
/* The report for programs: one JSON object, described in docs/design/run.md. */
#include "findings.h"
#include "json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <quarry/version.h>
#include "linux/runtime.h"

static json_t *json_address(const void *address)
{
    char text[32];

    if (!address)
        return json_null();
    snprintf(text, sizeof(text), "0x%" PRIxPTR, (uintptr_t)address);
    return json_string(text);
}

static json_t *json_frame(const struct frame *frame)
{
    static const char *const where[] = {"module", "quarry", "host"};
    json_t *object = json_object();

    json_object_set_new(object, "address", json_address(frame->pc));
    json_object_set_new(object, "function", json_text(frame->function));
    json_object_set_new(object, "file", json_text(frame->file));
    json_object_set_new(object, "line", frame->line ? json_integer(frame->line) : json_null());
    json_object_set_new(object, "in", json_text(where[frame->where]));
    json_object_set_new(object, "module", json_text(frame->module));
    return object;
}

static json_t *json_site(const struct finding_site *site)
{
    json_t *list = json_array();

    for (size_t i = 0; i < site->nr; i++)
        json_array_append_new(list, json_frame(&site->frame[i]));
    return list;
}

/* The one frame to blame, beside the whole list. */
static void json_set_place(json_t *object, const struct finding_site *site)
{
    const struct frame *frame = symbols_site(site->frame, site->nr);

    json_object_set_new(object, "place", frame ? json_frame(frame) : json_null());
}

static json_t *json_finding(const struct finding *finding)
{
    json_t *object = json_object();

    json_object_set_new(object, "kind", json_text(finding->kind));
    json_object_set_new(object, "rule", json_text(finding->rule));
    json_object_set_new(object, "text", json_text(finding->text));
    json_object_set_new(object, "cache", json_text(finding->cache));
    json_object_set_new(object, "address",
                        json_address((const void *)finding_hide(finding->hidden)));
    json_object_set_new(object, "size", json_integer((json_int_t)finding->size));
    json_object_set_new(object, "times", json_integer((json_int_t)finding->times));
    json_set_place(object, &finding->now);
    json_object_set_new(object, "at", json_site(&finding->now));
    json_object_set_new(object, "before_is", json_text(finding->before_is));
    json_object_set_new(object, "before", json_site(&finding->before));
    json_object_set_new(object, "explanation", json_text(finding->explanation));
    if (finding->also_is) {
        json_object_set_new(object, "also_is", json_text(finding->also_is));
        json_object_set_new(object, "also", json_site(&finding->also));
    }
    return object;
}

static json_t *json_findings(bool problems)
{
    json_t *list = json_array();

    for (size_t i = 0; i < findings.nr; i++) {
        if (findings.finding[i].problem == problems)
            json_array_append_new(list, json_finding(&findings.finding[i]));
    }
    return list;
}

static json_t *json_leaks(void)
{
    json_t *list = json_array();

    for (size_t i = 0; i < findings.nr_leaks; i++) {
        const struct leak *leak = &findings.leak[i];
        json_t *object = json_object();
        json_object_set_new(object, "what", json_text(leak->what));
        json_object_set_new(object, "cache", json_text(leak->cache));
        json_object_set_new(object, "count", json_integer((json_int_t)leak->nr));
        if (findings.scanned)
            json_object_set_new(object, "lost", json_integer((json_int_t)leak->lost));
        json_object_set_new(object, "bytes", json_integer((json_int_t)leak->bytes));
        json_object_set_new(object, "example", json_address((const void *)~leak->hidden_example));
        json_set_place(object, &leak->site);
        json_object_set_new(object, "allocated_by", json_site(&leak->site));
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *json_peaks(void)
{
    json_t *list = json_array();

    for (size_t i = 0; i < findings.nr_peaks; i++) {
        const struct cache_peak *peak = &findings.peak[i];
        json_t *object = json_object();
        json_object_set_new(object, "name", json_text(peak->name));
        json_object_set_new(object, "object_size", json_integer((json_int_t)peak->object_size));
        json_object_set_new(object, "peak_objects", json_integer((json_int_t)peak->objects));
        json_object_set_new(object, "peak_bytes", json_integer((json_int_t)peak->bytes));
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *json_names(const struct strings *names)
{
    json_t *list = json_array();

    for (size_t i = 0; names && i < names->nr; i++)
        json_array_append_new(list, json_text(names->item[i]));
    return list;
}

static const char *run_verdict(const struct report_run *run)
{
    if (qlx_oopses())
        return "crashed";
    switch (run->exit_status) {
    case CLI_CLEAN:
        return "clean";
    case CLI_FINDINGS:
        return "findings";
    case CLI_COMMAND:
        return "command failed";
    default:
        return "failed";
    }
}

bool report_json(const struct run_options *options, const struct report_run *run)
{
    json_t *top = json_object();

    json_object_set_new(top, "quarry", json_text(QUARRY_VERSION));
    json_object_set_new(top, "modules", json_names(run->names));
    json_object_set_new(top, "verdict", json_text(run_verdict(run)));
    json_object_set_new(top, "exit_status", json_integer(run->exit_status));
    json_object_set_new(top, "failure", json_text(run->failure));
    json_object_set_new(top, "command_status",
                        run->has_command ? json_integer(run->command_status) : json_null());
    json_object_set_new(top, "peak_bytes",
                        findings.peak_unknown ? json_null()
                                              : json_integer((json_int_t)findings.peak_bytes));
    json_object_set_new(top, "caches", json_peaks());
    json_object_set_new(top, "leaked_objects", json_integer((json_int_t)findings.leaked_objects));
    json_object_set_new(top, "leaked_bytes", json_integer((json_int_t)findings.leaked_bytes));
    json_object_set_new(top, "leaks", json_leaks());
    json_object_set_new(top, "findings", json_findings(true));
    json_object_set_new(top, "failed_allocations", json_findings(false));
    return json_write(options, top);
}
