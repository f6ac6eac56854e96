# SPDX-License-Identifier: MIT
# The tricolor command, its workload, its report.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
pkg_check_modules(JANSSON QUIET IMPORTED_TARGET jansson>=2.13)

function(tri_tools_unit name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES")
    add_executable(${name} unit/${name}.c ${arg_SOURCES})
    tri_test_program(${name})
    target_link_libraries(${name} PRIVATE tri_flags PkgConfig::JANSSON m)
    tri_add_test(${name} COMMAND ${name} LABELS unit)
endfunction()

if(JANSSON_FOUND)
    set(tools "${PROJECT_SOURCE_DIR}/tools")
    tri_tools_unit(tools_bootstrap SOURCES "${tools}/bootstrap.c")
    tri_tools_unit(tools_lives SOURCES "${tools}/report_cleanups.c")
endif()

if(NOT TARGET tricolor_command)
    return()
endif()

tri_test(tools_series STATIC
         SOURCES unit/tools_series.c "${PROJECT_SOURCE_DIR}/tools/sampler.c"
                 "${PROJECT_SOURCE_DIR}/tools/command.c"
         LIBRARIES PkgConfig::JANSSON LABELS unit)

# tri_tools_script(NAME SCRIPT [ARGS...] [LABELS...] [TIMEOUT s])
function(tri_tools_script name script)
    cmake_parse_arguments(PARSE_ARGV 2 arg "" "TIMEOUT" "ARGS;LABELS")
    if(NOT arg_LABELS)
        set(arg_LABELS tools)
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 120)
    endif()
    tri_add_test(${name} LABELS ${arg_LABELS} TIMEOUT ${arg_TIMEOUT}
                 PROCESSORS 2
                 COMMAND Python3::Interpreter
                         "${PROJECT_SOURCE_DIR}/tests/tools/${script}.py"
                         $<TARGET_FILE:tricolor_command> ${arg_ARGS})
endfunction()

tri_tools_script(tools_cli_usage cli_usage LABELS tools release)
tri_tools_script(tools_run_json run_json LABELS tools release)
tri_tools_script(tools_compare compare_files)
tri_tools_script(tools_run_place run_place LABELS tools release sanitize)
tri_tools_script(tools_report report_page)
tri_tools_script(tools_guide guide
                 ARGS "${PROJECT_SOURCE_DIR}/docs/guide/getting-started.md")

if(TARGET tricolor_bench)
    tri_add_test(tools_bench LABELS tools
                 COMMAND tricolor_command bench --benchmark_list_tests)
endif()

# index counts as coreutils do: hostile files, several Ps, every mood.
set(licenses /usr/share/common-licenses)
foreach(procs IN ITEMS 1 2 8)
    set(where release)
    if(procs EQUAL 2)
        set(where smoke)
    endif()
    tri_tools_script(index_nasty_procs_${procs} index_matches_pipeline
                     ARGS nasty --procs ${procs} LABELS tools ${where} sanitize
                     TIMEOUT 300)
    tri_tools_script(index_licenses_procs_${procs} index_matches_pipeline
                     ARGS ${licenses} --procs ${procs} -p rounds=5
                     LABELS tools smoke sanitize TIMEOUT 300)
endforeach()
foreach(mood IN ITEMS gccheckmark=1 gcstoptheworld=1 gcstoptheworld=2
                      gcstress=200 gcstress=random:3 schedfuzz=5
                      clobberfree=1 sweep=eager sweep=stw mark=object
                      asyncstop=0 sbrk=1)
    string(REGEX REPLACE "[=:]" "_" name "index_mood_${mood}")
    tri_tools_script(${name} index_matches_pipeline
                     ARGS ${licenses} --debug ${mood} -p rounds=3
                     LABELS tools TIMEOUT 300)
endforeach()
# Not with a sanitizer, whose shadow memory no such limit leaves room for.
if(NOT TRI_SANITIZE)
    tri_tools_script(index_address_space address_space ARGS ${licenses}
                     LABELS tools smoke)
endif()
# Few descriptors: the collector is what gives them back.
tri_tools_script(index_few_descriptors index_matches_pipeline
                 ARGS nasty -p max_open=8 -p close_early=0 TIMEOUT 300)
tri_tools_script(index_far index_matches_pipeline ARGS far LABELS tools long
                 TIMEOUT 300)
tri_tools_script(index_usr_share index_matches_pipeline ARGS /usr/share
                 --each=--procs=1 --each=--procs=2 --each=--procs=8
                 "--each=--procs=2 --debug=gcstress=500"
                 "--each=--procs=2 --debug=gccheckmark=1"
                 "--each=--procs=2 --debug=gcstoptheworld=2"
                 "--each=--procs=2 --debug=schedfuzz=7"
                 LABELS tools long TIMEOUT 3000)
