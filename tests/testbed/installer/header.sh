#!/bin/sh
#
# NAME:  @NAME@
# VER:   @TAG@
# PLAT:  linux-64
# MD5:   @MD5@
#
# A self-extracting installer for the test bed: same options, order of steps, messages and exit statuses as the
# installers that constructor makes (https://github.com/conda/constructor, constructor/header.sh).

set -eu

unset LD_LIBRARY_PATH LD_PRELOAD LD_AUDIT CONDARC MAMBARC 2>/dev/null || :
unset PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONDONTWRITEBYTECODE 2>/dev/null || :

if ! echo "$0" | grep '\.sh$' > /dev/null; then
    printf 'Please run using "bash"/"dash"/"sh"/"zsh", but not "." or "source".\n' >&2
    exit 1
fi

THIS_DIR=$(DIRNAME=$(dirname "$0"); cd "$DIRNAME"; pwd)
THIS_FILE=$(basename "$0")
THIS_PATH="$THIS_DIR/$THIS_FILE"
PREFIX="${HOME:-/opt}/miniconda3"
BATCH=0
FORCE=0
KEEP_PKGS=1
SKIP_SCRIPTS=0
INIT_CONDA=0
TEST=0
USAGE="
usage: $0 [options]

Installs @NAME@ @TAG@

-b           run install in batch mode (without manual intervention),
             it is expected the license terms (if any) are agreed upon
-c           run 'conda init' after installation (only applies to batch mode)
-f           no error if install prefix already exists
-h           print this help message and exit
-k           do not clear the package cache after installation
-m           disable the creation of menu items / shortcuts
-p PREFIX    install prefix, defaults to $PREFIX, must not contain spaces.
-s           skip running pre/post-link/install scripts
-u           update an existing installation
-t           run package tests after installation
"

while getopts "bcfhkmp:sut" x; do
    case "$x" in
        h) printf "%s\\n" "$USAGE"; exit 2 ;;
        b) BATCH=1 ;;
        c) INIT_CONDA=1 ;;
        f | u) FORCE=1 ;;
        k) KEEP_PKGS=1 ;;
        m) ;;
        p) PREFIX="$OPTARG" ;;
        s) SKIP_SCRIPTS=1 ;;
        t) TEST=1 ;;
        ?) printf "ERROR: did not recognize option '%s', please try -h\\n" "$x" >&2; exit 1 ;;
    esac
done

if [ "$(getconf GNU_LIBC_VERSION 2> /dev/null | cut -d' ' -f1)" = "glibc" ]; then
    system_glibc=$(getconf GNU_LIBC_VERSION | cut -d' ' -f2)
    if [ "$(printf '%s\n' "@GLIBC@" "$system_glibc" | sort -V | head -n 1)" != "@GLIBC@" ]; then
        printf "Installer requires GLIBC >=%s, but system has %s.\\n" "@GLIBC@" "$system_glibc" >&2
        exit 1
    fi
fi

# The archive follows this script; a download that was cut off is shorter.
if [ "$(wc -c < "$THIS_PATH")" -ne $((@HEADER_SIZE@ + @PAYLOAD_SIZE@)) ]; then
    printf "ERROR: size of %s should be %s bytes\\n" "$THIS_FILE" "$((@HEADER_SIZE@ + @PAYLOAD_SIZE@))" >&2
    exit 1
fi

if [ "$BATCH" = "0" ]; then
    printf "\\nWelcome to %s %s\\n\\n" "@NAME@" "@TAG@"
    printf "conda is distributed under the BSD-3-Clause license.\\nDo you accept the license terms? [yes|no]\\n>>> "
    read -r ans || ans=no
    case "$ans" in
        [Yy][Ee][Ss]) ;;
        *) printf "\\nThe license agreement wasn't approved, aborting installation.\\n"; exit 2 ;;
    esac
    printf "\\n%s will now be installed into this location:\\n%s\\n\\n[%s] >>> " "@NAME@" "$PREFIX" "$PREFIX"
    read -r user_prefix || user_prefix=
    PREFIX="${user_prefix:-$PREFIX}"
fi

case "$PREFIX" in
    *\ *) printf "ERROR: Cannot install into directories with spaces\\n" >&2; exit 1 ;;
esac
if [ "$FORCE" = "0" ] && [ -e "$PREFIX" ]; then
    printf "ERROR: File or directory already exists: '%s'\\n" "$PREFIX" >&2
    printf "If you want to update an existing installation, use the -u option.\\n" >&2
    exit 1
fi
if ! mkdir -p "$PREFIX"; then
    printf "ERROR: Could not create directory: '%s'\\n" "$PREFIX" >&2
    exit 1
fi
PREFIX=$(cd "$PREFIX"; pwd)

free_kb=$(df -Pk "$PREFIX" | tail -n 1 | awk '{print $4}')
if [ "$free_kb" -lt "$((@NEEDED_KB@ + 51200))" ]; then
    printf "ERROR: Not enough free disk space. Only %s KB are available, but %s KB are required (leaving a 50 MB buffer).\\n" \
        "$free_kb" "$((@NEEDED_KB@ + 51200))" >&2
    exit 1
fi

printf "PREFIX=%s\\n" "$PREFIX"

# As the real ones: a wrong checksum is only a warning. Who wants to be sure compares the sha256 of the whole file before.
MD5=$(tail -c +$((@HEADER_SIZE@ + 1)) "$THIS_PATH" | md5sum | cut -d' ' -f1)
if [ "$MD5" != "@MD5@" ]; then
    printf "WARNING: md5sum mismatch of tar archive\\nexpected: %s\\n     got: %s\\n" "@MD5@" "$MD5" >&2
fi

cd "$PREFIX"
TMP="$PREFIX/install_tmp"
export TMP TMPDIR="$TMP"
mkdir -p "$TMP"
if [ "$(id -u)" -ne 0 ]; then
    touch "$PREFIX/.nonadmin"
fi

printf "Unpacking payload ...\\n"
tail -c +$((@HEADER_SIZE@ + 1)) "$THIS_PATH" | tar -xf - -C "$PREFIX" || { printf "ERROR: Could not unpack the archive\\n" >&2; exit 1; }
BOOT="$TMP/boot"
mkdir -p "$BOOT" "$PREFIX/conda-meta"
gzip -dc "$TMP/boot.tar.gz" | tar -xf - -C "$BOOT" || { printf "ERROR: Could not unpack conda\\n" >&2; exit 1; }
touch "$PREFIX/conda-meta/history"

printf "\\nInstalling base environment...\\n\\n"
# conda itself installs, from the cache that was just unpacked: records, history and cache are its own.
CONDA_ROOT_PREFIX="$PREFIX" \
CONDA_PKGS_DIRS="$PREFIX/pkgs" \
CONDA_REGISTER_ENVS=true \
CONDA_SAFETY_CHECKS=disabled \
CONDA_EXTRA_SAFETY_CHECKS=no \
CONDA_QUIET=1 \
    "$BOOT/bin/python3.11" -I -B -m conda install --offline --yes --file "$PREFIX/conda-meta/initial-state.explicit.txt" --prefix "$PREFIX" \
    || { printf "ERROR: Could not install the packages\\n" >&2; exit 1; }

cd /
rm -rf "$TMP"
unset TMP TMPDIR

if [ "$KEEP_PKGS" = "0" ]; then
    rm -rf "$PREFIX/pkgs"
fi
if [ "$SKIP_SCRIPTS" = "1" ]; then
    printf "WARNING: skipping post-install scripts by user request\\n" >&2
fi
if [ "$TEST" = "1" ]; then
    printf "INFO: Running package tests ...\\n"
    "$PREFIX/bin/conda" --version
fi
if [ "$BATCH" = "1" ] && [ "$INIT_CONDA" = "1" ]; then
    "$PREFIX/bin/python" -m conda init
fi
printf "installation finished.\\n"
exit 0
