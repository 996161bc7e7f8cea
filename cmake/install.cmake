# SPDX-License-Identifier: MIT
# make install: libraries, headers, the quarry command, pkg-config files and a CMake package. Everything
# finds its neighbours relative to itself, so that an installed tree can be moved. A library with a prefix
# (QUARRY_PREFIX) brings the prefix to all names of files, so that it lies beside the plain one.
include(CMakePackageConfigHelpers)
set(QUARRY_PACKAGE ${QUARRY_PREFIX}quarry)
set(QUARRY_INCLUDEDIR ${CMAKE_INSTALL_INCLUDEDIR})
if(QUARRY_PREFIX)
  set(QUARRY_INCLUDEDIR ${CMAKE_INSTALL_INCLUDEDIR}/${QUARRY_PACKAGE})
endif()

# First of all: can anything be written there at all?
install(SCRIPT ${PROJECT_SOURCE_DIR}/cmake/install-check.cmake ALL_COMPONENTS)

set(targets quarry-static quarry-shared)
set_target_properties(quarry-shared PROPERTIES EXPORT_NAME quarry)
if(TARGET quarry-linux-static)
  list(APPEND targets quarry-linux-static)
endif()
install(TARGETS ${targets} EXPORT quarry-targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library NAMELINK_COMPONENT development
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development
  INCLUDES DESTINATION ${QUARRY_INCLUDEDIR})
install(DIRECTORY ${QUARRY_INCLUDE}/quarry DESTINATION ${QUARRY_INCLUDEDIR} COMPONENT development
  FILES_MATCHING PATTERN "*.h")
# What module sources include lives apart: a folder that only module builds search.
if(NOT QUARRY_PREFIX)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/compat/linux/include/
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/quarry-linux COMPONENT development FILES_MATCHING PATTERN "*.h")
endif()
if(TARGET quarry)
  install(TARGETS quarry RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT command)
  install(TARGETS quarry-client quarry-symbols
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/quarry COMPONENT command)
  install(FILES ${PROJECT_SOURCE_DIR}/packaging/quarry.bash RENAME quarry COMPONENT command
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endif()
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${QUARRY_PACKAGE}
  COMPONENT development)

# pkg-config: the prefix is where the .pc file lies, less its folder.
file(RELATIVE_PATH QUARRY_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" QUARRY_PC_PREFIX "${QUARRY_PC_PREFIX}")
foreach(package quarry quarry-linux)
  if(package STREQUAL quarry-linux AND QUARRY_PREFIX)
    continue()
  endif()
  set(pc ${PROJECT_BINARY_DIR}/${QUARRY_PREFIX}${package}.pc)
  configure_file(${PROJECT_SOURCE_DIR}/packaging/${package}.pc.in ${pc} @ONLY)
  install(FILES ${pc} DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
endforeach()

# CMake: find_package(quarry), then quarry::quarry (shared), quarry::quarry-static or quarry::linux, and
# quarry_add_library(), which compiles the one-file release with a port.
set(QUARRY_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/${QUARRY_PACKAGE})
set(QUARRY_DATADIR ${CMAKE_INSTALL_DATADIR}/${QUARRY_PACKAGE})
set(config ${PROJECT_BINARY_DIR}/${QUARRY_PACKAGE}-config)
configure_package_config_file(${PROJECT_SOURCE_DIR}/packaging/quarry-config.cmake.in ${config}.cmake
  INSTALL_DESTINATION ${QUARRY_CMAKE_DIR} PATH_VARS QUARRY_DATADIR)
write_basic_package_version_file(${config}-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${config}.cmake ${config}-version.cmake DESTINATION ${QUARRY_CMAKE_DIR} COMPONENT development)
install(EXPORT quarry-targets NAMESPACE ${QUARRY_PACKAGE}:: DESTINATION ${QUARRY_CMAKE_DIR} COMPONENT development)
if(NOT QUARRY_PREFIX)
  install(CODE "execute_process(COMMAND sh ${PROJECT_SOURCE_DIR}/tools/amalgamate.sh ${PROJECT_BINARY_DIR}/release
    COMMAND_ERROR_IS_FATAL ANY)" COMPONENT development)
  install(DIRECTORY ${PROJECT_BINARY_DIR}/release/ DESTINATION ${QUARRY_DATADIR} COMPONENT development)
endif()

include(${CMAKE_CURRENT_LIST_DIR}/man.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/deb.cmake)
