/* SPDX-License-Identifier: MIT */
/* A C++17 program: every form of the calls that in C are told apart by counting arguments, a cache behind
 * an allocator for the standard library, objects constructed in cache memory. Exit 0: no finding. */
#include <quarry/quarry.h>

#include <linux/types.h>
#include <sys/user.h>

#include <cstdio>
#include <memory>
#include <new>
#include <vector>

namespace {

template <typename T> struct allocator {
    using value_type = T;
    allocator() = default;
    template <typename U> allocator(const allocator<U> &) {}
    T *allocate(std::size_t n)
    {
        void *memory = kvmalloc_array(n, sizeof(T), GFP_KERNEL);
        if (!memory)
            throw std::bad_alloc();
        return static_cast<T *>(memory);
    }
    void deallocate(T *memory, std::size_t) { kvfree(memory); }
    template <typename U> bool operator==(const allocator<U> &) const { return true; }
    template <typename U> bool operator!=(const allocator<U> &) const { return false; }
};

struct session {
    int fd = -1;
    char user[40] = "nobody";
};

void old_constructor(void *object, struct kmem_cache *, unsigned long) { static_cast<char *>(object)[0] = 'c'; }

} // namespace

int main()
{
    struct kmem_cache_args args = {};
    args.align = 64;
    struct kmem_cache *now = kmem_cache_create("now", sizeof(session), &args, 0);
    struct kmem_cache *then = kmem_cache_create("then", sizeof(session), 0, SLAB_HWCACHE_ALIGN, nullptr);
    struct kmem_cache *long_ago = kmem_cache_create("long_ago", 64, 0, 0, old_constructor, nullptr);
    struct kmem_cache *by_type = KMEM_CACHE(session, 0);

    session *s = new (kmem_cache_alloc(now, GFP_KERNEL)) session;
    char *old = static_cast<char *>(kmem_cache_alloc(long_ago, GFP_KERNEL));
    if (s->fd != -1 || old[0] != 'c')
        return 1;
    s->~session();
    kmem_cache_free(now, s);
    kmem_cache_free(long_ago, old);
    for (struct kmem_cache *cache : {now, then, long_ago, by_type})
        kmem_cache_destroy(cache);

    {
        std::vector<long, allocator<long>> numbers;
        for (long i = 0; i < 100000; i++)
            numbers.push_back(i);
        if (numbers[99999] != 99999)
            return 2;
    }
    void *area = __vmalloc(10000, GFP_KERNEL);
    area = kvrealloc(area, 20000, GFP_KERNEL);
    area = kvrealloc(area, 20000, 30000, GFP_KERNEL);
    kvfree(area);
    if (PAGE_SIZE != 4096 || ZERO_OR_NULL_PTR(&args))
        return 3;
    std::printf("quarry %s from C++\n", quarry_version());
    return quarry_findings(QUARRY_FINDING_KINDS) ? 4 : 0;
}
