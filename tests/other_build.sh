# SPDX-License-Identifier: MIT
# For the tests that are a build of their own: configures one below this build's folder, builds the
# test programs and runs them (not the scripts, nor what the command and the examples add). Sourced; use: other_build NAME CMAKE-OPTION...
# PROGRAMS: these only
: "${QUARRY_SOURCE:?}" "${QUARRY_BUILD:?}"
other_build() {
    folder=$QUARRY_BUILD/other/$1
    shift
    mkdir -p "$folder"
    if ! cmake -S "$QUARRY_SOURCE" -B "$folder" -G Ninja "$@" >"$folder/log" 2>&1; then
        cat "$folder/log"
        return 1
    fi
    # shellcheck disable=SC2086 # several names
    if ! cmake --build "$folder" --target ${PROGRAMS:-quarry-tests} >"$folder/log" 2>&1; then
        grep -E -A 12 'error|warning|FAILED' "$folder/log" | head -n 80
        return 1
    fi
    # Sanitizers of this age cannot start where the kernel randomises more address bits than they expect.
    fixed=
    if setarch -R true 2>/dev/null; then
        fixed="setarch -R"
    fi
    only=$(echo "${PROGRAMS:-.*}" | tr -s ' \n' '|' | sed 's/^|*//; s/|*$//')
    # shellcheck disable=SC2086 # two words
    $fixed ctest --test-dir "$folder" -L program -R "^($only)\$" --output-on-failure -j "$(nproc)"
}
