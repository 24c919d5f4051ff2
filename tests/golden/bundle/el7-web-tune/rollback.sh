#!/bin/sh
# Brings back what apply.sh has saved: the raw table first, so that nothing is untracked that is no longer accepted,
# then the others, the values of the kernel, and the files. It may be killed and run again.
#
#   sh rollback.sh --dry-run   show what would be done, change nothing
#   sh rollback.sh             do it
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


watch=no
failed=no
clock=

case ${1:-} in
    '') ;;
    --dry-run) dry=yes ;;
    --watch)
        [ $# -eq 3 ] || die "--watch is for apply.sh"
        watch=yes
        ;;
    *) die "unknown word $1, there is --dry-run" ;;
esac

# step COMMAND...: what fails is told, and the rest is done all the same
step() {
    run "$@" || { tell "failed: $*"; failed=yes; }
}

# ---- what is brought back

# replace PATH: the file as it was; one that was changed by others in between is kept beside it
replace() {
    target=$root/$1
    cmp -s "$state/files/$1" "$target" && return 0
    if [ -e "$target" ] && ! cmp -s "$here/$1" "$target"; then
        say "$target was changed since it was installed, that is kept as $target.changed"
        cp -p "$target" "$target.changed" || return 1
    fi
    cp -p "$state/files/$1" "$target.ruleset-lint" && mv -f "$target.ruleset-lint" "$target" && label "$target"
}

# take_away PATH: a file that was new
take_away() {
    [ -e "$root/$1" ] || return 0
    if cmp -s "$here/$1" "$root/$1"; then
        rm -f "$root/$1"
    else
        say "$root/$1 was changed since it was installed, it stays"
    fi
}

# bring_back PATH: the file as it was, or none where there was none
bring_back() {
    rm -f "$root/$1.ruleset-lint"
    [ -e "$state/installed" ] || return 0
    if [ -e "$state/files/$1" ]; then
        replace "$1"
    elif [ ! -e "$here/before/$1" ]; then
        take_away "$1"
    fi
}

# take_folders: those that were made for new files, if nobody else uses them
take_folders() {
    [ -e "$state/folders" ] || return 0
    while read -r folder; do
        rmdir "$folder" 2>/dev/null
    done <"$state/folders"
    return 0
}

bring_back_values() {
    while read -r value path; do
        case $path in
            /proc/sys/net/* | /sys/module/*) ;;
            *) continue ;;
        esac
        [ ! -w "$path" ] || [ "$(cat "$path")" = "$value" ] || (printf '%s' "$value" >"$path") 2>/dev/null
    done <"$state/values"
    return 0
}

bring_all_back() {
    failed=no
    step bring_back_values
    step bring_back etc/modprobe.d/nf_conntrack.conf
    step bring_back etc/modules-load.d/nf_conntrack.conf
    step bring_back etc/sysconfig/iptables-config
    step bring_back etc/sysctl.d/90-conntrack.conf
    step take_folders
}

# finish: nothing is left but what was saved, under another name
finish() {
    settle
    rm -rf "$state.done"
    mv "$state" "$state.done"
}

# ---- the watcher

# waits PROCESS: it is the one that is at work here, and not another with its number
waits() { at_work "$work/main" && [ "$number" = "$1" ]; }

# count_down SECONDS PROCESS: who makes the folder first decides, the clock or the answer; a shell may see a signal only
# when a line was typed, and is then ended for good
count_down() {
    left=$1
    while [ "$left" -gt 0 ]; do
        sleep 1
        left=$((left - 1))
        waits "$2" || exit 0
    done
    mkdir "$work/decided" 2>/dev/null || exit 0
    : >"$work/late"
    kill "$2"
    sleep 2
    if waits "$2"; then kill -KILL "$2"; fi
}

# watch_over PROCESS SECONDS: goes on when the connection to the machine is lost, and waits until apply.sh and all that
# it has started are gone: no command of theirs can load anything behind the back of what is done here
watch_over() {
    trap '' HUP INT QUIT TERM PIPE TSTP
    mark "$work/watcher"
    while read -r word; do
        case $word in
            loading)
                count_down "$2" "$1" >/dev/null 2>&1 </dev/null &
                clock=$!
                ;;
            answered) stop_clock ;;
        esac
    done
    stop_clock
    if [ -e "$state" ] && [ ! -e "$state/kept" ]; then come_back; fi
    rm -rf "$work"
}

stop_clock() {
    [ -z "$clock" ] || kill -KILL "$clock" 2>/dev/null
    clock=
}

# come_back: what is busy now may be free a little later
come_back() {
    tries=0
    bring_all_back
    while [ "$failed" = yes ] && [ "$tries" -lt 5 ]; do
        tries=$((tries + 1))
        sleep 2
        bring_all_back
    done
    if [ "$failed" = yes ] || ! finish; then
        tell "not everything could be brought back, what was saved is kept in $state: run rollback.sh"
        [ ! -e "$work/log" ] || mv -f "$work/log" "$state/log"
        rm -rf "$work"
        exit 1
    fi
    say "everything is as it was"
}

# ---- what is done

if [ "$dry" = yes ]; then
    bring_all_back
    exit 0
fi
if [ "$watch" = yes ]; then
    watch_over "$2" "$3"
    exit 0
fi

check_tools
take_work
if [ ! -e "$state" ]; then
    rm -rf "$work"
    [ -e "$state.done" ] || die "$state has nothing to bring back: apply.sh was not run from here"
    say "everything was brought back already"
    exit 0
fi
come_back
rm -rf "$work"
