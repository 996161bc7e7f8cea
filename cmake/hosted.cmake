# SPDX-License-Identifier: MIT
# The hosted libraries and programs.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

add_library(quarry-static STATIC $<TARGET_OBJECTS:quarry-core> $<TARGET_OBJECTS:quarry-port>)
add_library(quarry-shared SHARED $<TARGET_OBJECTS:quarry-core> $<TARGET_OBJECTS:quarry-port>)
foreach(lib quarry-static quarry-shared)
  set_target_properties(${lib} PROPERTIES OUTPUT_NAME quarry)
  target_include_directories(${lib} INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${lib} PUBLIC Threads::Threads)
endforeach()
set_target_properties(quarry-shared PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})

add_subdirectory(${PROJECT_SOURCE_DIR}/compat/linux)
if(EXISTS ${PROJECT_SOURCE_DIR}/cli/CMakeLists.txt)
  add_subdirectory(${PROJECT_SOURCE_DIR}/cli)
endif()
if(EXISTS ${PROJECT_SOURCE_DIR}/bench/CMakeLists.txt)
  add_subdirectory(${PROJECT_SOURCE_DIR}/bench)
endif()
if(EXISTS ${PROJECT_SOURCE_DIR}/examples/CMakeLists.txt)
  add_subdirectory(${PROJECT_SOURCE_DIR}/examples)
endif()
