/* SPDX-License-Identifier: MIT */
/* Which sanitizer a test is built with: for what a sanitizer itself cannot stand. */
#ifndef TEST_SANITIZER_H
#define TEST_SANITIZER_H

#ifndef __has_feature
#define __has_feature(x) 0
#endif

#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define TEST_THREAD_SANITIZER 1
#else
#define TEST_THREAD_SANITIZER 0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define TEST_ADDRESS_SANITIZER 1
#else
#define TEST_ADDRESS_SANITIZER 0
#endif

#endif
