# SPDX-License-Identifier: MIT
# Whether the second file (what was printed) is what the first one shows. In what is shown, … stands
# for anything in its line, and a line that is only … for any lines. Blanks at line ends do not count.
function line_fits(want, got,    part, n, i, at) {
    n = split(want, part, "…")
    if (n <= 1)
        return want == got
    if (substr(got, 1, length(part[1])) != part[1])
        return 0
    got = substr(got, length(part[1]) + 1)
    for (i = 2; i < n; i++) {
        at = index(got, part[i])
        if (part[i] != "" && !at)
            return 0
        got = substr(got, at + length(part[i]))
    }
    return length(got) >= length(part[n]) && substr(got, length(got) - length(part[n]) + 1) == part[n]
}
{ sub(/[ \t]+$/, "") }
NR == FNR { want[++wants] = $0; next }
{ got[++gots] = $0 }
END {
    while (wants && want[wants] == "") wants--
    while (gots && got[gots] == "") gots--
    g = 1
    for (w = 1; w <= wants; w++) {
        if (want[w] == "…") {
            if (w == wants)
                exit 0
            while (g <= gots && !line_fits(want[w + 1], got[g]))
                g++
        } else if (!line_fits(want[w], got[g]) || g > gots) {
            print "shown:   " want[w]
            print "printed: " (g > gots ? "(nothing more)" : got[g])
            exit 1
        } else {
            g++
        }
    }
    if (g <= gots) {
        print "printed, but not shown: " got[g]
        exit 1
    }
}
