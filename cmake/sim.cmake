# SPDX-License-Identifier: MIT
# The core on simulated machines (ports/sim), twice: as it is, and with every access to memory a point
# at which the scheduler may act; the latter by gcc and without a sanitizer, whose place it takes (counters
# of coverage are points, too). Only tests and tools link these.
file(GLOB QUARRY_SIM_PORT CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/ports/sim/*.c)
list(FILTER QUARRY_SIM_PORT EXCLUDE REGEX "/access\\.c$")

# Where branches are counted each must be the source's own: none that the compiler made or left out.
set(QUARRY_SIM_SPEED -O2)
if(CMAKE_C_FLAGS MATCHES "--coverage")
  set(QUARRY_SIM_SPEED -O0)
endif()

function(quarry_sim_library name)
  cmake_parse_arguments(ARG "" "" "CORE_OPTIONS;PORT_SOURCES" ${ARGN})
  add_library(${name}-core OBJECT ${QUARRY_CORE_SOURCES})
  target_compile_options(${name}-core PRIVATE -ffreestanding -fasynchronous-unwind-tables ${QUARRY_SIM_SPEED}
    ${ARG_CORE_OPTIONS})
  add_library(${name} STATIC ${QUARRY_SIM_PORT} ${ARG_PORT_SOURCES} $<TARGET_OBJECTS:${name}-core>)
  target_compile_options(${name} PRIVATE -O2)
  foreach(target ${name}-core ${name})
    target_include_directories(${target} PUBLIC ${QUARRY_INCLUDE} ${PROJECT_SOURCE_DIR}/ports/sim
      ${PROJECT_SOURCE_DIR}/src)
    target_compile_definitions(${target} PUBLIC QUARRY_BUILDING_CORE)
    target_compile_options(${target} PRIVATE -fno-omit-frame-pointer -fno-optimize-sibling-calls)
  endforeach()
  target_link_libraries(${name} PUBLIC ${CMAKE_DL_LIBS})
  target_link_options(${name} PUBLIC -rdynamic) # reports name functions
endfunction()

set(QUARRY_SIM_KINDS "-plain")
quarry_sim_library(quarry-sim)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND NOT QUARRY_SANITIZE)
  list(APPEND QUARRY_SIM_KINDS "-preempt")
  quarry_sim_library(quarry-sim-preempt CORE_OPTIONS -fsanitize=thread
    PORT_SOURCES ${PROJECT_SOURCE_DIR}/ports/sim/access.c)
endif()

# Tests on simulated machines, each with both; the large machine has a million operations, enough for one.
file(GLOB QUARRY_SIM_TESTS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/sim/*_test.c)
foreach(source ${QUARRY_SIM_TESTS})
  get_filename_component(name ${source} NAME_WE)
  foreach(kind ${QUARRY_SIM_KINDS})
    string(REPLACE "-plain" "" kind "${kind}")
    if(kind AND name STREQUAL "large_test")
      continue()
    endif()
    add_executable(${name}${kind} ${source})
    target_link_libraries(${name}${kind} PRIVATE quarry-sim${kind} PkgConfig::CMOCKA)
    add_test(NAME ${name}${kind} COMMAND ${name}${kind})
    # It counts accesses to memory: with counters of coverage these are not the core's alone.
    if(NOT kind OR NOT name STREQUAL "steps_test" OR NOT CMAKE_C_FLAGS MATCHES "--coverage")
      set_tests_properties(${name}${kind} PROPERTIES LABELS program)
    endif()
    add_dependencies(quarry-tests ${name}${kind})
  endforeach()
endforeach()

# Counted steps: each lock that is taken passes by the test.
foreach(kind ${QUARRY_SIM_KINDS})
  string(REPLACE "-plain" "" kind "${kind}")
  target_link_options(steps_test${kind} PRIVATE -Wl,--wrap=sim_lock)
endforeach()
# Tasks that find themselves on another CPU after a section, or what they want taken after a lock.
foreach(kind ${QUARRY_SIM_KINDS})
  string(REPLACE "-plain" "" kind "${kind}")
  target_link_options(moving_test${kind} PRIVATE -Wl,--wrap=sim_enable,--wrap=sim_unlock)
endforeach()
# Every schedule: the test chooses in place of a strategy, and can have a lock not taken.
foreach(kind ${QUARRY_SIM_KINDS})
  string(REPLACE "-plain" "" kind "${kind}")
  target_link_options(small_test${kind} PRIVATE -Wl,--wrap=sim_strategy_gap,--wrap=sim_strategy_act
    -Wl,--wrap=sim_strategy_choose,--wrap=sim_look,--wrap=sim_spin,--wrap=sim_lock,--wrap=sim_unlock)
endforeach()

# quarry-prove: random programs under many schedules (tests/prove).
file(GLOB QUARRY_PROVE_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/prove/*.c)
foreach(kind ${QUARRY_SIM_KINDS})
  string(REPLACE "-plain" "" kind "${kind}")
  add_executable(quarry-prove${kind} ${QUARRY_PROVE_SOURCES})
  target_compile_options(quarry-prove${kind} PRIVATE -O2)
  target_link_libraries(quarry-prove${kind} PRIVATE quarry-sim${kind})
  add_dependencies(quarry-tests quarry-prove${kind})
endforeach()
