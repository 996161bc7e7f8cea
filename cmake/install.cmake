# SPDX-License-Identifier: MIT
# make install: libraries, headers, the quarry command, pkg-config files and a CMake package. Everything
# finds its neighbours relative to itself, so that an installed tree can be moved.
include(CMakePackageConfigHelpers)

install(TARGETS quarry-static quarry-shared EXPORT quarry-targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
set_target_properties(quarry-shared PROPERTIES EXPORT_NAME quarry)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/quarry DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h")
# What module sources include lives apart: a folder that only module builds search.
install(DIRECTORY ${PROJECT_SOURCE_DIR}/compat/linux/include/
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/quarry-linux FILES_MATCHING PATTERN "*.h")
if(TARGET quarry)
  install(TARGETS quarry RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(TARGET quarry-client)
  install(TARGETS quarry-client LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/quarry)
endif()
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# pkg-config: the prefix is where the .pc file lies, less its folder.
file(RELATIVE_PATH QUARRY_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" QUARRY_PC_PREFIX "${QUARRY_PC_PREFIX}")
foreach(package quarry quarry-linux)
  configure_file(${PROJECT_SOURCE_DIR}/packaging/${package}.pc.in ${PROJECT_BINARY_DIR}/${package}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${package}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

# CMake: find_package(quarry), then quarry::quarry (shared) or quarry::quarry-static.
set(QUARRY_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/quarry)
configure_package_config_file(${PROJECT_SOURCE_DIR}/packaging/quarry-config.cmake.in
  ${PROJECT_BINARY_DIR}/quarry-config.cmake INSTALL_DESTINATION ${QUARRY_CMAKE_DIR})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/quarry-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/quarry-config.cmake ${PROJECT_BINARY_DIR}/quarry-config-version.cmake
  DESTINATION ${QUARRY_CMAKE_DIR})
install(EXPORT quarry-targets NAMESPACE quarry:: DESTINATION ${QUARRY_CMAKE_DIR})
