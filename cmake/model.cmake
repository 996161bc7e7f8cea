# SPDX-License-Identifier: MIT
# The model of the contract (tests/model) and the program that compares it with the core.
file(GLOB QUARRY_MODEL_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/model/*.c)
list(FILTER QUARRY_MODEL_SOURCES EXCLUDE REGEX "/planted\\.c$")

add_executable(quarry-model ${QUARRY_MODEL_SOURCES})
target_link_libraries(quarry-model PRIVATE quarry-sim)
target_compile_options(quarry-model PRIVATE -O2)
add_dependencies(quarry-tests quarry-model)
add_test(NAME model_test COMMAND quarry-model --steps 10000000)
set_tests_properties(model_test PROPERTIES LABELS script)
