/* SPDX-License-Identifier: MIT */
/* The port's calls for page tables, where a test is linked through wrappers (-Wl,--wrap) to see them. */
#ifndef TEST_WRAPPED_PORT_H
#define TEST_WRAPPED_PORT_H

#include <quarry/port.h>

int __real_qp_map(uintptr_t offset, void *virt, phys_addr_t phys, size_t nr);
void __real_qp_unmap(uintptr_t offset, void *virt, size_t nr);
void __real_qp_flush(uintptr_t offset, void *virt, size_t nr);
int __wrap_qp_map(uintptr_t offset, void *virt, phys_addr_t phys, size_t nr);
void __wrap_qp_unmap(uintptr_t offset, void *virt, size_t nr);
void __wrap_qp_flush(uintptr_t offset, void *virt, size_t nr);

#endif
