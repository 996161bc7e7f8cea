# SPDX-License-Identifier: MIT
# The core (freestanding) with one port, as objects; the libraries are made of them.
file(GLOB_RECURSE QUARRY_CORE_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/*.c)
list(FILTER QUARRY_CORE_SOURCES EXCLUDE REGEX "/test/")
file(GLOB QUARRY_PORT_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/ports/${QUARRY_PORT}/*.c)
file(GLOB QUARRY_PUBLIC_HEADERS CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/quarry/*.h)
set(QUARRY_INCLUDE ${PROJECT_SOURCE_DIR}/include)
set(QUARRY_PORT_DIR ${PROJECT_SOURCE_DIR}/ports/${QUARRY_PORT})
set(QUARRY_INSIDE) # options that only the library's own sources need
include(${CMAKE_CURRENT_LIST_DIR}/quarry-add-library.cmake)
if(QUARRY_PORT STREQUAL none)
  return() # nothing but quarry_add_library()
endif()

# Files that are made from the sources are made anew when one of those has changed.
function(quarry_made_from)
  set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${ARGN})
endfunction()
function(quarry_make_files)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "failed: ${ARGN}")
  endif()
endfunction()

if(QUARRY_ONE_FILE)
  # The one-file release in place of the tree: tests and port see its headers, too.
  set(QUARRY_RELEASE ${PROJECT_BINARY_DIR}/release)
  quarry_make_files(sh ${PROJECT_SOURCE_DIR}/tools/amalgamate.sh ${QUARRY_RELEASE})
  file(GLOB_RECURSE parts ${PROJECT_SOURCE_DIR}/src/*.h)
  quarry_made_from(${QUARRY_CORE_SOURCES} ${parts} ${QUARRY_PUBLIC_HEADERS})
  set(QUARRY_CORE_SOURCES ${QUARRY_RELEASE}/quarry.c)
  set(QUARRY_PORT_SOURCES ${QUARRY_RELEASE}/port/hosted/quarry_hosted.c)
  set(QUARRY_INCLUDE ${QUARRY_RELEASE})
  set(QUARRY_PORT_DIR ${QUARRY_RELEASE}/port/hosted)
elseif(QUARRY_PREFIX)
  set(QUARRY_INCLUDE ${PROJECT_BINARY_DIR}/prefixed)
  quarry_make_files(sh ${PROJECT_SOURCE_DIR}/tools/prefix.sh ${QUARRY_PREFIX} ${QUARRY_INCLUDE} ${QUARRY_PORT_DIR})
  quarry_made_from(${QUARRY_CORE_SOURCES} ${QUARRY_PORT_SOURCES} ${QUARRY_PUBLIC_HEADERS})
  set(QUARRY_INSIDE "SHELL:-include ${QUARRY_INCLUDE}/prefix_inside.h")
endif()

foreach(part core port)
  string(TOUPPER ${part} PART)
  add_library(quarry-${part} OBJECT ${QUARRY_${PART}_SOURCES})
  target_include_directories(quarry-${part} PUBLIC ${QUARRY_INCLUDE} ${QUARRY_PORT_DIR}
    PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_compile_definitions(quarry-${part} PRIVATE QUARRY_BUILDING_CORE)
  # initial-exec: this CPU's data is one load from the thread pointer, also in the shared library.
  # no-optimize-sibling-calls: public functions stay on the stack, where backtraces look for them.
  target_compile_options(quarry-${part} PRIVATE -fvisibility=hidden -ftls-model=initial-exec
    -fno-optimize-sibling-calls ${QUARRY_INSIDE})
  set_target_properties(quarry-${part} PROPERTIES POSITION_INDEPENDENT_CODE ON)
endforeach()
# Where the hosted port looks for the reader of debugging information when it is not beside the library.
target_compile_definitions(quarry-port PRIVATE
  QUARRY_SYMBOLS_PATH="${CMAKE_INSTALL_FULL_LIBDIR}/quarry/libquarry-symbols.so")
# asynchronous-unwind-tables: backtraces pass through the core (clang leaves them out of freestanding code).
target_compile_options(quarry-core PRIVATE -ffreestanding -fasynchronous-unwind-tables)
