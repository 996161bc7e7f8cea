# SPDX-License-Identifier: MIT
# The programs of tests/fuzz. Each build has them with the plain main() of replay.c, which gives them the kept
# inputs; with QUARRY_FUZZ (make fuzz: clang or afl-clang-fast) they have the fuzzer's own.
option(QUARRY_FUZZ "Link the programs of tests/fuzz with a fuzzer" OFF)
add_custom_target(fuzz)

function(quarry_fuzz name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
  set(program fuzz-${name})
  add_executable(${program} ${PROJECT_SOURCE_DIR}/tests/fuzz/${name}.c ${ARG_SOURCES})
  target_link_libraries(${program} PRIVATE ${ARG_LIBRARIES})
  target_compile_definitions(${program} PRIVATE _GNU_SOURCE)
  add_dependencies(fuzz ${program})
  if(QUARRY_FUZZ)
    target_link_options(${program} PRIVATE -fsanitize=fuzzer)
    return()
  endif()
  target_sources(${program} PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.c)
  add_dependencies(quarry-tests ${program})
  add_test(NAME fuzz_${name}_test COMMAND ${program} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
  set_tests_properties(fuzz_${name}_test PROPERTIES LABELS program)
endfunction()

add_library(quarry-fuzz-core INTERFACE)
target_include_directories(quarry-fuzz-core INTERFACE ${PROJECT_SOURCE_DIR}/src ${QUARRY_INCLUDE}
  ${PROJECT_SOURCE_DIR}/ports/${QUARRY_PORT})
target_compile_definitions(quarry-fuzz-core INTERFACE QUARRY_BUILDING_CORE)
target_link_libraries(quarry-fuzz-core INTERFACE quarry-static)

quarry_fuzz(arena LIBRARIES quarry-fuzz-core)
quarry_fuzz(memory_map LIBRARIES quarry-fuzz-core)
quarry_fuzz(options LIBRARIES quarry-fuzz-core)

# Parts of the command, which end the program when they refuse: here they come back.
set(cli ${PROJECT_SOURCE_DIR}/cli)
add_library(quarry-fuzz-explain OBJECT ${cli}/explain.c)
target_compile_definitions(quarry-fuzz-explain PRIVATE cli_die=fuzz_end cli_read_file=fuzz_read)
add_library(quarry-fuzz-words OBJECT ${cli}/options.c ${cli}/start.c)
target_compile_definitions(quarry-fuzz-words PRIVATE cli_die=fuzz_end exit=fuzz_exit strndup=fuzz_strndup)
foreach(part explain words)
  target_include_directories(quarry-fuzz-${part} PRIVATE ${QUARRY_INCLUDE})
  target_compile_definitions(quarry-fuzz-${part} PRIVATE _GNU_SOURCE)
endforeach()
add_library(quarry-fuzz-cli INTERFACE)
target_include_directories(quarry-fuzz-cli INTERFACE ${cli} ${QUARRY_INCLUDE})
target_link_libraries(quarry-fuzz-cli INTERFACE quarry-static)
quarry_fuzz(explain LIBRARIES quarry-fuzz-cli SOURCES $<TARGET_OBJECTS:quarry-fuzz-explain>
  ${cli}/kernel_log.c ${cli}/slabinfo.c ${cli}/zones.c ${cli}/say.c)
quarry_fuzz(run_options LIBRARIES quarry-fuzz-cli SOURCES $<TARGET_OBJECTS:quarry-fuzz-words>
  ${cli}/zones.c ${cli}/say.c)

# Programs of operations: the model with its draws from the input. It has the simulated port.
if(TARGET quarry-sim)
  set(QUARRY_FUZZ_MODEL ${QUARRY_MODEL_SOURCES})
  list(FILTER QUARRY_FUZZ_MODEL EXCLUDE REGEX "/main\\.c$")
  add_library(quarry-fuzz-model OBJECT ${QUARRY_FUZZ_MODEL})
  target_compile_definitions(quarry-fuzz-model PRIVATE sim_random=fuzz_random)
  target_compile_options(quarry-fuzz-model PRIVATE -O2)
  target_link_libraries(quarry-fuzz-model PUBLIC quarry-sim)
  target_include_directories(quarry-fuzz-model PUBLIC ${PROJECT_SOURCE_DIR}/tests/model)
  quarry_fuzz(operations LIBRARIES quarry-fuzz-model)
endif()
