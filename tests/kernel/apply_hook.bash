# Read by bash before apply.sh or rollback.sh (BASH_ENV): counts the commands that can change something, and ends the
# shell before number KILL_AT with signal KILL_WITH. Without KILL_AT all of them are listed. What only asks or prints is
# no step: to be killed before it is to be killed before the next one. Inside a subshell nothing is counted.
kill_step=0
kill_hook() {
    [ "$BASH_SUBSHELL" = 0 ] || return 0
    local place="${FUNCNAME[1]}" command=$BASH_COMMAND
    case $command in
        '"$@"')
            [ "$place" = run ] || return 0
            command="$*"
            ;;
        '['* | 'cmp '* | 'grep '* | 'command '* | 'kill -0 '* | 'export '* | 'umask '* | 'for '* | 'case '*) return 0 ;;
        *'>'* | *'$('*) ;;
        : | 'return '* | return | 'shift'* | 'printf '* | 'set '* | [A-Za-z]*=*) return 0 ;;
    esac
    [[ $command != *'>&2' ]] || return 0
    ! declare -F "${command%%[ ;]*}" >/dev/null || return 0
    kill_step=$((kill_step + 1))
    [ "$place" != main ] || place=
    if [ -z "${KILL_AT:-}" ]; then
        printf '%s\n' "${place:+$place: }${command//$'\n'/ }" >>"$KILL_LIST"
    elif [ "$kill_step" = "$KILL_AT" ]; then
        [ "${KILL_WATCHER:-no}" = no ] || kill -KILL "$watcher"
        kill -s "$KILL_WITH" $$
    fi
}
trap 'kill_hook "$@"' DEBUG
set -T
