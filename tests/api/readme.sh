#!/bin/sh
# SPDX-License-Identifier: MIT
# readme.sh README HEADERS LIBRARY CC: compiles and runs the program in the
# README, which must do what its comment says.  To see it fail: change the
# program so that the file stays reachable.
set -eu
readme=$1 headers=$2 library=$3 cc=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
awk '/^```c$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$readme" \
    > "$work/program.c"
[ -s "$work/program.c" ] || { echo "no program in $readme"; exit 1; }
for level in -O0 -O2; do
    $cc -std=c17 -Wall -Wextra -Werror "$level" -I "$headers" \
        "$work/program.c" "$library" -Wl,-rpath,"$(dirname "$library")" \
        -o "$work/program"
    for debug in "" gccheckmark=1 schedfuzz=3; do
        said=$(TRI_DEBUG=$debug timeout 60 "$work/program")
        [ "$said" = "closed 7" ] || { echo "$level $debug: $said"; exit 1; }
    done
done
