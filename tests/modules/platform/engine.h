/* SPDX-License-Identifier: MIT */
/* The engine's registers. */
#ifndef ENGINE_H
#define ENGINE_H

#define ENGINE_ID 0x00
#define ENGINE_MAGIC 0xadd5u
#define ENGINE_CONTROL 0x04
#define ENGINE_START 1u
#define ENGINE_STATUS 0x08
#define ENGINE_DONE 1u
#define ENGINE_ADDRESS 0x0c
#define ENGINE_LENGTH 0x10
#define ENGINE_SUM 0x14
#define ENGINE_SIZE 0x20
#define ENGINE_BUFFER 4096

#endif
