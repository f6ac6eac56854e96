# SPDX-License-Identifier: MIT
# The products: libtricolor.so and libtricolor.a, made of the layers' objects.

if(NOT EXISTS "${PROJECT_SOURCE_DIR}/runtime/init.c")
    message(STATUS "runtime/init.c is not there: no library, only its parts")
    return()
endif()

get_property(tri_layers GLOBAL PROPERTY tri_layers)
get_property(tri_layer_libraries GLOBAL PROPERTY tri_layer_libraries)
set(tri_objects "")
foreach(layer IN LISTS tri_layers)
    list(APPEND tri_objects $<TARGET_OBJECTS:tri_${layer}>)
endforeach()

add_library(tricolor SHARED ${tri_objects})
add_library(tricolor_static STATIC ${tri_objects})
add_library(tricolor::tricolor ALIAS tricolor)
add_library(tricolor::static ALIAS tricolor_static)

set_target_properties(tricolor PROPERTIES
    VERSION ${PROJECT_VERSION}
    # While 0.x, a minor version may break the ABI.
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
set_target_properties(tricolor_static PROPERTIES
    OUTPUT_NAME tricolor EXPORT_NAME static)

foreach(product IN ITEMS tricolor tricolor_static)
    target_include_directories(${product} PUBLIC
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    target_link_libraries(${product} PUBLIC Threads::Threads)
    target_compile_definitions(${product} PUBLIC ${tri_protect_definitions})
    if(TRI_SANITIZE)
        target_link_options(${product} PUBLIC ${tri_sanitize_flags})
    endif()
endforeach()
target_link_libraries(tricolor PRIVATE ${tri_layer_libraries}
                                       ${CMAKE_DL_LIBS})
target_link_libraries(tricolor_static PUBLIC ${tri_layer_libraries}
                                             ${CMAKE_DL_LIBS})
target_link_options(tricolor PRIVATE
    -Wl,-z,now -Wl,-z,noexecstack
    # Sanitizers leave their own symbols open.
    $<$<STREQUAL:${TRI_SANITIZE},>:-Wl,-z,defs>)
