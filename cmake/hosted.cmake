# SPDX-License-Identifier: MIT
# The hosted libraries and programs.
find_package(Threads REQUIRED)

add_library(quarry-static STATIC $<TARGET_OBJECTS:quarry-core> $<TARGET_OBJECTS:quarry-port>)
add_library(quarry-shared SHARED $<TARGET_OBJECTS:quarry-core> $<TARGET_OBJECTS:quarry-port>)
foreach(lib quarry-static quarry-shared)
  set_target_properties(${lib} PROPERTIES OUTPUT_NAME ${QUARRY_PREFIX}quarry)
  target_include_directories(${lib} INTERFACE $<BUILD_INTERFACE:${QUARRY_INCLUDE}>)
  target_link_libraries(${lib} PUBLIC Threads::Threads)
endforeach()

# Before 1.0 each minor version may change the binary interface, so the soname has both numbers. Symbols
# carry the version in which they came; what the headers do not declare stays inside.
set(QUARRY_VERSION_SCRIPT ${PROJECT_BINARY_DIR}/quarry.map)
add_custom_command(OUTPUT ${QUARRY_VERSION_SCRIPT}
  COMMAND sh ${PROJECT_SOURCE_DIR}/tools/version-script.sh ${QUARRY_PREFIX} >${QUARRY_VERSION_SCRIPT}
  DEPENDS ${QUARRY_PUBLIC_HEADERS} ${PROJECT_SOURCE_DIR}/packaging/symbols.txt
    ${PROJECT_SOURCE_DIR}/tools/version-script.sh ${PROJECT_SOURCE_DIR}/tools/public-names.sh)
target_sources(quarry-shared PRIVATE ${QUARRY_VERSION_SCRIPT})
target_link_options(quarry-shared PRIVATE LINKER:--version-script=${QUARRY_VERSION_SCRIPT})
set_target_properties(quarry-shared PROPERTIES VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR} LINK_DEPENDS ${QUARRY_VERSION_SCRIPT})

# A program has one machine: CMake refuses to link both, and quarry::linux brings the static one.
set_target_properties(quarry-shared PROPERTIES INTERFACE_QUARRY_LINKAGE shared)
set_target_properties(quarry-static PROPERTIES INTERFACE_QUARRY_LINKAGE static)
set_target_properties(quarry-shared quarry-static PROPERTIES COMPATIBLE_INTERFACE_STRING QUARRY_LINKAGE)
add_library(quarry::quarry ALIAS quarry-shared)
add_library(quarry::quarry-static ALIAS quarry-static)
if(NOT PROJECT_IS_TOP_LEVEL) # what nobody uses is not built
  set_target_properties(quarry-static quarry-shared PROPERTIES EXCLUDE_FROM_ALL ON)
endif()
if(QUARRY_PREFIX)
  return() # the kernel environment and the command are for the plain names
endif()

add_subdirectory(${PROJECT_SOURCE_DIR}/compat/linux ${PROJECT_BINARY_DIR}/compat/linux)
if(QUARRY_COMMAND)
  find_package(PkgConfig REQUIRED)
  foreach(folder cli bench examples)
    if(EXISTS ${PROJECT_SOURCE_DIR}/${folder}/CMakeLists.txt)
      add_subdirectory(${PROJECT_SOURCE_DIR}/${folder} ${PROJECT_BINARY_DIR}/${folder})
    endif()
  endforeach()
endif()
