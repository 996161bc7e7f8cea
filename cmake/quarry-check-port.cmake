# SPDX-License-Identifier: MIT
# cmake -DNM=… -DLIBRARY=… -DPORT=… -P quarry-check-port.cmake
# Fails when the library needs duties that its port does not supply, and names them. An inline duty that
# is declared and never defined leaves an undefined symbol as well.
execute_process(COMMAND ${NM} ${LIBRARY} OUTPUT_VARIABLE symbols RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "${NM} cannot read ${LIBRARY}")
endif()
set(duty "(qp_[a-z0-9_]+|quarry_boot_default)")
string(REGEX MATCHALL " U ${duty}" wanted "${symbols}")
string(REGEX MATCHALL " [TtDdBbRrWw] ${duty}" supplied "${symbols}")
foreach(list wanted supplied)
  list(TRANSFORM ${list} REPLACE "^ . " "")
  list(REMOVE_DUPLICATES ${list})
endforeach()
if(supplied)
  list(REMOVE_ITEM wanted ${supplied})
endif()
if(wanted)
  list(SORT wanted)
  list(JOIN wanted "(), " names)
  file(REMOVE ${LIBRARY}) # so that the next build looks again
  message(FATAL_ERROR "the port in ${PORT} does not supply ${names}().\n"
    "<quarry/port.h> says what each must do; ports/template has a body for each to begin with.")
endif()
