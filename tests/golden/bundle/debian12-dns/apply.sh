#!/bin/sh
# Puts the files of this folder into effect: loads the rules, asks, and rolls back unless the answer is yes in time.
#
#   sh apply.sh --dry-run      show what would be done, change nothing
#   sh apply.sh                load, ask, install
#   sh apply.sh --timeout 120  wait so many seconds for the answer (default 60)
#
# Rules are loaded before they are installed, and raw is loaded last: what untracks must not be live before what accepts.
set -u
LC_ALL=C
PATH=${PATH:-/bin}:/usr/sbin:/sbin:/usr/bin:/bin
export LC_ALL PATH
umask 077

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 2
state=$here/rollback
root=${RULESET_LINT_ROOT:-}
timeout=60
dry=no

say() { printf '%s\n' "apply.sh: $*"; }
die() { printf '%s\n' "apply.sh: $*" >&2; exit 1; }

# run COMMAND...: do it, or with --dry-run only show it
run() {
    if [ "$dry" = yes ]; then
        printf '+'; printf ' %s' "$@"; printf '\n'
        return 0
    fi
    "$@"
}

while [ $# -gt 0 ]; do
    case $1 in
        --dry-run) dry=yes ;;
        --timeout)
            [ $# -ge 2 ] || die "--timeout wants a number of seconds"
            shift
            timeout=$1
            ;;
        *) die "unknown word $1, there are --dry-run and --timeout SECONDS" ;;
    esac
    shift
done
case $timeout in
    '' | 0* | *[!0-9]* | ??????*) die "--timeout wants a number of seconds from 1 to 99999" ;;
esac

# ---- is everything there, and as it was when the files were written anew?

check_tools() {
    [ "$(id -u)" = 0 ] || die "only root can load rules"
    for tool in iptables-restore iptables-save ip6tables-restore ip6tables-save awk cmp cp grep mv sleep; do
        command -v "$tool" >/dev/null 2>&1 || die "$tool is not there"
    done
    [ ! -e "$state" ] || die "$state is there from an earlier run: roll back with rollback.sh, or move it away"
}

# as_read PATH: the file of this machine is still the one that was read
as_read() {
    [ ! -L "$root/$1" ] || die "$root/$1 is a link, put the file that it leads to there"
    cmp -s "$here/before/$1" "$root/$1" || die "$root/$1 is not the file that was read: rewrite it again"
}

# not_there PATH: a file that is new here is new on this machine too
not_there() {
    [ ! -L "$root/$1" ] || die "$root/$1 is a link"
    [ ! -e "$root/$1" ] || die "$root/$1 is there, and was not given: give it to ruleset-lint rewrite as well"
}

check_files() {
    :
    as_read etc/iptables/rules.v4
    as_read etc/iptables/rules.v6
    not_there etc/modprobe.d/nf_conntrack.conf
    not_there etc/modules-load.d/nf_conntrack.conf
    not_there etc/sysctl.d/90-conntrack.conf
    as_read etc/sysctl.d/local.conf
}

check_rules() {
    :
    run iptables-restore --test -w 30 "$here/live/v4-raw.rules" || die 'iptables-restore refuses live/v4-raw.rules'
    run ip6tables-restore --test -w 30 "$here/live/v6-raw.rules" || die 'ip6tables-restore refuses live/v6-raw.rules'
}

# ---- what has to come back

# save_table PROGRAM TABLE FILE: the table as it is; one that is not there is saved as an empty one
save_table() {
    "$1" -t "$2" >"$3.new" 2>/dev/null
    if ! grep -q "^\*$2" "$3.new"; then
        case $2 in
            raw) chains='PREROUTING OUTPUT' ;;
            filter) chains='INPUT FORWARD OUTPUT' ;;
            *) chains='PREROUTING INPUT FORWARD OUTPUT POSTROUTING' ;;
        esac
        {
            printf '*%s\n' "$2"
            for chain in $chains; do printf ':%s ACCEPT [0:0]\n' "$chain"; done
            printf 'COMMIT\n'
        } >"$3.new"
    fi
    mv -f "$3.new" "$3"
}

save_state() {
    mkdir "$state" || return 1
    save_table iptables-save raw "$state/v4-raw.rules" || return 1
    save_table ip6tables-save raw "$state/v6-raw.rules" || return 1
    : >"$state/values"
    [ ! -r /sys/module/nf_conntrack/parameters/hashsize ] || printf '%s %s\n' "$(cat /sys/module/nf_conntrack/parameters/hashsize)" /sys/module/nf_conntrack/parameters/hashsize >>"$state/values"
    [ ! -r /proc/sys/net/netfilter/nf_conntrack_max ] || printf '%s %s\n' "$(cat /proc/sys/net/netfilter/nf_conntrack_max)" /proc/sys/net/netfilter/nf_conntrack_max >>"$state/values"
    [ ! -r /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established ] || printf '%s %s\n' "$(cat /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established)" /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established >>"$state/values"
    [ ! -r /proc/sys/net/netfilter/nf_conntrack_udp_timeout ] || printf '%s %s\n' "$(cat /proc/sys/net/netfilter/nf_conntrack_udp_timeout)" /proc/sys/net/netfilter/nf_conntrack_udp_timeout >>"$state/values"
    : >"$state/complete"
}

# ---- loading: what accepts first, then what untracks

load() {
    :
    run iptables-restore -w 30 "$here/live/v4-raw.rules" || return 1
    run ip6tables-restore -w 30 "$here/live/v6-raw.rules" || return 1
}

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
    raise_value 262144 /sys/module/nf_conntrack/parameters/hashsize
    raise_value 262144 /proc/sys/net/netfilter/nf_conntrack_max
    set_value 7440 /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established
    set_value 20 /proc/sys/net/netfilter/nf_conntrack_udp_timeout
}

# ---- after the answer

# install_file PATH MODE: whole or not at all; a file that is there keeps its owner and mode
install_file() {
    target=$root/$1
    if [ "$dry" = yes ]; then
        printf '+ install %s\n' "$target"
        return 0
    fi
    mkdir -p "$(dirname -- "$state/files/$1")" || return 1
    (umask 022 && mkdir -p "$(dirname -- "$target")") || return 1
    if [ -e "$target" ]; then
        cp -p "$target" "$state/files/$1" && cp -p "$target" "$target.ruleset-lint" || return 1
        cat "$here/$1" >"$target.ruleset-lint" || return 1
    else
        cat "$here/$1" >"$target.ruleset-lint" && chmod "$2" "$target.ruleset-lint" || return 1
    fi
    mv -f "$target.ruleset-lint" "$target" || return 1
    if command -v restorecon >/dev/null 2>&1; then restorecon "$target" 2>/dev/null; fi
    return 0
}

install_files() {
    : >"$state/installed" || return 1
    install_file etc/iptables/rules.v4 0600 || return 1
    install_file etc/iptables/rules.v6 0600 || return 1
    install_file etc/modprobe.d/nf_conntrack.conf 0644 || return 1
    install_file etc/modules-load.d/nf_conntrack.conf 0644 || return 1
    install_file etc/sysctl.d/90-conntrack.conf 0644 || return 1
    install_file etc/sysctl.d/local.conf 0644 || return 1
}

# Entries of connections that are untracked from now on: only those to addresses of this machine, so that its own
# connections to other servers stay
forget_entries() {
    if ! command -v conntrack >/dev/null 2>&1 || ! command -v ip >/dev/null 2>&1; then
        say "conntrack or ip is not there: old entries of the services stay until they time out"
        return 0
    fi
    ip -o -4 addr show | awk '$2 != "lo" { sub("/.*", "", $4); print $4 }' | while read -r address; do
        case $address in '' | *[!0-9a-fA-F.:]*) continue ;; esac
        run conntrack -D -f ipv4 -p udp --orig-dst "$address" --dport 53 >/dev/null 2>&1 </dev/null
        run conntrack -D -f ipv4 -p tcp --orig-dst "$address" --dport 53 >/dev/null 2>&1 </dev/null
    done
    ip -o -6 addr show | awk '$2 != "lo" { sub("/.*", "", $4); print $4 }' | while read -r address; do
        case $address in '' | *[!0-9a-fA-F.:]*) continue ;; esac
        run conntrack -D -f ipv6 -p udp --orig-dst "$address" --dport 53 >/dev/null 2>&1 </dev/null
        run conntrack -D -f ipv6 -p tcp --orig-dst "$address" --dport 53 >/dev/null 2>&1 </dev/null
    done
}

# roll_back REASON: once only; whoever makes the folder first decides, the clock or the answer
roll_back() {
    mkdir "$state/decided" 2>/dev/null || { say "the time was over, everything is as it was"; return 0; }
    say "$1: rolling back"
    sh "$here/rollback.sh"
}

# The clock goes on when the connection to the machine is lost and this script with it; it never rolls back while rules
# are being loaded, which would leave half of both
start_clock() {
    (
        trap '' HUP INT
        sleep "$timeout"
        while [ -e "$state/loading" ] && kill -0 "$main" 2>/dev/null; do sleep 1; done
        roll_back "no answer in $timeout seconds"
    ) >/dev/null 2>&1 </dev/null &
    clock=$!
}

if [ "$dry" = yes ]; then
    say "nothing is changed, this is what would be done"
    check_rules
    load
    set_values
    install_file etc/iptables/rules.v4 0600
    install_file etc/iptables/rules.v6 0600
    install_file etc/modprobe.d/nf_conntrack.conf 0644
    install_file etc/modules-load.d/nf_conntrack.conf 0644
    install_file etc/sysctl.d/90-conntrack.conf 0644
    install_file etc/sysctl.d/local.conf 0644
    run conntrack -D -f ipv4 -p udp --orig-dst 'each address of this machine' --dport 53
    run conntrack -D -f ipv4 -p tcp --orig-dst 'each address of this machine' --dport 53
    run conntrack -D -f ipv6 -p udp --orig-dst 'each address of this machine' --dport 53
    run conntrack -D -f ipv6 -p tcp --orig-dst 'each address of this machine' --dport 53
    exit 0
fi

check_tools
check_files
check_rules
save_state || { rm -rf "$state"; die "the rules that are loaded cannot be saved, nothing was changed"; }

main=$$
: >"$state/loading"
start_clock
if ! load; then
    kill "$clock" 2>/dev/null
    roll_back "the rules do not load"
    exit 1
fi
set_values
rm -f "$state/loading"

printf 'The rules are loaded. Open a new connection to this machine to see that it can be reached.\n'
printf 'Type yes within %s seconds to keep them: ' "$timeout"
answer=
read -r answer || answer=
if [ "$answer" != yes ]; then
    kill "$clock" 2>/dev/null
    roll_back "the answer was not yes"
    exit 1
fi
if ! mkdir "$state/decided" 2>/dev/null; then
    die "the answer came too late, everything is as it was"
fi
kill "$clock" 2>/dev/null
if ! install_files; then
    say "a file cannot be written: rolling back"
    sh "$here/rollback.sh"
    exit 1
fi
forget_entries
say "done; rollback.sh undoes it"
