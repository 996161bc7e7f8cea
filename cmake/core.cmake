# SPDX-License-Identifier: MIT
# The core (freestanding) with one port, as objects; then as a static and a shared library.
file(GLOB_RECURSE QUARRY_CORE_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/*.c)
list(FILTER QUARRY_CORE_SOURCES EXCLUDE REGEX "/test/")
file(GLOB QUARRY_PORT_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/ports/${QUARRY_PORT}/*.c)

add_library(quarry-core OBJECT ${QUARRY_CORE_SOURCES})
target_include_directories(quarry-core PUBLIC ${PROJECT_SOURCE_DIR}/include
  ${PROJECT_SOURCE_DIR}/ports/${QUARRY_PORT} PRIVATE ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(quarry-core PRIVATE QUARRY_BUILDING_CORE)
# initial-exec: this CPU's data is one load from the thread pointer, also in the shared library.
# no-optimize-sibling-calls: public functions stay on the stack, where backtraces look for them.
# asynchronous-unwind-tables: backtraces pass through the core (clang leaves them out of freestanding code).
target_compile_options(quarry-core PRIVATE -ffreestanding -fvisibility=hidden -ftls-model=initial-exec
  -fno-optimize-sibling-calls -fasynchronous-unwind-tables)
set_target_properties(quarry-core PROPERTIES POSITION_INDEPENDENT_CODE ON)

add_library(quarry-port OBJECT ${QUARRY_PORT_SOURCES})
target_include_directories(quarry-port PUBLIC ${PROJECT_SOURCE_DIR}/include
  ${PROJECT_SOURCE_DIR}/ports/${QUARRY_PORT} PRIVATE ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(quarry-port PRIVATE QUARRY_BUILDING_CORE)
target_compile_options(quarry-port PRIVATE -fvisibility=hidden -ftls-model=initial-exec
  -fno-optimize-sibling-calls)
set_target_properties(quarry-port PROPERTIES POSITION_INDEPENDENT_CODE ON)
