# SPDX-License-Identifier: MIT
# cmake -DBUILD=<build folder> -P uninstall.cmake
# Removes what the last installation from that build folder wrote (under DESTDIR as then), and the
# folders that are empty afterwards and bear the library's name.
set(manifest ${BUILD}/install_manifest.txt)
if(NOT EXISTS ${manifest})
  message(FATAL_ERROR "nothing was installed from ${BUILD}: there is no install_manifest.txt")
endif()
file(STRINGS ${manifest} files)
set(folders)
foreach(file IN LISTS files)
  file(REMOVE "$ENV{DESTDIR}${file}")
  if(EXISTS "$ENV{DESTDIR}${file}")
    message(FATAL_ERROR "cannot remove $ENV{DESTDIR}${file}: run this as whoever installed it")
  endif()
  string(REGEX MATCH ".*/[a-z_]*quarry[^/]*/" folder "${file}") # up to the last folder of ours
  while(file MATCHES "(.*)/[^/]*$")
    set(file ${CMAKE_MATCH_1})
    if(NOT folder OR NOT "${file}/" MATCHES "/[^/]*quarry[^/]*/")
      break()
    endif()
    list(APPEND folders ${file})
  endwhile()
endforeach()
list(REMOVE_DUPLICATES folders)
list(SORT folders ORDER DESCENDING) # what lies in a folder comes before it
foreach(folder IN LISTS folders)
  file(GLOB left "$ENV{DESTDIR}${folder}/*" "$ENV{DESTDIR}${folder}/.[^.]*")
  if(NOT left)
    file(REMOVE_RECURSE "$ENV{DESTDIR}${folder}")
  endif()
endforeach()
file(REMOVE ${manifest})
