/* SPDX-License-Identifier: MIT */
/* boot: the one file that knows every layer, and the order in which they start.
 *
 * Problem. Each layer needs memory from the one below, and the lowest needs memory before there is an
 * allocator.
 *
 * Idea. The memory map finds room for the descriptors; what else must exist before the page allocator
 * (the table of CPUs, CPU 0's data, room for backtraces, the owner table) is carved out of low memory
 * while the map still owns all of it. After that each layer starts with the ones below it running:
 *
 *     options → map → carve, guard → check, fault → zones → reclaim → grace → slabs → kmalloc → vm →
 *     kmap → percpu → dma → CPU 0
 *
 * A CPU's data is made when the CPU comes online for the first time and then stays for good: whoever
 * walks cpus->area[] (drains, counters) never meets a block that is being freed, and a CPU number that
 * is taken again costs nothing. The price is bounded by the most CPUs ever online at once.
 *
 * Fork. A port whose machine survives fork freezes it (every lock held, so that no structure is caught
 * half changed), copies the memory, and lets the copy's only CPU take over what the other CPUs held.
 *
 * Locks: cpu_lock guards making a CPU's data. qr_freeze takes all locks in the order of the layers, from
 * the top. What may sleep: qr_boot and qr_shutdown. */
#include "boot_options.h"
#include "instance.h"

struct quarry quarry_default = {.cpus = {.none = &qr_cpu_none}};

static struct quarry *boot_owner(struct qr_cpus *cpus)
{
    return QR_CONTAINER(cpus, struct quarry, cpus);
}

static void boot_cpu_init(struct quarry *q, struct qr_cpu *cpu, unsigned int id)
{
    cpu->id = id;
    cpu->nid = q->zones.nr_nodes ? id % q->zones.nr_nodes : 0;
    cpu->nr_pcp = q->zones.nr_zones;
    cpu->chunk[0] = cpu->slot;
    memcpy(cpu->slot, qr_closed_chunk, sizeof(cpu->slot));
    for (unsigned int i = 1; i < QR_NR_CHUNKS; i++)
        cpu->chunk[i] = qr_closed_chunk;
    qr_pcp_init_cpu(&q->zones, cpu);
    qr_slabs_online(&q->slabs, cpu);
}

/* cpus->online. Context: any on that CPU; the block comes from the page allocator. */
static struct qr_cpu *boot_cpu_online(struct qr_cpus *cpus, unsigned int id)
{
    struct quarry *q = boot_owner(cpus);
    struct page *page;
    struct qr_cpu *cpu;

    QR_ASSERT(id < cpus->nr_max);
    cpu = __atomic_load_n(&cpus->area[id], __ATOMIC_ACQUIRE);
    if (cpu)
        return cpu;
    if (!__atomic_load_n(&q->booted, __ATOMIC_ACQUIRE))
        return NULL; /* CPU 0's data was carved, and the slots of the others do not exist yet */
    /* Not of the reserve, even for a task that may use it: all goes on without, if slower. */
    page = qr_alloc_pages(&q->zones, GFP_NOWAIT | __GFP_NOMEMALLOC | __GFP_ZERO,
                          (unsigned int)get_order(q->cpu_bytes), NUMA_NO_NODE);
    if (!page)
        return NULL;
    cpu = qr_page_virt(&q->map, page);
    boot_cpu_init(q, cpu, id);
    /* In the total order, for sums over all CPUs (src/grace): who misses this CPU is seen by its readers. */
    __atomic_store_n(&cpus->area[id], cpu, __ATOMIC_SEQ_CST);
    return cpu;
}

/* cpus->offline: what the CPU held goes back; its block stays (see the top). */
static void boot_cpu_offline(struct qr_cpus *cpus, unsigned int id)
{
    struct quarry *q = boot_owner(cpus);
    struct qr_cpu *cpu = cpus->area[id];

    if (!cpu)
        return;
    qr_slabs_drain_cpu(&q->slabs, cpu);
    qr_pcp_drain_cpu(&q->zones, cpu);
}

/* The pool of sampled objects, if there is to be one. */
static int boot_carve_guards(struct quarry *q, const struct qp_machine *machine,
                             const struct qr_options *options, char *why, size_t why_size)
{
    struct qr_guard_wish wish = {options->kfence_interval, options->kfence_every,
                                 options->kfence_objects};
    void *pool, *records;

    if (!wish.interval_ms && !wish.every)
        return 0;
    if (!wish.objects)
        wish.objects = QR_GUARD_DEFAULT_OBJECTS;
    if (!QP_CAN_GUARD) {
        qr_snprintf(why, why_size,
                    "boot option kfence.*: this port cannot unmap single pages of its "
                    "direct map (QP_CAN_GUARD)");
        return -QR_EINVAL;
    }
    records = qr_map_carve(&q->map, machine, qr_guard_record_bytes(wish.objects));
    pool = qr_map_carve(&q->map, machine, qr_guard_pool_bytes(wish.objects));
    if (!records || !pool) {
        qr_snprintf(why, why_size,
                    "kfence.num_objects=%llu needs %llu KiB of low memory: give more RAM or fewer "
                    "objects",
                    (unsigned long long)wish.objects,
                    (unsigned long long)(qr_guard_pool_bytes(wish.objects) +
                                         qr_guard_record_bytes(wish.objects)) >>
                        10);
        return -QR_ENOMEM;
    }
    qr_guards_init(&q->guards, &wish, pool, records);
    return 0;
}

/* One record for each frame; NULL: there is no room for what @needs it. */
static void *boot_carve_frames(struct quarry *q, const struct qp_machine *machine, size_t record,
                               const char *needs, char *why, size_t why_size)
{
    u64 bytes = PAGE_ALIGN((q->map.max_pfn - q->map.min_pfn) * record);
    void *room = qr_map_carve(&q->map, machine, bytes);

    if (!room)
        qr_snprintf(why, why_size, "%s %llu KiB of low memory: give more RAM", needs,
                    (unsigned long long)bytes >> 10);
    return room;
}

/* Room for what checks remember: backtraces, sites, notes and owners of frames, guarded objects. */
static int boot_carve_records(struct quarry *q, const struct qp_machine *machine,
                              const struct qr_options *options, char *why, size_t why_size)
{
    struct qr_map *map = &q->map;
    u64 traces = options->trace_bytes;
    bool tracking = options->page_owner || options->slab_debug_given || options->check ||
                    options->kfence_interval || options->kfence_every;

    /* 1/128 of memory, 64 KiB … 16 MiB: a trace of 8 frames takes 80 bytes, and programs have
     * thousands of call chains, not millions. */
    if (!traces && tracking)
        traces = QR_MIN(QR_MAX(map->nr_present * PAGE_SIZE / 128, 64u << 10), 16u << 20);
    if (traces) {
        void *room = qr_map_carve(map, machine, PAGE_ALIGN(traces));
        if (room)
            qr_traces_init(&q->check.traces, room, PAGE_ALIGN(traces));
    }
    if (options->mem_profiling) {
        /* 1/1024 of memory, 16 KiB … 1 MiB: room for 512 to 32,768 places that allocate. */
        u64 bytes = QR_MIN(QR_MAX(map->nr_present * PAGE_SIZE / 1024, 16u << 10), 1u << 20);
        void *room = qr_map_carve(map, machine, PAGE_ALIGN(bytes));
        if (!room) {
            qr_snprintf(why, why_size, "mem_profiling needs %llu KiB of low memory: give more RAM",
                        (unsigned long long)bytes >> 10);
            return -QR_ENOMEM;
        }
        qr_sites_init(&q->check.sites, room, PAGE_ALIGN(bytes));
    }
    if (options->mem_profiling || options->check) {
        q->zones.note = boot_carve_frames(q, machine, sizeof(struct qr_page_note),
                                          "check and mem_profiling need", why, why_size);
        if (!q->zones.note)
            return -QR_ENOMEM;
    }
    if (options->page_owner) {
        q->zones.owner = boot_carve_frames(q, machine, sizeof(struct qr_owner), "page_owner needs",
                                           why, why_size);
        if (!q->zones.owner)
            return -QR_ENOMEM;
    }
    return boot_carve_guards(q, machine, options, why, why_size);
}

/* What must exist before the page allocator. */
static int boot_carve(struct quarry *q, const struct qp_machine *machine,
                      const struct qr_options *options, char *why, size_t why_size)
{
    struct qr_map *map = &q->map;
    u64 table = PAGE_ALIGN(sizeof(struct qr_cpu *) * (u64)machine->nr_cpus);

    q->cpu_bytes = sizeof(struct qr_cpu) + QR_MAX_ZONES * sizeof(struct qr_pcp);
    q->cpus.area = qr_map_carve(map, machine, table);
    q->boot_cpu = qr_map_carve(map, machine, PAGE_ALIGN(q->cpu_bytes));
    if (!q->cpus.area || !q->boot_cpu) {
        qr_snprintf(why, why_size, "the machine is too small: no room for CPU 0's data (%zu bytes)",
                    q->cpu_bytes);
        return -QR_ENOMEM;
    }
    return QR_CHECKS ? boot_carve_records(q, machine, options, why, why_size) : 0;
}

static int boot_faults(struct quarry *q, const struct qr_options *options, char *why,
                       size_t why_size)
{
    static const char *const name[] = {"failslab", "fail_page_alloc", "fail_vmalloc",
                                       "fail_usercopy"};

    for (unsigned int i = 0; i < QUARRY_FAULT_POINTS; i++) {
        struct quarry_fault spec;
        char cache[64], reason[192];
        if (!options->fault[i][0])
            continue;
        if (qr_fault_parse(options->fault[i], &spec, cache, sizeof(cache), reason,
                           sizeof(reason))) {
            qr_snprintf(why, why_size, "boot option %s: %s", name[i], reason);
            return -QR_EINVAL;
        }
        qr_fault_set(&q->faults, (enum quarry_fault_point)i, &spec);
    }
    return 0;
}

static void boot_zone_options(struct qr_zones *zones, const struct qr_options *options)
{
    zones->min_free_kbytes = options->min_free_kbytes;
    zones->watermark_scale_factor = (u32)options->watermark_scale_factor;
    zones->reserve_for_reclaim_pages = options->reserve_for_reclaim_pages;
    zones->init_on_alloc = options->init_on_alloc;
    zones->init_on_free = options->init_on_free;
    zones->poison = options->page_poison;
    for (unsigned int i = 0; i < MAX_NR_ZONES; i++)
        zones->lowmem_ratio[i] = (u32)options->lowmem_ratio[i];
}

/* The layers above the page allocator. */
static int boot_upper(struct quarry *q, const struct qp_machine *machine,
                      const struct qr_options *options, char *why, size_t why_size)
{
    int error;

    q->slabs.init_on_alloc = options->init_on_alloc;
    q->slabs.init_on_free = options->init_on_free;
    if (QR_CHECKS && options->slab_debug_given) {
        error = qr_slabs_debug_option(&q->slabs, options->slab_debug);
        if (error) {
            qr_snprintf(why, why_size, "boot option slab_debug: bad value \"%s\"",
                        options->slab_debug);
            return error;
        }
    }
    error = qr_slabs_init(&q->slabs, why, why_size);
    if (error)
        return error;
    error = qr_kmalloc_init(&q->kmalloc, machine, why, why_size);
    if (error)
        return error;
    q->vm.cached.limit =
        options->vmalloc_cache == ~0ull ? ~0ul : (unsigned long)options->vmalloc_cache;
    error = qr_vm_init(&q->vm, machine, why, why_size);
    if (error)
        return error;
    error = qr_kmaps_init(&q->kmaps, machine, why, why_size);
    if (error)
        return error;
    error = qr_percpu_init(&q->percpu, why, why_size);
    if (error)
        return error;
    return qr_dma_init(&q->dma, why, why_size);
}

/* A fault point was armed or disarmed: who asks only while it is armed must know. */
static void boot_faults_changed(void *data, enum quarry_fault_point which)
{
    struct quarry *q = data;

    if (which == QUARRY_FAIL_PAGE_ALLOC)
        qr_zones_update_hooks(&q->zones);
    else if (which == QUARRY_FAILSLAB)
        qr_slabs_update_hooks(&q->slabs);
}

/* Pointers between the layers; no work. */
static void boot_wire(struct quarry *q, const struct qp_machine *machine)
{
    q->machine = *machine;
    q->machine.regions = NULL;
    q->machine.nr_regions = 0;
    q->machine.options = NULL;
    q->cpus.nr_max = machine->nr_cpus;
    q->cpus.none = &qr_cpu_none;
    q->cpus.online = boot_cpu_online;
    q->cpus.offline = boot_cpu_offline;
    q->zones.map = &q->map;
    q->zones.check = &q->check;
    q->zones.faults = &q->faults;
    q->zones.cpus = &q->cpus;
    q->faults.changed = boot_faults_changed;
    q->faults.changed_data = q;
    q->grace.check = &q->check;
    q->grace.cpus = &q->cpus;
    q->grace.reclaim = &q->reclaim;
    q->slabs.zones = &q->zones;
    q->slabs.grace = &q->grace;
    q->slabs.reclaim = &q->reclaim;
    q->slabs.check = &q->check;
    q->slabs.faults = &q->faults;
    q->slabs.cpus = &q->cpus;
    q->slabs.guards = &q->guards;
    q->guards.check = &q->check;
    q->check.watched = machine->watched;
    q->check.block = machine->block;
    q->guards.offset = machine->offset;
    q->kmalloc.slabs = &q->slabs;
    q->kmalloc.zones = &q->zones;
    q->kmalloc.check = &q->check;
    q->vm.kmalloc = &q->kmalloc;
    q->vm.zones = &q->zones;
    q->vm.reclaim = &q->reclaim;
    q->vm.grace = &q->grace;
    q->vm.check = &q->check;
    q->vm.faults = &q->faults;
    q->leaks.zones = &q->zones;
    q->leaks.slabs = &q->slabs;
    q->leaks.vm = &q->vm;
    q->leaks.check = &q->check;
    q->kmaps.zones = &q->zones;
    q->kmaps.check = &q->check;
    q->dma.vm = &q->vm;
    q->dma.kmaps = &q->kmaps;
    q->dma.zones = &q->zones;
    q->dma.slabs = &q->slabs;
    q->dma.check = &q->check;
    q->percpu.vm = &q->vm;
    q->percpu.zones = &q->zones;
    q->percpu.slabs = &q->slabs;
    q->percpu.check = &q->check;
    q->percpu.cpus = &q->cpus;
}

/* Nothing of the machine remains but what was told before the boot: the hooks of tools, and where static
 * per-CPU variables lie. `booted` is not touched:
 * other threads read it, waiting for this very boot. */
static void boot_clear(struct quarry *q)
{
    quarry_report_fn hook = q->check.hook;
    struct qr_percpu percpu = q->percpu;
    quarry_symbol_fn symbol = q->check.symbol;
    void *data = q->check.hook_data, *symbol_data = q->check.symbol_data;

    qr_percpu_clear(&percpu);
    memset(&q->map, 0, sizeof(*q) - offsetof(struct quarry, map));
    q->cpus = (struct qr_cpus){.none = &qr_cpu_none};
    q->check.hook = hook;
    q->check.hook_data = data;
    q->percpu = percpu;
    q->check.symbol = symbol;
    q->check.symbol_data = symbol_data;
}

static int boot_layers(struct quarry *q, const struct qp_machine *machine, char *why,
                       size_t why_size)
{
    struct qr_options options;
    int error = qr_options_parse(&options, machine->options, why, why_size);

    if (!error && machine->nr_cpus == 0) {
        qr_snprintf(why, why_size, "a machine needs at least one CPU");
        error = -QR_EINVAL;
    }
    if (!error && !QR_CHECKS && (QP_OBSERVED() || machine->watched)) {
        qr_snprintf(
            why, why_size,
            "a detector (AddressSanitizer, ThreadSanitizer, memcheck) watches this program, and "
            "this library was built without checks, which tell it what is allocated: build "
            "without -DQUARRY_NO_CHECKS (CMake: QUARRY_CHECKS=ON)");
        error = -QR_EINVAL;
    }
    if (error)
        return error;
    boot_wire(q, machine);
    q->check.level = (unsigned int)options.check;
    error = qr_map_init(&q->map, machine, why, why_size);
    if (!error)
        error = boot_carve(q, machine, &options, why, why_size);
    if (error)
        return error;
    boot_zone_options(&q->zones, &options);
    error = qr_zones_init(&q->zones, machine, why, why_size);
    if (error)
        return error;
    qr_reclaim_init(&q->reclaim, &q->zones, &q->check);
    qr_grace_init(&q->grace, machine->grace);
    error = boot_upper(q, machine, &options, why, why_size);
    if (error)
        return error;
    boot_cpu_init(q, q->boot_cpu, 0);
    q->cpus.area[0] = q->boot_cpu;
    return QR_CHECKS ? boot_faults(q, &options, why, why_size) : 0;
}

int qr_boot(struct quarry *q, const struct qp_machine *machine, char *why, size_t why_size)
{
    int error;

    QR_ASSERT(!q->booted);
    error = boot_layers(q, machine, why, why_size);
    if (error) {
        boot_clear(q);
        return error;
    }
    qr_reclaim_start(&q->reclaim);
    if (QR_CHECKS)
        qr_guards_start(&q->guards);
    __atomic_store_n(&q->booted, 1, __ATOMIC_RELEASE);
    return 0;
}

void qr_shutdown(struct quarry *q)
{
    if (!q->booted)
        return;
    if (QR_CHECKS)
        qr_guards_stop(&q->guards);
    qr_reclaim_stop(&q->reclaim);
    __atomic_store_n(&q->booted, 0, __ATOMIC_RELEASE);
    boot_clear(q);
}

bool qr_guard_fault(struct quarry *q, const void *address, enum qr_access access,
                    const struct quarry_trace *now)
{
    return QR_CHECKS && qr_guard_hit(&q->guards, address, access, now);
}
