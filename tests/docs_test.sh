#!/bin/sh
# SPDX-License-Identifier: MIT
# Every code block of every document is compiled and run, and prints what the document shows
# (tests/docs/run.sh has the conventions). What cannot be run says why, and is counted here.
# The man pages are well formed, in one order of sections, and complete: every public function and every
# option has its place in one.
set -eu
: "${QUARRY_SOURCE:?}" "${QUARRY_BUILD:?}"
if grep -q '^QUARRY_SANITIZE:STRING=.' "$QUARRY_BUILD/CMakeCache.txt"; then
    echo "a sanitized build is not for installing"
    exit 77
fi
here=$QUARRY_SOURCE/tests/docs
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

cmake --install "$QUARRY_BUILD" --prefix "$work/prefix" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
lib=$(dirname "$(find "$work/prefix" -name libquarry.so)")
PATH=$work/prefix/bin:$PATH
PKG_CONFIG_PATH=$lib/pkgconfig
LD_LIBRARY_PATH=$lib
export PATH PKG_CONFIG_PATH LD_LIBRARY_PATH QUARRY_SOURCE QUARRY_BUILD
unset QUARRY_CHECK QUARRY_OPTIONS QUARRY_RAM QUARRY_PROFILE 2>/dev/null || true

# The man pages.
sh "$here/man.sh" "$work/prefix" || failed=1

# Pictures say what their sources say: each word of a label in FILE.dot is in FILE.svg, and the other way round.
for source in "$QUARRY_SOURCE"/docs/*/*.dot; do
    sed -n 's/.*label = "\([^"]*\)".*/\1/p' "$source" | sed 's/\\n/\n/g' | sort -u >"$work/source"
    sed -n 's/.*<text[^>]*>\([^<]*\)<.*/\1/p' "${source%.dot}.svg" | sed "s/&#45;/-/g; s/&amp;/\&/g; s/&#39;/'/g" | sort -u >"$work/picture"
    diff "$work/source" "$work/picture" || { echo "$source has changed: dot -Tsvg ${source##*/} -o the .svg beside it"; failed=1; }
done

# The blocks, two documents at a time.
{ find "$QUARRY_SOURCE" -maxdepth 1 -name '*.md'
  for folder in docs examples bench ports packaging; do
      [ ! -d "$QUARRY_SOURCE/$folder" ] || find "$QUARRY_SOURCE/$folder" -name '*.md' -o -path '*/docs/man/*.[0-9]'
  done; } | sort >"$work/documents"
n=0
while read -r document; do
    n=$((n + 1))
    mkdir -p "$work/$n"
    echo "$document $work/$n"
done <"$work/documents" >"$work/jobs"
xargs -P 2 -L 1 sh -c 'sh "$0/run.sh" "$1" "$2" >"$2/result" 2>&1 || : >"$2/failed"' "$here" <"$work/jobs"
n=0
while read -r document; do
    n=$((n + 1))
    grep -v '^counts ' "$work/$n/result" || true
    grep -q '^counts ' "$work/$n/result" || { echo "$document: was not read to its end"; failed=1; }
    [ ! -e "$work/$n/failed" ] || failed=1
done <"$work/documents"
cat "$work"/*/result | awk '/^counts / { run += $2; saved += $3; texts += $4; marked += $5 }
    END { printf "%d code blocks run, %d saved for those, %d not run for the reasons above; %d drawings and listings\n",
          run, saved, marked, texts }'
exit $failed
