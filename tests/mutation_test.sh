#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/mutants.c finds the faults that its rules promise, and plants each where it says; a few of them, chosen
# by the commit, are noticed by the tests, and an unchanged file is not. The whole: make mutate.
set -eu
: "${QUARRY_SOURCE:?}" "${QUARRY_BUILD:?}"
if grep -q '^QUARRY_SANITIZE:STRING=.' "$QUARRY_BUILD/CMakeCache.txt"; then
    echo "the plain build is enough for this"
    exit 77
fi
[ -f "$QUARRY_BUILD/build.ninja" ] || { echo "needs a build by ninja"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${CC:-gcc}" -D_GNU_SOURCE -Wall -Wextra -Werror "$QUARRY_SOURCE/tools/mutants.c" -o "$work/mutants"

# ---- the rules, each on a line made for it -------------------------------------------------------
cat >"$work/given.c" <<'EOT'
#define LIMIT 8
static int sum(struct list *list, int order)
{
    int n = 0; /* a == b in a comment */
    QR_ASSERT(order < 3);
    if (order <= LIMIT && !list->next)
        return -1;
    lock(list);
    take(list, order);
    while (n) {
        n -= order;
        break;
    }
    qp_unlock(list);
    say("1 == 1");
    return QR_MIN(n, order);
}
EOT
tab=$(printf '\t')
cat >"$work/expected" <<'EOT'
1 constant: - | #define LIMIT 8 | #define LIMIT (8 + 1)
4 constant: sum | int n = 0; | int n = 1;
6 negate: sum | if (order <= LIMIT && !list->next) | if (!(order <= LIMIT && !list->next))
6 branch: sum | if (order <= LIMIT && !list->next) | if (0 && (order <= LIMIT && !list->next))
6 compare: sum | if (order <= LIMIT && !list->next) | if (order < LIMIT && !list->next)
6 logic: sum | if (order <= LIMIT && !list->next) | if (order <= LIMIT || !list->next)
6 negate: sum | if (order <= LIMIT && !list->next) | if (order <= LIMIT && list->next)
6 opposite: sum | if (order <= LIMIT && !list->next) | if (order <= LIMIT && !list->prev)
7 return: sum | return -1; | return 0;
7 constant: sum | return -1; | return -(1 + 1);
8 call: sum | lock(list); | ;
9 call: sum | take(list, order); | ;
9 swap: sum | take(list, order); | take(order, list);
9 off-by-one: sum | take(list, order); | take(list, order + 1);
10 negate: sum | while (n) { | while (!(n)) {
11 assign: sum | n -= order; | ;
11 arith: sum | n -= order; | n += order;
12 jump: sum | break; | ;
14 unlock: sum | qp_unlock(list); | ;
15 call: sum | say("1 == 1"); | ;
16 return: sum | return QR_MIN(n, order); | return 0;
16 opposite: sum | return QR_MIN(n, order); | return QR_MAX(n, order);
16 off-by-one: sum | return QR_MIN(n, order); | return QR_MIN(n + 1, order);
16 off-by-one: sum | return QR_MIN(n, order); | return QR_MIN(n, order + 1);
EOT
"$work/mutants" list "$work/given.c" >"$work/list"
awk -F '\t' '{ print $2 " " $3 ": " $4 " | " $5 " | " $6 }' "$work/list" >"$work/found"
diff "$work/expected" "$work/found" || { echo "tools/mutants.c finds other faults than its rules say"; exit 1; }
while IFS="$tab" read -r number line kind function old new; do
    "$work/mutants" apply "$work/given.c" "$number" >"$work/applied.c"
    diff "$work/given.c" "$work/applied.c" >"$work/diff" && { echo "fault $number ($kind) changes nothing"; exit 1; }
    [ "$(head -n 1 "$work/diff")" = "${line}c${line}" ] || { echo "fault $number ($kind) is not in line $line alone"; exit 1; }
    sed -n "s,^> *,,; s, */\*.*,,p; s,^[^/]*$,&,p" "$work/diff" | sort -u | grep -qxF -- "$new" || { echo "$function: not \"$old\" to \"$new\":"; cat "$work/diff"; exit 1; }
done <"$work/list"
"$work/mutants" apply "$work/given.c" -1 | cmp "$work/given.c" - || { echo "the control is not the file"; exit 1; }
echo "$(grep -c . "$work/list") faults as the rules say"

# ---- a few in src/ -------------------------------------------------------------------------------
exec sh "$QUARRY_SOURCE/tools/mutate.sh" -q -b "$QUARRY_BUILD" -w "$work/run" -n "${QUARRY_FAULTS:-5}"
