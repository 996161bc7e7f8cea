#!/bin/sh
# SPDX-License-Identifier: MIT
# A platform driver as it is written for hardware: registers, an interrupt, DMA, and the subsystems that Quarry does
# not have. A second module plays the hardware.
# shellcheck disable=SC2016 # variables in single quotes are for the shell that COMMAND runs
set -u
. "${QUARRY_SOURCE:?}/tests/support/cli.sh"
need_fuse
cd "$QUARRY_SOURCE/tests/modules/platform" || exit 1
site() { # file, mark
    echo "$1.c:$(grep -n "/\* site: $2 \*/" "$1.c" | cut -d : -f 1)"
}

expect 0 "the engine adds up" "$QUARRY" run board.c + engine.c -- sh -euc '
    printf abc >$QUARRY_ROOT/dev/engine
    [ "$(head -n 1 $QUARRY_ROOT/dev/engine)" = 294 ]
    [ -e $QUARRY_ROOT/sys/devices/platform/engine ]'
says "0 leaks, no other findings"
silent_about "warning"
expect 0 "the driver first, without its device" "$QUARRY" run --no-mount --quiet engine.c
expect 1 "registers that stay mapped" "$QUARRY" run --no-mount --quiet -D FORGET_IOUNMAP board.c + engine.c
says "mapping of registers 0xfe000000000-0xfe00000001f.*iounmap"
says "$(site engine ioremap)"
expect 1 "memory of the device that stays" "$QUARRY" run --no-mount --quiet -D FORGET_DMA board.c + engine.c
says "$(site engine dma)"
expect 1 "registers where RAM is" "$QUARRY" run --no-mount --quiet -D BOARD_REGISTERS=0x1000000 board.c
says "ioremap of 32 bytes at 0x1000000, which is RAM"
says "$(site board board)"
expect 1 "an access after iounmap" "$QUARRY" run --no-mount --quiet -D USE_AFTER_UNMAP board.c
says "crash: SIGSEGV.*$(site board after)"
finish
