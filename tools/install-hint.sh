#!/bin/sh
# SPDX-License-Identifier: MIT
# After an installation: what was put where, and what to type where pkg-config, the loader or the shell
# does not look there by itself. Usage: install-hint.sh MANIFEST PREFIX (DESTDIR: nothing to type yet).
set -eu
manifest=${1:?} prefix=${2:?}
echo "installed under ${DESTDIR:-}$prefix: $(($(wc -l <"$manifest") + 1)) files; make uninstall removes them"
[ -z "${DESTDIR:-}" ] || exit 0
absolute=$(cd "$prefix" && pwd)
library=$(sed -n 's,/pkgconfig/quarry\.pc$,,p' "$manifest")
case $library in "$prefix"/*) library=$absolute${library#"$prefix"} ;; esac

missing=
case ":$PATH:" in *":$absolute/bin:"*) ;; *) missing="$missing PATH=$absolute/bin:\$PATH" ;; esac
if ! PKG_CONFIG_PATH=${PKG_CONFIG_PATH:-} pkg-config --exists quarry 2>/dev/null; then
    missing="$missing PKG_CONFIG_PATH=$library/pkgconfig\${PKG_CONFIG_PATH:+:\$PKG_CONFIG_PATH}"
fi
case ":${LD_LIBRARY_PATH:-}:" in
*":$library:"*) ;;
*)
    # The loader's own directories, as ldconfig lists them without touching its cache.
    if ! PATH=$PATH:/sbin:/usr/sbin ldconfig -v -N -X 2>/dev/null | grep -q "^$library:"; then
        missing="$missing LD_LIBRARY_PATH=$library\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
    elif ! PATH=$PATH:/sbin:/usr/sbin ldconfig -p | grep -q "=> $library/libquarry\.so"; then
        echo "the loader learns of it by: ldconfig"
    fi
    ;;
esac
if [ -n "$missing" ]; then
    echo "to use it from there:"
    for word in $missing; do echo "    export $word"; done
    echo "and for CMake: -DCMAKE_PREFIX_PATH=$absolute"
fi
