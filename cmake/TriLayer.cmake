# SPDX-License-Identifier: MIT
# How a layer is declared.
#
# tri_layer(NAME SOURCES file... [LIBRARIES target...])
#
# One layer of the runtime: an OBJECT library tri_NAME.  The libraries and the
# unit tests are made of these.  A layer without sources makes no target.
# LIBRARIES are what its objects need at link time; they reach every product.

set_property(GLOBAL PROPERTY tri_layers "")
set_property(GLOBAL PROPERTY tri_layer_libraries "")

function(tri_layer name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBRARIES")
    if(arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "tri_layer(${name}): what is "
                            "\"${arg_UNPARSED_ARGUMENTS}\"?")
    endif()
    if(NOT arg_SOURCES)
        return()
    endif()
    add_library(tri_${name} OBJECT ${arg_SOURCES})
    target_link_libraries(tri_${name} PRIVATE tri_flags ${arg_LIBRARIES})
    set_property(GLOBAL APPEND PROPERTY tri_layers ${name})
    set_property(GLOBAL APPEND PROPERTY tri_layer_libraries ${arg_LIBRARIES})
endfunction()

# The layers from base up to `top`, as far as they have sources.
function(tri_layers_up_to top out)
    set(order base trace alloc gc runtime)
    list(FIND order ${top} last)
    if(last EQUAL -1)
        message(FATAL_ERROR "no layer is called \"${top}\"")
    endif()
    get_property(present GLOBAL PROPERTY tri_layers)
    set(result "")
    foreach(layer IN LISTS order)
        if(layer IN_LIST present)
            list(APPEND result ${layer})
        endif()
        if(layer STREQUAL top)
            break()
        endif()
    endforeach()
    set(${out} ${result} PARENT_SCOPE)
endfunction()
