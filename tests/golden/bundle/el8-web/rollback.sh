#!/bin/sh
# Brings back what apply.sh has saved: the raw table first, so that nothing is untracked that is no longer accepted,
# then the others, the values of the kernel, and the files.
#
#   sh rollback.sh --dry-run   show what would be done, change nothing
#   sh rollback.sh             do it
set -u
LC_ALL=C
PATH=${PATH:-/bin}:/usr/sbin:/sbin:/usr/bin:/bin
export LC_ALL PATH
umask 077

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 2
state=$here/rollback
root=${RULESET_LINT_ROOT:-}
dry=no
failed=no

say() { printf '%s\n' "rollback.sh: $*"; }
die() { printf '%s\n' "rollback.sh: $*" >&2; exit 1; }

run() {
    if [ "$dry" = yes ]; then
        printf '+'; printf ' %s' "$@"; printf '\n'
        return 0
    fi
    "$@"
}

# step COMMAND...: what fails is told, and the rest is done all the same
step() {
    run "$@" || { say "failed: $*"; failed=yes; }
}

case ${1:-} in
    '') ;;
    --dry-run) dry=yes ;;
    *) die "unknown word $1, there is --dry-run" ;;
esac

# bring_back PATH: the file as it was, or none where there was none
bring_back() {
    if [ -e "$state/files/$1" ]; then
        cp -p "$state/files/$1" "$root/$1.ruleset-lint" && mv -f "$root/$1.ruleset-lint" "$root/$1"
    elif [ ! -e "$here/before/$1" ] && cmp -s "$here/$1" "$root/$1"; then
        rm -f "$root/$1"
    fi
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

if [ "$dry" = no ]; then
    [ "$(id -u)" = 0 ] || die "only root can load rules"
    [ -e "$state/complete" ] || die "$state has nothing to bring back: apply.sh was not run from here"
fi

step iptables-restore -w 30 "$state/v4-raw.rules"
step iptables-restore -w 30 "$state/v4-filter.rules"
step bring_back_values
if [ "$dry" = yes ] || [ -e "$state/installed" ]; then
    :
    step bring_back etc/modprobe.d/nf_conntrack.conf
    step bring_back etc/modules-load.d/nf_conntrack.conf
    step bring_back etc/sysconfig/iptables
    step bring_back etc/sysconfig/iptables-config
    step bring_back etc/sysctl.d/90-conntrack.conf
fi

if [ "$dry" = yes ]; then exit 0; fi
if [ "$failed" = yes ]; then die "not everything could be brought back, what was saved is kept in $state"; fi
mv "$state" "$state.done.$$" || exit 1
say "everything is as it was"
