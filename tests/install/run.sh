#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh BUILD_DIR SOURCE_DIR CC: installs the build into a directory of its
# own, moves that, and builds and runs the consumer project against it: by
# find_package and by pkg-config, shared and static.
set -eu
build=$1 source=$2 cc=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/first" > "$work/log"
mv "$work/first" "$work/prefix" # what is installed must not know where it was
cp -r "$source/tests/install/consumer" "$work/consumer"
cd "$work"

echo "== find_package"
cmake -S consumer -B by-cmake -G Ninja -DCMAKE_C_COMPILER="$cc" \
      -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_BUILD_TYPE=Release > log
cmake --build by-cmake > log || { cat log; exit 1; }
by-cmake/consumer
by-cmake/consumer_static
if ldd by-cmake/consumer_static | grep -q libtricolor; then
    echo "the static consumer links the shared library"; exit 1
fi

echo "== pkg-config"
pc=$(find "$work/prefix" -name tricolor.pc)
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
libdir=$(pkg-config --variable=libdir tricolor)
# shellcheck disable=SC2046 # flags are words
{
    $cc -O2 consumer/main.c $(pkg-config --cflags --libs tricolor) -o shared
    $cc -O2 consumer/main.c $(pkg-config --cflags tricolor) -o static \
        -Wl,-Bstatic $(pkg-config --libs-only-L --libs-only-l tricolor) \
        -Wl,-Bdynamic $(pkg-config --libs --static tricolor \
                        | sed 's/-ltricolor//')
}
LD_LIBRARY_PATH=$libdir ./shared
./static

echo "== a program with restartable sequences, and its linkers"
case $(uname -m) in
x86_64)
    # However Tricolor was configured.
    sequences="-DTRI_PROTECT_SEQUENCE -UTRI_PROTECT_COUNTER"
    for linker in bfd gold lld; do
        # shellcheck disable=SC2046,SC2086
        if $cc -O2 -ffunction-sections $(pkg-config --cflags tricolor) \
               $sequences consumer/main.c -o sequence -fuse-ld=$linker \
               -Wl,--gc-sections $(pkg-config --libs tricolor) 2> log; then
            LD_LIBRARY_PATH=$libdir ./sequence
        elif [ $linker = bfd ]; then
            cat log; exit 1
        else
            echo "no $linker here"
        fi
    done
    # A row goes with its function where two units have the same (SEQ-3).
    cat > inline.h <<'END'
#include <tricolor/tricolor.h>
template <class T> __attribute__((noinline)) void link_to(T *a, T *b)
{
    TRI_STORE(&a->next, b);
}
struct node { node *next; };
void link_there(node *a, node *b);
END
    cat > here.cc <<'END'
#include "inline.h"
static node nodes[2];
static int run(void *)
{
    link_to(&nodes[0], &nodes[1]);
    link_there(&nodes[1], &nodes[0]);
    return nodes[1].next != &nodes[0];
}
int main() { return tri_main(run, nullptr, nullptr); }
END
    cat > there.cc <<'END'
#include "inline.h"
void link_there(node *a, node *b) { link_to(a, b); }
END
    # shellcheck disable=SC2046,SC2086
    c++ -O2 $(pkg-config --cflags tricolor) $sequences here.cc there.cc \
        -o inline $(pkg-config --libs tricolor)
    LD_LIBRARY_PATH=$libdir ./inline
    # Two constructors, one function: three rows of 8 bytes.
    readelf -SW inline | grep -Eq 'tri_sequences .* 000018 ' || {
        readelf -SW inline; exit 1; }
    # A linker that drops the table is told of.
    echo 'SECTIONS { /DISCARD/ : { *(tri_sequences) } } INSERT AFTER .text;' \
        > drop.ld
    # shellcheck disable=SC2046,SC2086
    $cc -O2 $(pkg-config --cflags tricolor) $sequences consumer/main.c \
        -o dropped -fuse-ld=bfd -Wl,-T,drop.ld $(pkg-config --libs tricolor)
    if LD_LIBRARY_PATH=$libdir ./dropped > log 2>&1; then
        echo "a program without its table of sequences runs"; exit 1
    fi
    grep -q "dropped the section tri_sequences" log || { cat log; exit 1; } ;;
esac

echo "== a program with sanitizers"
# shellcheck disable=SC2046
if $cc -O1 -g -fsanitize=address consumer/main.c \
       $(pkg-config --cflags --libs tricolor) -o address 2> log; then
    ASAN_OPTIONS=detect_leaks=0 LD_LIBRARY_PATH=$libdir timeout 60 ./address
else
    echo "no AddressSanitizer here"
fi
# Its sections are of another kind than this library's: that is said at once.
# shellcheck disable=SC2046
if $cc -O1 -DTRI_PORTABLE consumer/main.c \
       $(pkg-config --cflags --libs tricolor) -o portable 2> log; then
    echo "a program with portable sections links"; exit 1
fi
grep -q tri_sections_are_portable log || { cat log; exit 1; }
if [ "$(pkg-config --modversion tricolor)" != \
     "$(sed -n 's/^#define TRI_VERSION *"\(.*\)"/\1/p' \
        "$source/include/tricolor/version.h")" ]; then
    echo "tricolor.pc has another version"; exit 1
fi
