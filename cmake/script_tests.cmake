# SPDX-License-Identifier: MIT
# Tests that are scripts: tests/*_test.sh, with the build folder in QUARRY_BUILD and the source folder in
# QUARRY_SOURCE; exit 77 means "skipped, and why". They carry the label "script": the builds that such a
# script makes run the programs only (ctest -L program). Scripts with a line "# Lock: NAME" do not run at
# the same time as others with the same line.
file(GLOB QUARRY_SCRIPT_TESTS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/*_test.sh)
foreach(script ${QUARRY_SCRIPT_TESTS})
  get_filename_component(name ${script} NAME_WE)
  add_test(NAME ${name} COMMAND sh ${script})
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77 LABELS script ENVIRONMENT
    "QUARRY_BUILD=${PROJECT_BINARY_DIR};QUARRY_SOURCE=${PROJECT_SOURCE_DIR}")
  file(STRINGS ${script} lock LIMIT_COUNT 1 REGEX "^# Lock: [a-z]+$")
  if(lock)
    string(REPLACE "# Lock: " "" lock ${lock})
    set_tests_properties(${name} PROPERTIES RESOURCE_LOCK ${lock})
  endif()
endforeach()
