# SPDX-License-Identifier: MIT
# Run first by an installation: says in words that nothing can be written to the prefix, before anything
# was, instead of stopping half way through.
set(place "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}")
execute_process(COMMAND sh -c "mkdir -p \"$1\" && probe=$(mktemp \"$1/.quarry-XXXXXX\") && rm \"$probe\"" sh ${place}
  RESULT_VARIABLE failed ERROR_VARIABLE why OUTPUT_QUIET)
if(failed)
  string(STRIP "${why}" why)
  message(FATAL_ERROR "cannot install to ${place}: ${why}\n"
    "Nothing was installed. Choose a folder of your own (make install PREFIX=$ENV{HOME}/.local), or run "
    "the installation as root (sudo make install).")
endif()
