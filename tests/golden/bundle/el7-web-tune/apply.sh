#!/bin/sh
# Puts the files of this folder into effect: loads the rules, asks, and rolls back unless the answer is yes in time.
#
#   sh apply.sh --dry-run      show what would be done, change nothing
#   sh apply.sh                try, load, ask, install
#   sh apply.sh --timeout 120  wait so many seconds for the answer (default 60)
#
# Rules are loaded before they are installed, and raw is loaded last: what untracks must not be live before what accepts.
#
# It may be killed at any moment. Before anything changes it starts a watcher (rollback.sh --watch), with a pipe whose
# other end only this script and the commands that it runs hold. When the pipe ends they all are gone, however they
# ended, and the watcher brings everything back unless rollback/kept says that all of it is in place.
set -u
LC_ALL=C
PATH=${PATH:-/bin}:/usr/sbin:/sbin:/usr/bin:/bin
export LC_ALL PATH
umask 077

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 2
state=$here/rollback    # what brings everything back: there before anything changes, moved away when all is back
work=$here/running      # there while one of the scripts is at work
root=${RULESET_LINT_ROOT:-}
dry=no

say() { printf '%s\n' "${0##*/}: $*"; }
tell() { say "$@" >&2; }
die() { tell "$@"; exit 1; }
mark() { printf '%s\n' "$$" >"$1"; }

# run COMMAND...: do it, or with --dry-run only show it
run() {
    if [ "$dry" = yes ]; then
        printf '+'; printf ' %s' "$@"; printf '\n'
        return 0
    fi
    "$@"
}

check_tools() {
    [ "$(id -u)" = 0 ] || die "only root can load rules"
    for tool in awk cmp cp grep mv sleep cat chmod dirname mkdir mkfifo rm rmdir sed sync; do
        command -v "$tool" >/dev/null 2>&1 || die "$tool is not there"
    done
}

# at_work FILE: the process that wrote its number there still is one of these scripts
at_work() {
    number=$(cat "$1" 2>/dev/null) || return 1
    case $number in '' | *[!0-9]*) return 1 ;; esac
    grep -q -e 'apply\.sh' -e 'rollback\.sh' "/proc/$number/cmdline" 2>/dev/null
}

# take_work: only one of these scripts is at work; what a killed one has left is cleared away
take_work() {
    if ! mkdir "$work" 2>/dev/null; then
        for one in main watcher; do
            if at_work "$work/$one"; then
                die "process $number is at work here: answer no there, or end it, then everything comes back by itself"
            fi
        done
        rm -rf "$work"
        mkdir "$work" || exit 1
    fi
    mark "$work/main"
}

# settle: a power cut from here on cannot undo what was written before
settle() { sync || :; }

# label FILE: what SELinux wants to know of it
label() {
    if command -v restorecon >/dev/null 2>&1; then restorecon "$1" 2>/dev/null; fi
    return 0
}


timeout=60
watcher=

while [ $# -gt 0 ]; do
    case $1 in
        --dry-run) dry=yes ;;
        --timeout)
            [ $# -ge 2 ] || die "--timeout wants a number of seconds"
            timeout=$2
            shift
            ;;
        *) die "unknown word $1, there are --dry-run and --timeout SECONDS" ;;
    esac
    shift
done
case $timeout in
    '' | 0* | *[!0-9]* | ??????*) die "--timeout wants a number of seconds from 1 to 99999" ;;
esac

# ---- are the files those that were read?

# not_there PATH: a file that is new here is new on this machine too
not_there() {
    if [ -L "$root/$1" ]; then
        tell "$root/$1 is a link"
    elif [ -e "$root/$1" ]; then
        tell "$root/$1 is there, and was not given: give it to ruleset-lint rewrite as well"
    else
        return 0
    fi
    return 1
}

check_files() {
    :
    not_there etc/modprobe.d/nf_conntrack.conf || return 1
    not_there etc/modules-load.d/nf_conntrack.conf || return 1
    not_there etc/sysconfig/iptables-config || return 1
    not_there etc/sysctl.d/90-conntrack.conf || return 1
}

# ---- the watcher

# the pipe is opened at both ends before the watcher begins: it cannot wait for an end that never comes
start_watcher() {
    mkfifo "$work/pipe" || { rm -rf "$work"; exit 1; }
    exec 8<>"$work/pipe"
    exec 7<"$work/pipe"
    exec 9>"$work/pipe"
    exec 8>&-
    : >"$work/log"
    exec 6<"$work/log"
    if command -v setsid >/dev/null 2>&1; then
        setsid sh "$here/rollback.sh" --watch $$ "$timeout" <&7 >>"$work/log" 2>&1 6<&- 7<&- 9>&- &
    else
        sh "$here/rollback.sh" --watch $$ "$timeout" <&7 >>"$work/log" 2>&1 6<&- 7<&- 9>&- &
    fi
    watcher=$!
    exec 7<&-
    trap '' PIPE
    trap 'if [ -e "$work/late" ]; then leave "no answer in $timeout seconds"; else leave "told to stop"; fi' HUP INT TERM
}

# the watcher ignores signals before it says that it is there
await_watcher() {
    tries=0
    while [ ! -s "$work/watcher" ]; do
        tries=$((tries + 1))
        [ "$tries" -le 10 ] || leave "the process that brings everything back does not start"
        sleep 1
    done
}

# announce WORD: tell the watcher; fails if there is none any more
announce() { { printf '%s\n' "$1" >&9; } 2>/dev/null; }

# leave REASON: end without keeping anything; the watcher brings back what was changed, or this script without it
leave() {
    trap '' HUP INT TERM
    [ ! -e "$state/kept" ] || { tell "$1: the files are installed already, rollback.sh undoes it"; exit 0; }
    tell "$1: nothing is kept"
    exec 9>&-
    wait "$watcher"
    status=$?
    if [ "$status" -gt 1 ]; then
        rm -rf "$work"
        if [ -e "$state" ]; then sh "$here/rollback.sh"; fi
    fi
    cat <&6
    exit 1
}

# ---- what has to come back

# save_value FILE: a number of the running kernel
save_value() {
    [ -r "$1" ] || return 0
    number=$(cat "$1") && printf '%s %s\n' "$number" "$1" >>"$work/state/values"
}

save_state() {
    mkdir "$work/state" || return 1
    printf '' >"$work/state/values" || return 1
    save_value /sys/module/nf_conntrack/parameters/hashsize || return 1
    save_value /proc/sys/net/netfilter/nf_conntrack_max || return 1
    save_value /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established || return 1
}

# ---- numbers of the running kernel

# set_value NUMBER FILE: tell the running kernel; where it has no such file the value counts from the next boot on
set_value() {
    if [ "$dry" = yes ]; then
        printf '+ printf %%s %s > %s\n' "$1" "$2"
    elif [ ! -e "$2" ]; then
        say "$2 is not there yet, the value counts when the module is loaded"
    elif [ "$(cat "$2" 2>/dev/null)" != "$1" ]; then
        (printf '%s' "$1" >"$2") 2>/dev/null || say "$2 cannot be written here, it stays as it is"
    fi
}

# raise_value NUMBER FILE: the same, but what is larger already stays
raise_value() {
    if [ "$dry" = no ] && [ -r "$2" ] && [ "$(cat "$2")" -gt "$1" ] 2>/dev/null; then
        say "$2 is larger than $1 already, it stays as it is"
    else
        set_value "$1" "$2"
    fi
}

set_values() {
    :
    raise_value 131072 /sys/module/nf_conntrack/parameters/hashsize
    raise_value 262144 /proc/sys/net/netfilter/nf_conntrack_max
    set_value 7440 /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established
}

# ---- after the answer: all files are written beside their places, then all are moved there, and only then kept

# stage_file PATH MODE: a file that is there keeps its owner and mode, and is kept
stage_file() {
    target=$root/$1
    folder=$(dirname -- "$target")
    mkdir -p "$(dirname -- "$state/files/$1")" || return 1
    if [ ! -d "$folder" ]; then
        printf '%s\n' "$folder" >>"$state/folders" || return 1
        (umask 022 && mkdir -p "$folder") || return 1
    fi
    rm -f "$target.ruleset-lint" || return 1
    if [ -e "$target" ]; then
        cp -p "$target" "$state/files/$1" && cp -p "$target" "$target.ruleset-lint" || return 1
        cat "$here/$1" >"$target.ruleset-lint" || return 1
    else
        cat "$here/$1" >"$target.ruleset-lint" && chmod "$2" "$target.ruleset-lint" || return 1
    fi
    cmp -s "$here/$1" "$target.ruleset-lint"
}

# put_file PATH
put_file() {
    mv -f "$root/$1.ruleset-lint" "$root/$1" && label "$root/$1"
}

install_files() {
    check_files || return 1
    stage_file etc/modprobe.d/nf_conntrack.conf 0644 || return 1
    stage_file etc/modules-load.d/nf_conntrack.conf 0644 || return 1
    stage_file etc/sysconfig/iptables-config 0644 || return 1
    stage_file etc/sysctl.d/90-conntrack.conf 0644 || return 1
    settle
    mark "$state/installed" || return 1
    put_file etc/modprobe.d/nf_conntrack.conf || return 1
    put_file etc/modules-load.d/nf_conntrack.conf || return 1
    put_file etc/sysconfig/iptables-config || return 1
    put_file etc/sysctl.d/90-conntrack.conf || return 1
    cmp -s "$here/"etc/modprobe.d/nf_conntrack.conf "$root/"etc/modprobe.d/nf_conntrack.conf || return 1
    cmp -s "$here/"etc/modules-load.d/nf_conntrack.conf "$root/"etc/modules-load.d/nf_conntrack.conf || return 1
    cmp -s "$here/"etc/sysconfig/iptables-config "$root/"etc/sysconfig/iptables-config || return 1
    cmp -s "$here/"etc/sysctl.d/90-conntrack.conf "$root/"etc/sysctl.d/90-conntrack.conf || return 1
    settle
    announce kept && mark "$state/kept.new" && mv -f "$state/kept.new" "$state/kept"
}

show_count() {
    for folder in /proc/sys/net/netfilter/nf /proc/sys/net/ipv4/netfilter/ip; do
        if [ -r "${folder}_conntrack_count" ] && [ -r "${folder}_conntrack_max" ]; then
            say "connections tracked now: $(cat "${folder}_conntrack_count") of $(cat "${folder}_conntrack_max")"
            return 0
        fi
    done
}

# ---- what is done, in order

show_all() {
    say "nothing is changed, this is what would be done"
    run sh "$here/rollback.sh" --watch
    set_values
    printf '+ ask, and bring everything back unless the answer is yes within %s seconds\n' "$timeout"
    run install -m 0644 "$here/"etc/modprobe.d/nf_conntrack.conf "$root/"etc/modprobe.d/nf_conntrack.conf
    run install -m 0644 "$here/"etc/modules-load.d/nf_conntrack.conf "$root/"etc/modules-load.d/nf_conntrack.conf
    run install -m 0644 "$here/"etc/sysconfig/iptables-config "$root/"etc/sysconfig/iptables-config
    run install -m 0644 "$here/"etc/sysctl.d/90-conntrack.conf "$root/"etc/sysctl.d/90-conntrack.conf
}

ask() {
    printf 'The numbers are set. Open a new connection to this machine to see that it can be reached.\n'
    printf 'Type yes within %s seconds to keep them: ' "$timeout"
    answer=
    read -r answer || answer=
    [ "$answer" = yes ] || leave "the answer was not yes"
    mkdir "$work/decided" 2>/dev/null || leave "the answer came too late"
    announce answered || leave "the process that brings everything back is gone"
}

if [ "$dry" = yes ]; then
    show_all
    exit 0
fi

check_tools
[ ! -e "$state" ] || die "$state is there from an earlier run: roll back with rollback.sh, or move it away"
check_files || exit 1
take_work
start_watcher
save_state || leave "the rules that are loaded cannot be saved"
await_watcher
mv "$work/state" "$state" || leave "$state cannot be made"
announce loading || leave "the process that brings everything back is gone"
set_values
ask
install_files || leave "a file cannot be written"
say "the files are installed, rollback.sh undoes it"
show_count
exec 9>&-
wait "$watcher"
exit 0
