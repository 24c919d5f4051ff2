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
    for tool in iptables-restore iptables-save ip6tables-restore ip6tables-save awk cmp cp grep mv sleep cat chmod dirname mkdir mkfifo rm rmdir sed sync; do
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
trial=no
own=
watcher=

while [ $# -gt 0 ]; do
    case $1 in
        --dry-run) dry=yes ;;
        --trial)
            [ $# -ge 2 ] || die "--trial is for apply.sh itself"
            trial=yes own=$2
            shift
            ;;
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

# as_read PATH: the file of this machine is still the one that was read
as_read() {
    if [ -L "$root/$1" ]; then
        tell "$root/$1 is a link, put the file that it leads to there"
    elif ! cmp -s "$here/before/$1" "$root/$1"; then
        tell "$root/$1 is not the file that was read: rewrite it again"
    else
        return 0
    fi
    return 1
}

check_files() {
    :
    as_read etc/iptables/rules.v4 || return 1
    as_read etc/iptables/rules.v6 || return 1
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

# save_table PROGRAM TABLE FILE: the table as it is; one that is not there is saved as an empty one
save_table() {
    "$1" -t "$2" >"$3.new" || return 1
    if ! grep -q "^\*$2" "$3.new"; then
        if grep -q incompatible "$3.new"; then
            tell "$1: table $2 has rules that only nft knows"
            return 1
        fi
        empty_table "$2" >"$3.new" || return 1
    fi
    grep -q '^COMMIT' "$3.new" && mv -f "$3.new" "$3"
}

empty_table() {
    case $1 in
        raw) chains='PREROUTING OUTPUT' ;;
        filter) chains='INPUT FORWARD OUTPUT' ;;
        *) chains='PREROUTING INPUT FORWARD OUTPUT POSTROUTING' ;;
    esac
    printf '*%s\n' "$1"
    for chain in $chains; do printf ':%s ACCEPT [0:0]\n' "$chain"; done
    printf 'COMMIT\n'
}

save_tables() {
    mkdir "$1" || return 1
    save_table iptables-save filter "$1/v4-filter.rules" || return 1
    save_table ip6tables-save filter "$1/v6-filter.rules" || return 1
}

save_state() {
    save_tables "$work/state" || return 1
    printf '' >"$work/state/values" || return 1
}

# ---- loading: what accepts first, then what untracks

load_first() {
    :
    run iptables-restore -w 30 "$here/live/v4-first.rules" || return 1
    run ip6tables-restore -w 30 "$here/live/v6-first.rules" || return 1
}

load_raw() {
    :
}

# plain FILE: its rules, without comments and counters
plain() { sed -e '/^#/d' -e '/^$/d' -e 's/ *\[[0-9]*:[0-9]*\]$//' "$1"; }

same_rules() { [ "$(plain "$1")" = "$(plain "$2")" ]; }

# same_tables FOLDER FOLDER
same_tables() {
    :
    same_rules "$1/v4-filter.rules" "$2/v4-filter.rules" || return 1
    same_rules "$1/v6-filter.rules" "$2/v6-filter.rules" || return 1
}

# marked FILE...: how many rules the rewrite has put there
marked() { cat "$@" | grep -c '^-A .*ruleset-lint'; }

# check_loaded: what is loaded is what was meant: what the trial had, or at least as many new rules
check_loaded() {
    save_tables "$work/loaded" || return 1
    if [ -e "$work/tried" ]; then
        same_tables "$work/meant" "$work/loaded" || return 1
        return 0
    fi
    [ "$(marked "$here/live/v4"-*)" = "$(marked "$work/loaded/v4"-*)" ] || return 1
    [ "$(marked "$here/live/v6"-*)" = "$(marked "$work/loaded/v6"-*)" ] || return 1
}

# ---- the trial: a restore that only tests does not ask the kernel; a network namespace of its own does, and harms nobody

# save_all: all that is loaded now, and the sets that its rules name
save_all() {
    :
    iptables-save >"$work/now-v4.rules" || return 1
    ip6tables-save >"$work/now-v6.rules" || return 1
    if command -v ipset >/dev/null 2>&1; then ipset save >"$work/sets" 2>/dev/null; fi
    return 0
}

# in_trial: in a namespace of its own. 3: the rules of today do not load there, it is no judge; 4: no way back
in_trial() {
    other=$(readlink /proc/self/ns/net) || return 3
    [ -n "$other" ] && [ "$other" != "$own" ] || return 3
    XTABLES_LOCKFILE=$work/lock
    export XTABLES_LOCKFILE
    if [ -s "$work/sets" ]; then ipset restore <"$work/sets" 2>/dev/null || return 3; fi
    iptables-restore -w 30 "$work/now-v4.rules" 2>/dev/null || return 3
    ip6tables-restore -w 30 "$work/now-v6.rules" 2>/dev/null || return 3
    load_first && load_raw || return 1
    save_tables "$work/meant" || return 3
    iptables-restore -w 30 "$work/state/v4-filter.rules" || return 4
    ip6tables-restore -w 30 "$work/state/v6-filter.rules" || return 4
    save_tables "$work/again" && same_tables "$work/state" "$work/again" || return 4
    : >"$work/tried"
}

test_rules() {
    :
    run iptables-restore --test -w 30 "$here/live/v4-first.rules" || leave 'iptables-restore refuses live/v4-first.rules'
    run ip6tables-restore --test -w 30 "$here/live/v6-first.rules" || leave 'ip6tables-restore refuses live/v6-first.rules'
}

check_rules() {
    result=3
    own=$(readlink /proc/self/ns/net 2>/dev/null) || own=
    if [ -n "$own" ] && command -v unshare >/dev/null 2>&1 && unshare -n true 2>/dev/null && save_all; then
        unshare -n sh "$here/apply.sh" --trial "$own"
        result=$?
    fi
    case $result in
        0) say "the rules and the way back from them were loaded on trial, in a network namespace of their own" ;;
        1) leave "the kernel refuses the rules" ;;
        3)
            say "the rules cannot be loaded on trial here: they are read, the kernel is not asked"
            test_rules
            ;;
        4) leave "there is no way back to the rules that are loaded now" ;;
        *) leave "the trial was ended" ;;
    esac
}

# ---- numbers of the running kernel

set_values() {
    :
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
    stage_file etc/iptables/rules.v4 0600 || return 1
    stage_file etc/iptables/rules.v6 0600 || return 1
    settle
    mark "$state/installed" || return 1
    put_file etc/iptables/rules.v4 || return 1
    put_file etc/iptables/rules.v6 || return 1
    cmp -s "$here/"etc/iptables/rules.v4 "$root/"etc/iptables/rules.v4 || return 1
    cmp -s "$here/"etc/iptables/rules.v6 "$root/"etc/iptables/rules.v6 || return 1
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
    run unshare -n iptables-restore -w 30 'the rules that are loaded now, those of live/ on top of them, and back'
    run unshare -n ip6tables-restore -w 30 'the rules that are loaded now, those of live/ on top of them, and back'
    test_rules
    run iptables-save -t filter '>' "$state/v4-filter.rules"
    run ip6tables-save -t filter '>' "$state/v6-filter.rules"
    run sh "$here/rollback.sh" --watch
    load_first
    load_raw
    set_values
    printf '+ ask, and bring everything back unless the answer is yes within %s seconds\n' "$timeout"
    run install -m 0600 "$here/"etc/iptables/rules.v4 "$root/"etc/iptables/rules.v4
    run install -m 0600 "$here/"etc/iptables/rules.v6 "$root/"etc/iptables/rules.v6
}

ask() {
    printf 'The rules are loaded. Open a new connection to this machine to see that it can be reached.\n'
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
if [ "$trial" = yes ]; then
    in_trial
    exit
fi

check_tools
[ ! -e "$state" ] || die "$state is there from an earlier run: roll back with rollback.sh, or move it away"
check_files || exit 1
take_work
start_watcher
save_state || leave "the rules that are loaded cannot be saved"
check_rules
await_watcher
mv "$work/state" "$state" || leave "$state cannot be made"
announce loading || leave "the process that brings everything back is gone"
load_first || leave "the rules do not load"
mark "$state/untracked" || leave "$state cannot be written"
load_raw || leave "the rules do not load"
check_loaded || leave "what is loaded is not what was meant"
set_values
ask
install_files || leave "a file cannot be written"
say "the files are installed, rollback.sh undoes it"
show_count
exec 9>&-
wait "$watcher"
exit 0
