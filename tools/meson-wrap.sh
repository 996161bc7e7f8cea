#!/bin/sh
# SPDX-License-Identifier: MIT
# The wrap file by which a Meson project takes the one-file release.
#
#     tools/meson-wrap.sh VERSION SHA256 URL > subprojects/quarry.wrap
set -eu
[ $# -eq 3 ] || { echo "usage: $0 VERSION SHA256 URL" >&2; exit 64; }
cat <<END
[wrap-file]
directory = quarry-$1
source_url = $3
source_filename = quarry-$1.tar.gz
source_hash = $2

[provide]
quarry = quarry_dep
END
