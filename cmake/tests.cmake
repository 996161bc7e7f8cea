# SPDX-License-Identifier: MIT
# One program per *_test.c, linked with the core's objects so that it reaches inside. Tests of a layer
# lie beside it in src/<layer>/test; those across layers in tests/. Scripts are tests/*.sh with the
# build folder in QUARRY_BUILD and the source folder in QUARRY_SOURCE; exit 77 means "skipped, and why".
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
add_library(quarry-test-support STATIC ${PROJECT_SOURCE_DIR}/tests/support/machine.c)
target_include_directories(quarry-test-support PUBLIC ${PROJECT_SOURCE_DIR}/tests/support
  ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/ports/${QUARRY_PORT})
target_compile_definitions(quarry-test-support PUBLIC QUARRY_BUILDING_CORE)
target_link_libraries(quarry-test-support PUBLIC quarry-static)

file(GLOB QUARRY_UNIT_TESTS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/*/test/*_test.c)
file(GLOB_RECURSE QUARRY_CROSS_TESTS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/*_test.c)
foreach(source ${QUARRY_UNIT_TESTS} ${QUARRY_CROSS_TESTS})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE quarry-test-support PkgConfig::CMOCKA)
  add_test(NAME ${name} COMMAND ${name})
endforeach()

file(GLOB QUARRY_SCRIPT_TESTS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/*_test.sh)
foreach(script ${QUARRY_SCRIPT_TESTS})
  get_filename_component(name ${script} NAME_WE)
  add_test(NAME ${name} COMMAND sh ${script})
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77 ENVIRONMENT
    "QUARRY_BUILD=${PROJECT_BINARY_DIR};QUARRY_SOURCE=${PROJECT_SOURCE_DIR}")
endforeach()
