# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# packages.sh — what scripts/test tries of packages and installations. Sourced by it, behind its own
# functions: check, suite, tally.
# shellcheck disable=SC2154  # make, scratch, python, package_python and prefix are scripts/test's

# ---- the Python package as a wheel, as a source package that is away from the tree, and in the tree,
# ---- which stays as it is: installed and used by one who has nothing else

# python_wheel [OPTION]: options are those of scripts/wheels.
python_wheel() {
    WERROR=1 scripts/wheels "$@" -o "$scratch/wheels" &&
        scripts/try-package "$package_python" "$scratch"/wheels/fmnist-*.whl | tee "$scratch/tried-here"
}
python_source_package() {
    (cd src/python && "$python" -c '
import sys
from setuptools.build_meta import build_sdist
build_sdist(sys.argv[1])' "$scratch/sdist") &&
        scripts/try-package "$python" "$scratch"/sdist/fmnist-*.tar.gz
}
python_editable() {
    local before after
    before=$(git status --porcelain) || return 1
    WERROR=1 scripts/try-package "$python" ./src/python -e || return 1
    after=$(git status --porcelain)
    [ "$before" = "$after" ] || { say "it left:" "$after"; return 1; }
}

# ---- for another machine: cross builds, run by QEMU in a root of that machine's own. proot has QEMU run
# ---- what those programs start, too, without a change of this machine

# emulator: sets emulator to the command that runs others as that machine would. Behind cross_to.
emulator() {
    emulator=(proot -q qemu-aarch64-static -r "$FOREIGN_ROOT" -w "$PWD")
    local folder
    # With TMPDIR=$scratch: proot finds nothing by /proc/self/fd in a folder of the root itself. A place that
    # is not there it makes, and takes it away from another proot when it ends.
    for folder in /proc /dev "$PWD" "$(dirname "$FOREIGN_ROOT")" "$scratch"; do
        mkdir -p "$FOREIGN_ROOT$folder" || return 1
        emulator+=(-b "$folder")
    done
}

# Installed and used there as here, with batches of the same bytes.
foreign_wheel() {
    local emulator batches
    CC=aarch64-linux-gnu-gcc WERROR=1 scripts/wheels --check -o "$scratch/foreign" && cross_to aarch64 && emulator &&
        TMPDIR=$scratch "${emulator[@]}" scripts/try-package /usr/bin/python3 "$scratch"/foreign/fmnist-*.whl |
        tee "$scratch/tried-there" && batches=$(grep '^first batches: ' "$scratch/tried-here") || return 1
    grep -qxF "$batches" "$scratch/tried-there" || { say "want $batches"; return 1; }
}

# Of modules that compute and parse. The others' tests want of a kernel what QEMU does not have: io_uring
# and limits. It is 10 to 50 times slower than the machine.
foreign_tests() {
    local emulator
    cross_to aarch64 && emulator && CK_TIMEOUT_MULTIPLIER=60 TEST_SECONDS=7200 TMPDIR=$scratch \
        TEST_UNDER="${emulator[*]}" "${make[@]}" CC=aarch64-linux-gnu-gcc "${FOREIGN_MAKE[@]}" BUILD="$BUILD-aarch64" \
        WITHOUT="dataset render client config host feed scribe session requests server ctl e2e faults" test
}

# ---- what is installed

program_version() { "$1" --version | sed -n '1s/^fmnistd //p'; }

# not_installed TEXT: ends a run that would try something else than what is meant.
not_installed() {
    say "  $1"
    STEP_LOG=''
    tally "what is installed: $1" 0 1
}

# Tests of whole programs and of the Python package, with nothing of the tree but the tests.
installed_suite() {
    local programs version library module files interpreter=${PYTHON:-python3}
    version=$(sed -n 's/^#define FMNIST_VERSION  *"\(.*\)"/\1/p' include/fmnist.h)
    programs=$(command -v fmnistd) && programs=$(dirname "$programs") && [ -x "$programs/fmnistctl" ] || {
        not_installed "no fmnistd and fmnistctl in one folder of PATH"
        return
    }
    library=$(pkg-config --modversion fmnist) || { not_installed "pkg-config has no fmnist"; return; }
    say "  programs of $programs: $(program_version "$programs/fmnistd");" \
        "library of $(pkg-config --variable=libdir fmnist): $library"
    if [ "$(program_version "$programs/fmnistd")" != "$version" ] || [ "$library" != "$version" ]; then
        not_installed "these are the tests of $version"
        return
    fi
    export FMNIST_PROGRAMS=$programs
    suite "tests of whole programs" "${make[@]}" BUILD="$BUILD" test-installed
    module=$(cd / && "$interpreter" -c 'import fmnist; print(fmnist.__file__)' 2>/dev/null) || {
        say "  $interpreter has no fmnist: without its tests"
        return
    }
    say "  Python package: $module"
    case $module in "$PWD"/*) not_installed "that is the tree's own package"; return ;; esac
    "$interpreter" -c 'import pytest' 2>/dev/null || { not_installed "$interpreter has no pytest"; return; }
    mapfile -t files < <(printf '%s\n' tests/python/test_*.py | grep -v /test_mxnet)
    suite "tests of the Python package" env BUILD="$BUILD" MAY_SKIP=1 \
        scripts/run-pytest "$interpreter" "${files[@]}"
}

# The same of what `make install` has laid below $prefix, which nothing else knows.
installed_below_prefix() {
    local -x PATH=$prefix/bin:$PATH PKG_CONFIG_PATH=$prefix/lib/pkgconfig LD_LIBRARY_PATH=$prefix/lib
    local -x PYTHONPATH=$prefix/python FMNIST_PROGRAMS
    [ -x "$prefix/bin/fmnistd" ] || { not_installed "no $prefix/bin/fmnistd"; return; }
    installed_suite
}

install_below_prefix() {
    "${make[@]}" BUILD="$BUILD" PREFIX="$prefix" PYTHONDIR="$prefix/python" PYTHON="$PYTHON" \
        install install-python
}

# ---- all of it

packages_suite() {
    local -x PYTHON=$package_python
    if check "Python package as a wheel" python_wheel --check; then
        check "Python package as a wheel for aarch64" foreign_wheel
    fi
    suite "tests of modules on aarch64" foreign_tests
    prefix=$scratch/prefix
    if check "installed below a prefix" install_below_prefix; then installed_below_prefix; fi
    # Of what is committed. lintian's errors and warnings end it.
    if check "Debian packages" make BUILD="$BUILD" deb; then
        suite "Debian packages, installed in a Debian" scripts/try-debs "$BUILD/deb"
    fi
}
