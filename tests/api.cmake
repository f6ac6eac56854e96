# SPDX-License-Identifier: MIT
# The public headers as users meet them: alone, strict, in C and in C++.
foreach(compiler IN ITEMS gcc clang)
    tri_add_test(api_headers_${compiler} LABELS api
                 COMMAND "${PROJECT_SOURCE_DIR}/tests/api/headers.sh"
                         ${compiler} "${PROJECT_SOURCE_DIR}"
                 TIMEOUT 120)
endforeach()
