# SPDX-License-Identifier: MIT
# The public headers as users meet them: alone, strict, in C and in C++.
foreach(compiler IN ITEMS gcc clang)
    tri_add_test(api_headers_${compiler} LABELS api
                 COMMAND "${PROJECT_SOURCE_DIR}/tests/api/headers.sh"
                         ${compiler} "${PROJECT_SOURCE_DIR}"
                 TIMEOUT 120)
endforeach()

if(TARGET tricolor AND NOT TRI_SANITIZE
   AND NOT CMAKE_INTERPROCEDURAL_OPTIMIZATION)
    tri_add_test(api_readme LABELS api smoke
                 COMMAND "${PROJECT_SOURCE_DIR}/tests/api/readme.sh"
                         "${PROJECT_SOURCE_DIR}/README.md"
                         "${PROJECT_SOURCE_DIR}/include"
                         $<TARGET_FILE:tricolor> "${CMAKE_C_COMPILER}")
    tri_add_test(api_install LABELS api smoke
                 COMMAND "${PROJECT_SOURCE_DIR}/tests/install/run.sh"
                         "${PROJECT_BINARY_DIR}" "${PROJECT_SOURCE_DIR}"
                         "${CMAKE_C_COMPILER}"
                 TIMEOUT 120)
endif()
