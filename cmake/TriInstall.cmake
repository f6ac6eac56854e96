# SPDX-License-Identifier: MIT
# What `cmake --install` leaves: headers, both libraries, the CMake package
# (find_package(tricolor): tricolor::tricolor, tricolor::static) and
# tricolor.pc.
if(NOT TARGET tricolor)
    return()
endif()
include(CMakePackageConfigHelpers)

set(tri_cmake_dir "${CMAKE_INSTALL_LIBDIR}/cmake/tricolor")

install(DIRECTORY include/tricolor DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.h")
install(FILES README.md LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")

# Two sets, because only the static library needs others at the user's link.
install(TARGETS tricolor EXPORT tricolor-targets
        LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(TARGETS tricolor_static EXPORT tricolor-static-targets
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
foreach(set IN ITEMS tricolor-targets tricolor-static-targets)
    install(EXPORT ${set} NAMESPACE tricolor:: DESTINATION "${tri_cmake_dir}")
endforeach()

configure_package_config_file(cmake/tricolor-config.cmake.in
    "${PROJECT_BINARY_DIR}/tricolor-config.cmake"
    INSTALL_DESTINATION "${tri_cmake_dir}")
write_basic_package_version_file(
    "${PROJECT_BINARY_DIR}/tricolor-config-version.cmake"
    COMPATIBILITY SameMinorVersion)

# The prefix relative to the .pc file, whatever the depth of libdir (Debian's
# has one more), so that an installed tree may be moved.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}"
   OR IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
    set(tri_pc_prefix "${CMAKE_INSTALL_PREFIX}")
    set(tri_pc_libdir "${CMAKE_INSTALL_FULL_LIBDIR}")
    set(tri_pc_includedir "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
else()
    file(RELATIVE_PATH tri_pc_up
         "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
    string(REGEX REPLACE "/$" "" tri_pc_up "${tri_pc_up}")
    set(tri_pc_prefix "\${pcfiledir}/${tri_pc_up}")
    set(tri_pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
    set(tri_pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
# For the static library.  Not Requires.private: that would ask for what these
# need in turn, which only a wholly static program wants.
set(tri_pc_libs "-pthread -ldl")
foreach(library IN LISTS HWLOC_LIBRARIES URCU_LIBRARIES)
    string(APPEND tri_pc_libs " -l${library}")
endforeach()
set(tri_pc_cflags "")
foreach(definition IN LISTS tri_protect_definitions)
    string(APPEND tri_pc_cflags " -D${definition}")
endforeach()
configure_file(cmake/tricolor.pc.in "${PROJECT_BINARY_DIR}/tricolor.pc" @ONLY)

install(FILES "${PROJECT_BINARY_DIR}/tricolor-config.cmake"
              "${PROJECT_BINARY_DIR}/tricolor-config-version.cmake"
        DESTINATION "${tri_cmake_dir}")
install(FILES "${PROJECT_BINARY_DIR}/tricolor.pc"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
