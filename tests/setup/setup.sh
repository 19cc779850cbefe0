#!/bin/sh
# Copyright (c) 2026 lockstep founders
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Sets up what the Makefile needs; does nothing, quickly, where all is there.
#
#   tests/setup/setup.sh tools   private virtualenvs (build/venv; build/oracles with programs of others that judge our files) and
#                                the collection's link below build/collections
#   tests/setup/setup.sh hosts   the above, and Debian's packages that boot and reach the test hosts (as root)
#
# A virtualenv lies in the user's cache, under a name made of the pinned requirements and the Python version, so that
# clones share it and a changed pin makes a new one.
set -eu

cd "$(dirname "$0")/../.."
PATH="$PATH:/usr/sbin:/sbin:/usr/lib/podman:/usr/libexec/podman:/usr/local/libexec/podman"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/lockstep-gpufleet"

# What the tools need from Debian, as "command:package"; python3-venv has no command of its own.
tool_packages="git:git make:make ssh:openssh-client"
# podman's own dependencies name alternatives; these are the ones that work on every kernel we met.
host_packages="podman:podman runc:runc netavark:netavark aardvark-dns:aardvark-dns
    mmdebstrap:mmdebstrap nft:nftables iptables:iptables readelf:binutils visudo:sudo"

say() { printf '%s\n' "setup: $*" >&2; }
die() { say "$@"; exit 1; }

missing_packages() { # "command:package" ... -> the packages whose command is not there
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null 2>&1 || printf '%s ' "${pair##*:}"
    done
}

install_packages() { # package ...
    [ $# -gt 0 ] || return 0
    command -v apt-get >/dev/null 2>&1 || die "these are missing: $*. This is not Debian or Ubuntu (no apt-get):" \
        "install them by your own system's means, under its own names, and start again."
    [ "$(id -u)" = 0 ] || die "these Debian packages are missing: $*. Run this as root," \
        "or: sudo apt-get install --no-install-recommends $*"
    say "installing Debian packages: $*"
    export DEBIAN_FRONTEND=noninteractive
    # A fresh machine has no package lists; one with old lists fails to find a file and gets new ones.
    log=$(mktemp)
    if ! apt-get -o DPkg::Lock::Timeout=600 -qq install -y --no-install-recommends "$@" >"$log" 2>&1 </dev/null; then
        apt-get -o DPkg::Lock::Timeout=600 -qq update >"$log" 2>&1 </dev/null &&
            apt-get -o DPkg::Lock::Timeout=600 -qq install -y --no-install-recommends "$@" >"$log" 2>&1 </dev/null ||
            { tail -n 30 "$log" >&2; rm -f "$log"; die "apt-get could not install: $*. Its last lines stand above."; }
    fi
    rm -f "$log"
}

find_python() { # prints the first Python >= 3.11 that can make virtualenvs (ansible-core 2.19 asks for 3.11)
    for python in ${PYTHON:-} /usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11; do
        if "$python" -I -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            command -v "$python"
            return 0
        fi
    done
    return 1
}

choose_python() { # sets python and version
    if ! python=$(find_python); then
        if command -v apt-get >/dev/null 2>&1; then install_packages python3 python3-venv; fi
        python=$(find_python) || die "no Python >= 3.11 with venv and ensurepip was found (tried PYTHON=${PYTHON:-unset}," \
            "/usr/bin/python3, python3 and python3.11 to python3.14). Debian 12 and Ubuntu 24.04 have it as python3-venv;" \
            "elsewhere install one and name it: make PYTHON=/path/to/python3.12 ..."
    fi
    version=$("$python" -I -c 'import platform; print(platform.python_version(), platform.machine())')
}

make_virtualenv() { # requirements link: makes the virtualenv where it is missing, and points the link to it
    key=$({ cat "$1"; echo "$version"; } | sha256sum | cut -c1-16)
    link="$cache/venv/$key"
    if [ ! -x "$link/bin/python" ]; then
        mkdir -p "$cache/venv"
        # One set-up at a time makes it; the others wait and find it. The lock goes with the process.
        exec 9>"$cache/venv/.lock"
        if command -v flock >/dev/null 2>&1; then flock 9; fi
        if [ ! -x "$link/bin/python" ]; then
            say "making the virtualenv $link of $1 with Python $version (a minute or two, once)"
            # Scripts of a virtualenv hold its path, so it cannot be renamed into place: the name that says "complete"
            # is a link, and what an interrupted set-up left has none.
            final=$(mktemp -d "$cache/venv/$key.XXXXXX")
            # The caller's Python and pip settings would change what is installed; those about the network stay.
            (
                unset PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE PIP_FIND_LINKS PIP_NO_INDEX PIP_TARGET PIP_PREFIX \
                    PIP_USER PIP_CONSTRAINT PIP_REQUIREMENT PIP_REQUIRE_VIRTUALENV
                "$python" -I -m venv "$final"
                "$final/bin/python" -m pip -qq --disable-pip-version-check install --require-hashes \
                    --only-binary :all: -r "$1" </dev/null
            ) || { rm -rf "$final"; die "the virtualenv could not be made; pip's message stands above."; }
            ln -s "$(basename "$final")" "$final.link"
            mv -T "$final.link" "$link"
            find "$cache/venv" -mindepth 1 -maxdepth 1 -type d -name "$key.*" ! -path "$final" -exec rm -rf {} +
        fi
        exec 9>&-
    fi
    mkdir -p build/collections/ansible_collections/lockstep build/logs
    point "$2" "$link"
}

point() { # link target: makes or corrects the link by one rename
    [ "$(readlink "$1" 2>/dev/null)" = "$2" ] && return 0
    ln -s "$2" "$1.$$"
    mv -T "$1.$$" "$1"
}

case "${1:-}" in
tools) wanted=$tool_packages ;;
hosts) wanted="$tool_packages $host_packages" ;;
*) die "usage: tests/setup/setup.sh tools|hosts" ;;
esac
[ "$(uname -s)" = Linux ] || die "the test bed needs Linux; this is $(uname -s)."
# shellcheck disable=SC2046,SC2086 # lists of words on purpose
install_packages $(missing_packages $wanted)
choose_python
make_virtualenv tests/requirements.txt build/venv
make_virtualenv tests/oracles/requirements.txt build/oracles
point build/collections/ansible_collections/lockstep/gpufleet ../../../..
