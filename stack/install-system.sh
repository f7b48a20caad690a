#!/bin/sh
# Installs the programs that pg2es and its stack need, where apt is there and may be used; elsewhere names all that
# is missing in one message. Instant when nothing is. With the argument `browser`, also the Chromium of the tests and the
# packet filter that cuts their links; with `everything`, also the Redis of the long ones and what moves
# a server's clock.
set -eu
wanted=${1:-}
here=$(dirname "$0")

has() { command -v "$1" >/dev/null 2>&1; }
has_jdk() { has javac && [ "$(javac -version 2>&1 | sed -E 's/^javac ([0-9]+).*/\1/')" -ge 17 ]; }

find_missing() {
    "$here/find-python.sh" >/dev/null || echo python
    has_jdk || echo jdk
    has mvn || echo maven
    has xz || echo xz
    has setpriv || echo setpriv
    [ "$wanted" != browser ] && [ "$wanted" != everything ] || has chromium || echo chromium
    [ "$wanted" != browser ] && [ "$wanted" != everything ] || has nft || has /usr/sbin/nft || echo nftables
    [ "$wanted" != everything ] || has redis-server || echo redis
    [ "$wanted" != everything ] || has faketime || echo faketime
}

describe() {
    case $1 in
        python) echo "Python 3.11 or newer, with venv" ;;
        jdk) echo "a JDK, 17 or newer" ;;
        maven) echo "Maven 3.8 or newer" ;;
        xz) echo "xz (xz-utils)" ;;
        setpriv) echo "setpriv (util-linux)" ;;
        chromium) echo "Chromium, as /usr/bin/chromium" ;;
        nftables) echo "nftables, as nft" ;;
        redis) echo "Redis, as redis-server" ;;
        faketime) echo "libfaketime, as faketime" ;;
    esac
}

# The first of the named packages that this release of Debian or Ubuntu has.
pick() {
    for package in "$@"; do
        if [ -n "$(apt-cache search --names-only "^$package\$")" ]; then
            echo "$package"
            return
        fi
    done
}

list_packages() {
    for part in "$@"; do
        case $part in
            python) python=$(pick python3.11 python3.12 python3.13) && echo "$python $python-venv" ;;
            jdk) pick openjdk-17-jdk-headless openjdk-21-jdk-headless ;;
            maven) echo maven ;;
            xz) echo xz-utils ;;
            setpriv) echo util-linux ;;
            chromium) echo chromium ;;
            nftables) echo nftables ;;
            redis) echo redis-server ;;
            faketime) echo faketime ;;
        esac
    done
}

missing=$(find_missing)
[ -n "$missing" ] || exit 0

as_root=
[ "$(id -u)" = 0 ] || as_root="sudo -n"
if has apt-get && { [ -z "$as_root" ] || $as_root true 2>/dev/null; }; then
    $as_root apt-get update -qq
    # Both lists are words to be split.
    # shellcheck disable=SC2046,SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(list_packages $missing)
    missing=$(find_missing)
fi

if [ -n "$missing" ]; then
    echo "pg2es needs what is not on this machine:" >&2
    for part in $missing; do
        echo "  - $(describe "$part")" >&2
    done
    exit 1
fi
