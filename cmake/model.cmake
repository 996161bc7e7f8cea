# SPDX-License-Identifier: MIT
# The model of the contract (tests/model), the program that compares it with the core, and a test in which
# the core is broken on purpose.
file(GLOB QUARRY_MODEL_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/model/*.c)
list(FILTER QUARRY_MODEL_SOURCES EXCLUDE REGEX "/(main|planted_test)\\.c$")

foreach(name quarry-model model_planted_test)
  add_executable(${name} ${QUARRY_MODEL_SOURCES})
  target_link_libraries(${name} PRIVATE quarry-sim)
  target_compile_options(${name} PRIVATE -O2)
  add_dependencies(quarry-tests ${name})
endforeach()
target_sources(quarry-model PRIVATE ${PROJECT_SOURCE_DIR}/tests/model/main.c)
add_test(NAME model_test COMMAND quarry-model --steps 10000000)
set_tests_properties(model_test PROPERTIES LABELS script)

target_sources(model_planted_test PRIVATE ${PROJECT_SOURCE_DIR}/tests/model/planted_test.c)
target_link_libraries(model_planted_test PRIVATE PkgConfig::CMOCKA)
foreach(function qr_zone_take qr_pcp_drain_zone qr_request_floor_low qr_frames_release qr_buddy_put qr_block_out qr_node_take
    qr_slab_grow qr_krealloc qr_vfree qr_kvfree_rcu qr_dma_map_single qr_genpool_alloc kfree)
  target_link_options(model_planted_test PRIVATE -Wl,--wrap=${function})
endforeach()
if(NOT QUARRY_SANITIZE) # the planted bugs do what a sanitizer ends the program for
  add_test(NAME model_planted_test COMMAND model_planted_test)
  set_tests_properties(model_planted_test PROPERTIES LABELS program)
endif()
