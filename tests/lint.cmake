# SPDX-License-Identifier: MIT
# The tree's own rules, and the proof that each check can fail.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

foreach(check IN ITEMS layers words index format go-map rules heads)
    string(REPLACE "-" "_" name ${check})
    tri_add_test(lint_${name} LABELS lint
                 COMMAND "${PROJECT_SOURCE_DIR}/tools/check-${check}")
endforeach()

tri_add_test(lint_tables LABELS lint
             COMMAND "${PROJECT_SOURCE_DIR}/tools/gen-tables" --check)

foreach(check IN ITEMS layers words index format go-map rules heads symbols
                       tables)
    string(REPLACE "-" "_" name ${check})
    tri_add_test(lint_${name}_can_fail LABELS lint
                 COMMAND Python3::Interpreter
                         "${PROJECT_SOURCE_DIR}/tests/lint/can_fail.py"
                         ${check})
endforeach()

if(TARGET tricolor AND NOT TRI_SANITIZE)
    tri_add_test(lint_symbols LABELS lint smoke
                 COMMAND "${PROJECT_SOURCE_DIR}/tools/check-symbols"
                         --library $<TARGET_FILE:tricolor>
                         --compiler ${CMAKE_C_COMPILER})
endif()
