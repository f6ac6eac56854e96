# SPDX-License-Identifier: MIT
# Model tests: lock-free headers and protocols, compiled over Relacy's atomics,
# which explores interleavings and the orders of C11.  Each is built once as it
# is, and once for each fault that Relacy has to find.
find_path(RELACY_INCLUDE relacy/relacy.hpp)
if(NOT RELACY_INCLUDE OR NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    return()
endif()

function(tri_model name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "FAULTS")
    foreach(fault IN LISTS arg_FAULTS ITEMS none)
        set(target model_${name})
        if(NOT fault STREQUAL "none")
            string(TOLOWER "${target}_${fault}" target)
        endif()
        add_executable(${target} "model/${name}.cpp")
        set_target_properties(${target} PROPERTIES
            CXX_STANDARD 20 INTERPROCEDURAL_OPTIMIZATION OFF)
        # The shims stand in front of what they replace.
        target_include_directories(${target} BEFORE PRIVATE
            "${CMAKE_CURRENT_SOURCE_DIR}/model/shim" "${PROJECT_SOURCE_DIR}"
            "${PROJECT_SOURCE_DIR}/include")
        target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
        # C text compiled as C++, and Relacy's own: warnings are for others.
        # Compiling takes longer than running, so neither is optimised.
        target_compile_options(${target} PRIVATE -w -O0)
        if(NOT fault STREQUAL "none")
            target_compile_definitions(${target} PRIVATE
                ${fault} MODEL_BROKEN)
        endif()
        tri_add_test(${target} COMMAND ${target} LABELS model)
    endforeach()
endfunction()

tri_model(lfstack FAULTS MODEL_WEAK_RELEASE MODEL_WEAK_ACQUIRE MODEL_NO_COUNT)
tri_model(lock FAULTS MODEL_WEAK_RELEASE MODEL_WEAK_ACQUIRE MODEL_NO_WAKE)
