# SPDX-License-Identifier: MIT
# make deb: three Debian packages by CPack, from the same install rules as everything else: the shared
# library (named by its soname, so that two of them can be installed), what is needed to compile with
# it, and the command.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME quarry)
# A reserved name (RFC 2606): who distributes packages gives an address with -DCPACK_PACKAGE_CONTACT=.
set(CPACK_PACKAGE_CONTACT "Quarry maintainers <quarry@packages.invalid>" CACHE STRING
  "Who answers for the Debian packages")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "The Linux kernel's memory allocators as a C library")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL library development command)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(abi ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})

set(CPACK_COMPONENT_LIBRARY_DESCRIPTION "Shared library")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME libquarry${abi})
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
  "Headers, static libraries, the one-file release, and the headers that kernel-module source includes")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libquarry-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libquarry${abi} (= ${PROJECT_VERSION})")
set(CPACK_COMPONENT_COMMAND_DESCRIPTION
  "The quarry command: runs kernel-module source in a process and reports each leak and misuse")
set(CPACK_DEBIAN_COMMAND_PACKAGE_NAME quarry)
set(CPACK_DEBIAN_COMMAND_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_COMMAND_PACKAGE_DEPENDS "libquarry-dev (= ${PROJECT_VERSION}), fuse3, gcc | clang")
# Each package says under which licence it comes; an ordinary installation needs that once.
foreach(component LIBRARY DEVELOPMENT COMMAND)
  string(TOLOWER ${component} name)
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE RENAME copyright EXCLUDE_FROM_ALL COMPONENT ${name}
    DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${CPACK_DEBIAN_${component}_PACKAGE_NAME})
endforeach()
include(CPack)
