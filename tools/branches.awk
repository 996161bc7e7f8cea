# SPDX-License-Identifier: MIT
# Which branches of the folders named by @folders no test takes, from a tracefile of lcov; fails when there
# is one, except where the source says that it cannot be taken. For tools/coverage.sh:
#     awk -v root="$PWD/" -v folders="src/map src/zone" -f tools/branches.awk src.info
#
# What cannot happen is stated as QR_ASSERT(what always holds), a statement of its own; the untaken branches
# of its lines, from QR_ASSERT to the semicolon, are marked: reached, they end in qp_panic. There is no other
# mark, so nothing is left out that a reader would call a decision. At most @most (1) in a hundred branches
# of all these folders may be marked.
BEGIN {
    FS = "[:,]"
    if (most == "")
        most = 1
    nr_folders = split(folders, list, " ")
    for (i in list)
        wanted[list[i]] = 1
}

function read_marks(path, file,    line, text, within) {
    while ((getline text < path) > 0) {
        line++
        if (text ~ /^[ \t]*QR_ASSERT\(/)
            within = 1
        if (within)
            mark[file, line] = 1
        if (text ~ /;[ \t]*(\/\*.*)?$/)
            within = 0
        source[file, line] = text
    }
    close(path)
    if (!line) {
        printf "%s is not there\n", path
        unreadable = 1
    }
}

/^SF:/ {
    path = substr($0, 4)
    file = path
    if (index(file, root) == 1)
        file = substr(file, length(root) + 1)
    folder = file
    sub(/\/[^\/]*$/, "", folder)
    if (folder in wanted)
        read_marks(path, file)
}

/^BRDA:/ && folder in wanted {
    all[folder]++
    nr_all++
    if ($5 != "-" && $5 > 0) {
        taken[folder]++
    } else if ((file, $2) in mark) {
        marked[folder]++
        nr_marked++
    } else {
        missed[folder]++
        nr_missed++
        if (!at[file, $2]++)
            place[++nr_places] = file SUBSEP $2
    }
}

END {
    for (i = 1; i <= nr_folders; i++)
        printf "%-14s %5d branches: %5d taken, %3d marked, %3d missed\n", list[i], all[list[i]],
               taken[list[i]], marked[list[i]], missed[list[i]]
    for (i = 1; i <= nr_places; i++) {
        split(place[i], where, SUBSEP)
        text = source[where[1], where[2]]
        sub(/^[ \t]+/, "", text)
        printf "  %s:%d: %d not taken: %s\n", where[1], where[2], at[where[1], where[2]], text
    }
    if (!nr_all) {
        print "no branch was counted"
        exit 1
    }
    printf "%-14s %5d branches: %d missed, %d marked as never taken (%.2f %%, at most %s %%)\n", "all of these",
           nr_all, nr_missed, nr_marked, 100 * nr_marked / nr_all, most
    exit unreadable || nr_missed > 0 || 100 * nr_marked > most * nr_all
}
