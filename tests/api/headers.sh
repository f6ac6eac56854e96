#!/bin/sh
# SPDX-License-Identifier: MIT
# headers.sh gcc|clang ROOT: compiles every public header alone, and usage.c,
# as C11, C17 and C++17 with warnings as errors, with either way to protect
# TRI_STORE.  To see it fail: use typeof
# instead of __typeof__ in TRI_STORE.
set -eu
case $1 in
gcc) c=gcc cxx=g++ ;;
clang) c=clang cxx=clang++ ;;
esac
root=$2
command -v "$c" >/dev/null 2>&1 || { echo "no $c here"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

strict="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Werror"
strict="$strict -I $root/include -c -o /dev/null"

compile() { # SOURCE
    # shellcheck disable=SC2086
    for how in "$c -std=c11" "$c -std=c17 -O2" "$c -std=c17 -O0 -fPIC" \
               "$cxx -std=c++17 -x c++" "$cxx -std=c++20 -O2 -x c++"; do
        $how $strict "$1" || { echo "failed: $how, $1"; exit 1; }
        $how -DTRI_PROTECT_SEQUENCE $strict "$1" ||
            { echo "failed: $how -DTRI_PROTECT_SEQUENCE, $1"; exit 1; }
    done
}

for header in $(cd "$root/include" && find tricolor -name '*.h' | sort); do
    {
        # impl/ headers come through the umbrella; included again they must
        # do no harm.
        case $header in
        */impl/*) echo "#include <tricolor/tricolor.h>" ;;
        esac
        echo "#include <$header>"
        echo "#include <$header>"
        echo "extern int only_to_be_not_empty;"
    } > "$work/one.c"
    compile "$work/one.c"
done
compile "$root/tests/api/usage.c"
echo "ok"
