# SPDX-License-Identifier: MIT
# The configure-time options, and tri_flags: the one target that carries
# language, warnings and code generation.  Nobody touches CMAKE_C_FLAGS.

option(TRI_CHECKED "Costly checks too: lock ranks, TRI_DCHECK" OFF)
option(TRI_WERROR "Warnings are errors (presets; packagers' compilers differ)"
       OFF)
option(TRI_BUILD_TOOLS "Build the tricolor command" ${PROJECT_IS_TOP_LEVEL})
option(TRI_BUILD_BENCH "Build the benchmarks" ${PROJECT_IS_TOP_LEVEL})
option(BUILD_TESTING "Build the tests" ${PROJECT_IS_TOP_LEVEL})
set(TRI_SANITIZE "" CACHE STRING "address (with undefined), thread, or nothing")
set(TRI_TRACE "auto" CACHE STRING
    "LTTng provider: on, off, or auto (where LTTng-UST is installed)")
set(TRI_PROTECT "sequence" CACHE STRING
    "TRI_STORE in programs: sequence (restartable, on x86-64) or counter (a section)")
set_property(CACHE TRI_PROTECT PROPERTY STRINGS counter sequence)
set(TRI_TEST_LABELS "" CACHE STRING
    "regular expression: build only the programs of tests with such a label; empty: all")
set_property(CACHE TRI_SANITIZE PROPERTY STRINGS "" address thread)
set_property(CACHE TRI_TRACE PROPERTY STRINGS auto on off)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
if(NOT TRI_SANITIZE MATCHES "^(|address|thread)$")
    message(FATAL_ERROR "TRI_SANITIZE is \"${TRI_SANITIZE}\"; "
                        "it may be empty, address or thread")
endif()
if(NOT TRI_PROTECT MATCHES "^(counter|sequence)$")
    message(FATAL_ERROR "TRI_PROTECT is \"${TRI_PROTECT}\"; "
                        "it may be counter or sequence")
endif()
# What programs are compiled with; the library itself serves both.
string(TOUPPER "TRI_PROTECT_${TRI_PROTECT}" tri_protect_definitions)

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
# Each layer that needs one of these names it in its own CMakeLists.txt.
pkg_check_modules(HWLOC REQUIRED IMPORTED_TARGET hwloc)
pkg_check_modules(URCU REQUIRED IMPORTED_TARGET liburcu-bp)
pkg_check_modules(LTTNG_UST QUIET IMPORTED_TARGET lttng-ust>=2.13)
if(TRI_TRACE STREQUAL "on" AND NOT LTTNG_UST_FOUND)
    message(FATAL_ERROR "TRI_TRACE=on needs lttng-ust 2.13 or later "
                        "(Debian: liblttng-ust-dev)")
endif()

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# Warnings alone: for public headers and programs of others too.
add_library(tri_warnings INTERFACE)
target_compile_options(tri_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
    -Wcast-qual -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wdouble-promotion
    -Wimplicit-fallthrough -Wpointer-arith
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes
        -Wold-style-definition>
    $<$<COMPILE_LANG_AND_ID:C,GNU>:-Wcast-align=strict -Wduplicated-cond
        -Wduplicated-branches -Wlogical-op -Walloca -Wtrampolines>
    $<$<COMPILE_LANG_AND_ID:C,Clang>:-Wthread-safety -Wunreachable-code
        -Wconditional-uninitialized -Wmissing-variable-declarations
        -Wextra-semi-stmt>
    $<$<BOOL:${TRI_WERROR}>:-Werror>)

add_library(tri_flags INTERFACE)
target_link_libraries(tri_flags INTERFACE tri_warnings Threads::Threads)
target_include_directories(tri_flags INTERFACE
    "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/include"
    "${PROJECT_BINARY_DIR}/generated")
target_compile_definitions(tri_flags INTERFACE
    _GNU_SOURCE TRI_CHECKED=$<BOOL:${TRI_CHECKED}>)
target_compile_options(tri_flags INTERFACE
    # The heap is memory that changes its type.
    -fno-strict-aliasing
    # Backtraces of a dying runtime, and perf, walk frame pointers.
    -fno-omit-frame-pointer
    # Our own calls to our exported functions are direct.
    -fno-semantic-interposition)
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
    # -O0 keeps every local on the stack, where a conservative scan finds it
    # after its last use; -Og is debuggable and honest.
    target_compile_options(tri_flags INTERFACE -Og)
endif()

if(TRI_SANITIZE STREQUAL "address")
    set(tri_sanitize_flags -fsanitize=address,undefined
                           -fno-sanitize-recover=all)
elseif(TRI_SANITIZE STREQUAL "thread")
    set(tri_sanitize_flags -fsanitize=thread)
endif()
if(TRI_SANITIZE)
    target_compile_options(tri_flags INTERFACE ${tri_sanitize_flags})
    target_link_options(tri_flags INTERFACE ${tri_sanitize_flags})
endif()
