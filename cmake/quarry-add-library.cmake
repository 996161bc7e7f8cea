# SPDX-License-Identifier: MIT
# quarry_add_library(NAME PORT_DIR folder [OPTIONS option...])
#
# A static library NAME: Quarry's core with the port in `folder` (its quarry_port.h and *.c files).
# OPTIONS are compiler options for both, such as -ffreestanding -mgeneral-regs-only; what the target
# links or defines besides is set with CMake's own commands. A duty of include/quarry/port.h that the
# port does not supply fails the build, by name.
#
# Whoever includes this file sets QUARRY_CORE_SOURCES and QUARRY_INCLUDE.
include(CheckCCompilerFlag)
set(QUARRY_ADD_LIBRARY_SOURCES ${QUARRY_CORE_SOURCES})
set(QUARRY_ADD_LIBRARY_INCLUDE ${QUARRY_INCLUDE})
set(QUARRY_ADD_LIBRARY_DIR ${CMAKE_CURRENT_LIST_DIR})
foreach(variable SOURCES INCLUDE DIR) # functions are called from other folders, which do not see them
  set_property(GLOBAL PROPERTY QUARRY_ADD_LIBRARY_${variable} ${QUARRY_ADD_LIBRARY_${variable}})
endforeach()

function(quarry_add_library name)
  cmake_parse_arguments(ARG "" "PORT_DIR" "OPTIONS" ${ARGN})
  if(NOT ARG_PORT_DIR OR ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "quarry_add_library(NAME PORT_DIR folder [OPTIONS option...]): got \"${name} ${ARGN}\"")
  endif()
  get_filename_component(port ${ARG_PORT_DIR} ABSOLUTE)
  if(NOT EXISTS ${port}/quarry_port.h)
    message(FATAL_ERROR "quarry_add_library(${name}): ${port} is not a port: it has no quarry_port.h. "
      "Begin with a copy of ports/template.")
  endif()
  foreach(variable SOURCES INCLUDE DIR)
    get_property(${variable} GLOBAL PROPERTY QUARRY_ADD_LIBRARY_${variable})
  endforeach()
  file(GLOB files CONFIGURE_DEPENDS ${port}/*.c ${port}/*.S)
  add_library(${name} STATIC ${SOURCES} ${files})
  target_include_directories(${name} PUBLIC ${INCLUDE} PRIVATE ${port})
  target_compile_definitions(${name} PRIVATE QUARRY_BUILDING_CORE)
  if(DEFINED QUARRY_CHECKS AND NOT QUARRY_CHECKS)
    target_compile_definitions(${name} PRIVATE QUARRY_NO_CHECKS)
  endif()
  target_compile_options(${name} PRIVATE ${ARG_OPTIONS} -fno-common -fno-omit-frame-pointer
    -fno-optimize-sibling-calls)
  if("-ffreestanding" IN_LIST ARG_OPTIONS)
    # gcc for aarch64 would call helpers that ask libc which atomic instructions there are.
    check_c_compiler_flag(-mno-outline-atomics QUARRY_HAS_OUTLINE_ATOMICS)
    target_compile_options(${name} PRIVATE $<$<BOOL:${QUARRY_HAS_OUTLINE_ATOMICS}>:-mno-outline-atomics>)
  endif()
  set_target_properties(${name} PROPERTIES C_STANDARD 11 C_EXTENSIONS ON)
  add_custom_command(TARGET ${name} POST_BUILD VERBATIM
    COMMAND ${CMAKE_COMMAND} -DNM=${CMAKE_NM} -DLIBRARY=$<TARGET_FILE:${name}> -DPORT=${port}
      -P ${DIR}/quarry-check-port.cmake)
endfunction()
