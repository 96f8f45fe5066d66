# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# lib.sh — what quickstart, test, bench and install-packages share. Sourced, from the repository
# root, with `set -euo pipefail` in force.

say()  { printf '%s\n' "$*"; }
warn() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die()  { warn "$*"; exit 1; }

# The folder of everything that a build makes; the Makefile reads the same name.
BUILD=${BUILD:-build}

# step TEXT COMMAND... runs the command with its output in a file, and shows that time passes: a
# counter on a terminal, else a line every 15 s. Of a command that fails it prints the last lines.
# Returns the command's status. STEP_LOG then names the output.
STEP_LOG='' STEP_PID='' STEP_LOGS=()
step() {
    local text=$1 began=$SECONDS shown=0 rc=0
    shift
    STEP_LOG=$(mktemp "${TMPDIR:-/tmp}/fmnistd-step.XXXXXX")
    STEP_LOGS+=("$STEP_LOG")
    [ -t 1 ] || say "  $text ..."
    "$@" >"$STEP_LOG" 2>&1 </dev/null &
    STEP_PID=$!
    while kill -0 "$STEP_PID" 2>/dev/null; do
        if [ -t 1 ]; then
            printf '\r  %s ... %d s' "$text" $((SECONDS - began))
        elif [ $((SECONDS - began - shown)) -ge 15 ]; then
            shown=$((SECONDS - began))
            say "  $text ... ${shown} s so far"
        fi
        sleep 0.2
    done
    wait "$STEP_PID" || rc=$?
    STEP_PID=''
    if [ -t 1 ]; then printf '\r\033[K'; fi
    if [ "$rc" -eq 0 ]; then
        say "  $text: done in $((SECONDS - began)) s"
    else
        say "  $text: FAILED after $((SECONDS - began)) s (exit status $rc); the last lines:"
        tail -n 40 "$STEP_LOG" | sed 's/^/    | /'
    fi
    return "$rc"
}

# Ends a step that an interrupt left running (background jobs of a script ignore SIGINT), and
# removes the files. For the caller's EXIT trap.
end_steps() {
    [ -z "$STEP_PID" ] || kill "$STEP_PID" 2>/dev/null || true
    [ ${#STEP_LOGS[@]} -eq 0 ] || rm -f "${STEP_LOGS[@]}"
}

jobs_count() { nproc 2>/dev/null || echo 2; }

# find_python: sets PYTHON to a Python 3.11 that can make environments; 3.11 is what every framework
# release of scripts/python-env has wheels for.
find_python() {
    for PYTHON in "${PYTHON:-python3}" /usr/bin/python3 python3.11; do
        "$PYTHON" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' \
            2>/dev/null && return 0
    done
    return 1
}

# machine_of: the machine that $CC makes programs for, as uname -m has it.
machine_of() {
    local triplet
    # shellcheck disable=SC2086  # a compiler with its options
    triplet=$(${CC:-gcc} -dumpmachine) || return 1
    if [ "$triplet" = "$(gcc -dumpmachine 2>/dev/null)" ]; then uname -m; else say "${triplet%%-*}"; fi
}

# shellcheck disable=SC2034  # FOREIGN_* are for the caller
# cross_to MACHINE: sets FOREIGN_ROOT to what programs of that machine are built with, and FOREIGN_MAKE
# to what make is told of it.
cross_to() {
    local architecture
    case $1 in
    aarch64) architecture=arm64 ;;
    *) warn "cross builds are for aarch64, not for $1"; return 1 ;;
    esac
    FOREIGN_ROOT=$(scripts/foreign-root "$architecture") || return 1
    FOREIGN_MAKE=(CFLAGS="--sysroot=$FOREIGN_ROOT" PYTHON_INCLUDE="$(echo "$FOREIGN_ROOT"/usr/include/python3.*)")
    export PKG_CONFIG_SYSROOT_DIR=$FOREIGN_ROOT PKG_CONFIG_LIBDIR=$FOREIGN_ROOT/usr/lib/$1-linux-gnu/pkgconfig
}

# ---- datasets -------------------------------------------------------------------------------

IDX_FILES='train-images-idx3-ubyte train-labels-idx1-ubyte t10k-images-idx3-ubyte t10k-labels-idx1-ubyte'

# has_idx_file FOLDER NAME: whether it is there to read, plain or .gz, as "-idx" or ".idx".
has_idx_file() {
    local name
    for name in "$2" "${2/-idx/.idx}"; do
        if [ -r "$1/$name" ] || [ -r "$1/$name.gz" ]; then return 0; fi
    done
    return 1
}

# Whether the folder holds the four files.
is_idx_set() {
    local file
    for file in $IDX_FILES; do
        has_idx_file "$1" "$file" || return 1
    done
}

# why_no_idx_set FOLDER: what keeps it from being one, as the end of a sentence.
why_no_idx_set() {
    local file below has
    if [ ! -e "$1" ]; then say "there is no such folder"; return; fi
    if [ ! -d "$1" ]; then say "that is a file, want the folder of the four IDX files"; return; fi
    if [ ! -r "$1" ] || [ ! -x "$1" ]; then say "no permission to read that folder"; return; fi
    for below in "$1"/*/; do
        if is_idx_set "$below"; then say "the files are in its folder $(basename "$below")"; return; fi
    done
    for file in $IDX_FILES; do
        has_idx_file "$1" "$file" || break
    done
    has=$(find "$1" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | sed -n 1,8p | paste -sd ' ' -)
    say "no readable $file there (or with a dot, ${file/-idx/.idx}; plain or .gz);" \
        "${has:+it has: }${has:-the folder is empty}"
}

# Where downloads and the synthetic set are kept. A relative XDG_DATA_HOME does not count, as its
# specification has it.
data_home() {
    local base=${XDG_DATA_HOME:-}
    case $base in /*) ;; *) base=${HOME:-/var/tmp}/.local/share ;; esac
    say "$base/fmnistd/datasets"
}

# relative_to FOLDER PATH: the path of one who stands in FOLDER.
relative_to() {
    case $2 in /*) say "$2" ;; *) say "$1/$2" ;; esac
}

# shellcheck disable=SC2034  # DATASET_* are for the caller
# find_dataset: sets DATASET_DIR and DATASET_FROM to a Fashion-MNIST that is already here. The
# order: what the user said, Debian's package, what frameworks keep, our own download.
find_dataset() {
    local dir home=${HOME:-/nonexistent}
    if [ -n "${FMNIST_DATA:-}" ]; then
        is_idx_set "$FMNIST_DATA" ||
            die "FMNIST_DATA=$FMNIST_DATA: $(why_no_idx_set "$FMNIST_DATA"); it should be a folder with ${IDX_FILES// /, }"
        DATASET_DIR=$(cd "$FMNIST_DATA" && pwd) DATASET_FROM='FMNIST_DATA'
        return 0
    fi
    while IFS='|' read -r DATASET_FROM dir; do
        if is_idx_set "$dir"; then
            DATASET_DIR=$(cd "$dir" && pwd)
            return 0
        fi
    done <<EOF
Debian's package dataset-fashion-mnist|/usr/share/datasets/fashion-mnist
torchvision's copy|data/FashionMNIST/raw
torchvision's or d2l's copy|../data/FashionMNIST/raw
torchvision's copy|$home/data/FashionMNIST/raw
torchvision's copy|$home/.pytorch/FashionMNIST/raw
Keras's copy|${KERAS_HOME:-$home/.keras}/datasets/fashion-mnist
MXNet's copy|${MXNET_HOME:-$home/.mxnet}/datasets/fashion-mnist
an earlier download|$(data_home)/fashion-mnist
EOF
    return 1
}

# ---- a private daemon -----------------------------------------------------------------------

DAEMON_PID='' DAEMON_DIR=''

# A YAML scalar that may hold anything a path may.
yaml_quote() { printf "'%s'" "${1//\'/\'\'}"; }

# start_daemon DATASET_DIR: runs fmnistd on a socket in a new folder that only this user can enter
# and exports FMNIST_SOCKET. Fails with the daemon's own words.
start_daemon() {
    local tries=0
    DAEMON_DIR=$(mktemp -d "${TMPDIR:-/tmp}/fmnistd.XXXXXX")
    mkdir -p "$BUILD/cache"
    cat >"$DAEMON_DIR/fmnistd.yaml" <<EOF
socket: $(yaml_quote "$DAEMON_DIR/fmnistd.sock")
cache: $(yaml_quote "$(cd "$BUILD/cache" && pwd)")
workers: auto
datasets:
  - name: fashion-mnist
    path: $(yaml_quote "$1")
EOF
    : >"$DAEMON_DIR/log"
    "$BUILD/fmnistd" -c "$DAEMON_DIR/fmnistd.yaml" 2>>"$DAEMON_DIR/log" >/dev/null </dev/null &
    DAEMON_PID=$!
    # -w: "already" is not "ready".
    until grep -qw ready "$DAEMON_DIR/log"; do
        if ! kill -0 "$DAEMON_PID" 2>/dev/null || [ "$tries" -ge 1200 ]; then
            warn "fmnistd did not become ready; its log says:"
            sed 's/^/    | /' "$DAEMON_DIR/log" >&2
            return 1
        fi
        tries=$((tries + 1))
        sleep 0.05
    done
    export FMNIST_SOCKET=$DAEMON_DIR/fmnistd.sock
}

# Ends the daemon that start_daemon began, by force after 10 s, and removes its folder.
stop_daemon() {
    local tries=0
    if [ -n "$DAEMON_PID" ]; then
        kill "$DAEMON_PID" 2>/dev/null || true
        while kill -0 "$DAEMON_PID" 2>/dev/null && [ "$tries" -lt 200 ]; do
            tries=$((tries + 1))
            sleep 0.05
        done
        kill -KILL "$DAEMON_PID" 2>/dev/null || true
        wait "$DAEMON_PID" 2>/dev/null || true
        DAEMON_PID=''
    fi
    [ -z "$DAEMON_DIR" ] || rm -rf "$DAEMON_DIR"
    DAEMON_DIR=''
}

# json_number KEY: the first number of that key in a JSON text on standard input. Enough for the
# flat objects that fmnistctl and the benchmarks print, where neither jq nor Python need be there.
json_number() {
    sed -nE "s/.*[{, ]\"$1\": *(-?[0-9][0-9.eE+-]*).*/\1/p" | head -n 1
}
