# SPDX-License-Identifier: MIT
# One program per *_test.c, linked with the core's objects so that it reaches inside. Tests of a layer
# lie beside it in src/<layer>/test, of the files that know all of them in src/test; those across layers
# in tests/.
find_package(PkgConfig REQUIRED)
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
add_library(quarry-test-support STATIC ${PROJECT_SOURCE_DIR}/tests/support/machine.c)
target_include_directories(quarry-test-support PUBLIC ${PROJECT_SOURCE_DIR}/tests/support
  ${PROJECT_SOURCE_DIR}/src ${QUARRY_INCLUDE} ${PROJECT_SOURCE_DIR}/ports/${QUARRY_PORT})
target_compile_definitions(quarry-test-support PUBLIC QUARRY_BUILDING_CORE)
target_link_libraries(quarry-test-support PUBLIC quarry-static)

file(GLOB QUARRY_UNIT_TESTS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/test/*_test.c
  ${PROJECT_SOURCE_DIR}/src/*/test/*_test.c)
file(GLOB_RECURSE QUARRY_CROSS_TESTS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/*_test.c)
list(FILTER QUARRY_CROSS_TESTS EXCLUDE REGEX "/tests/(sim|model)/")
add_custom_target(quarry-tests) # all test programs, nothing else
if(TARGET quarry-symbols)       # but what names functions in reports
  add_dependencies(quarry-tests quarry-symbols)
endif()
foreach(source ${QUARRY_UNIT_TESTS} ${QUARRY_CROSS_TESTS})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  if(name MATCHES "^compat_") # sees the headers of compat/linux, not the core's inside
    target_sources(${name} PRIVATE $<TARGET_OBJECTS:quarry-linux> $<TARGET_OBJECTS:quarry-core>
      $<TARGET_OBJECTS:quarry-port>)
    target_link_libraries(${name} PRIVATE quarry-linux-headers Threads::Threads ${CMAKE_DL_LIBS}
      PkgConfig::CMOCKA)
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support)
    set_target_properties(${name} PROPERTIES ENABLE_EXPORTS ON) # modules find the functions there
    target_compile_definitions(${name} PRIVATE QUARRY_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
      QUARRY_COMPILER="${CMAKE_C_COMPILER}" QUARRY_SANITIZE="${QUARRY_SANITIZE}")
  else()
    target_link_libraries(${name} PRIVATE quarry-test-support PkgConfig::CMOCKA)
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS program)
  add_dependencies(quarry-tests ${name})
endforeach()
target_sources(weak_test PRIVATE ${PROJECT_SOURCE_DIR}/tests/weak/weak.c)
# Tests that stand between the core and one duty of the port, to count its calls and to make it fail.
target_link_options(vm_failure_test PRIVATE -Wl,--wrap=qp_map)
target_link_options(mappings_test PRIVATE
  -Wl,--wrap=qp_map,--wrap=qp_unmap,--wrap=qp_flush)
target_link_options(guard_pages_test PRIVATE
  -Wl,--wrap=qp_map,--wrap=qp_unmap,--wrap=qp_flush)
target_link_options(pool_line_test PRIVATE -Wl,--wrap=qp_wait)
target_link_options(pool_exact_test PRIVATE -Wl,--wrap=qp_wait)
target_link_options(grace_steps_test PRIVATE -Wl,--wrap=qp_wait,--wrap=qp_now_ns)
target_link_options(guard_exact_test PRIVATE
  -Wl,--wrap=qp_start_worker,--wrap=qp_wait,--wrap=qp_now_ns)
target_link_options(kmap_wait_test PRIVATE -Wl,--wrap=qp_wait)
target_link_options(watched_machine_test PRIVATE
  -Wl,--wrap=qp_hand_over_observed,--wrap=qp_take_over_observed)

if(NOT QUARRY_SANITIZE MATCHES thread AND NOT QUARRY_ONE_FILE)
  include(cmake/sim.cmake)
  include(cmake/model.cmake)
endif()
include(cmake/fuzz.cmake)
include(cmake/script_tests.cmake)
