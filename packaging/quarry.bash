# SPDX-License-Identifier: MIT
# bash completion for quarry. Subcommands and options are taken from what `quarry --help` and
# `quarry COMMAND --help` say, so that there is no second list to keep.
_quarry() {
    local quarry=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --) compopt -o default 2>/dev/null; return ;; # a command of the user's own follows
        -*) ;;
        *) [[ $command ]] || command=${COMP_WORDS[i]} ;;
        esac
    done

    if [[ ! $command || ($command == help && $i -gt 1) ]]; then
        # Indented by two: a command and what it does, in the list after the first paragraph.
        COMPREPLY=($(compgen -W "$("$quarry" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p') $(
            [[ $command ]] || echo --help --version)" -- "$word"))
        return
    fi
    case $before in
    --profile) COMPREPLY=($(compgen -W "modern i386" -- "$word")); return ;;
    --check) COMPREPLY=($(compgen -W "0 1 2 3" -- "$word")); return ;;
    --ram) COMPREPLY=($(compgen -W "64M 128M 512M 1G 4G" -- "$word")); return ;;
    -I) COMPREPLY=($(compgen -d -- "$word")); return ;;
    esac
    if [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "$("$quarry" "$command" --help 2>/dev/null | grep -oE '(^|[ [(,])--[a-z][a-z-]*' |
            grep -oE -- '--.*' | sort -u)" -- "$word"))
        return
    fi
    compopt -o default 2>/dev/null # files
}
complete -F _quarry quarry
