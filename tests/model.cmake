# SPDX-License-Identifier: MIT
# Model tests: lock-free headers and protocols, compiled over Relacy's atomics,
# which explores interleavings and the orders of C11.  Each is built once as it
# is, and once for each fault that Relacy has to find.  Below, protocols of several
# structures, as models of their own, whose states Spin searches.
find_path(RELACY_INCLUDE relacy/relacy.hpp)
if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    return()
endif()

function(tri_model name)
    if(NOT RELACY_INCLUDE)
        return()
    endif()
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
tri_model(runq FAULTS MODEL_WEAK_RELEASE MODEL_WEAK_ACQUIRE MODEL_NO_CLAIM
                      MODEL_WEAK_SEEN)

# tri_spin(NAME MODEL MODE [DEFINE...]): model/run-spin says what these are.
# `spin_label`: one label more.
function(tri_spin name)
    tri_add_test(model_${name} LABELS model ${spin_label} TIMEOUT 300
                 COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/model/run-spin" ${ARGN})
endfunction()

# Each mutant, in the smallest program that shows it.
function(tri_spin_mutants model mode)
    cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "DEFINES;MUTANTS")
    foreach(mutant IN LISTS arg_MUTANTS)
        string(TOLOWER "${model}_${mutant}" name)
        tri_spin(${name} ${model}.pml ${mode} ${arg_DEFINES} MUTANT_${mutant})
    endforeach()
endfunction()

tri_spin(sched sched.pml safety)
tri_spin(sched_one_token sched.pml safety TOKENS=1)
tri_spin(sched_intruder sched.pml safety INTRUDER TOKENS=1)
tri_spin(sched_progress sched.pml progress INTRUDER TOKENS=1)
tri_spin_mutants(sched safety DEFINES TOKENS=1
    MUTANTS COMMIT_EARLY COMMIT_ON_STACK NO_WAKE NO_LOOK NO_LOOK_GIVEN
            LAST_SPINNER NO_NOTE)
tri_spin(sched_defers sched.pml safety DEFERS TOKENS=1)
tri_spin_mutants(sched safety DEFINES DEFERS TOKENS=1
    MUTANTS NO_MAKE_UP LOOK_FIRST)
tri_spin_mutants(sched safety DEFINES INTRUDER TOKENS=1
    MUTANTS STATE_EARLY RUN_SCANNED DROP_SCAN STAY_LISTED COUNT_EARLY)
tri_spin_mutants(sched progress DEFINES INTRUDER TOKENS=1
    MUTANTS NO_SHARE THIEF_QUEUES)

# With all three but the thread that comes and goes each time; the others take minutes.
foreach(without IN ITEMS NO_SYSMON NO_WORLD NO_B)
    string(TOLOWER "${without}" name)
    set(spin_label)
    if(NOT without STREQUAL "NO_B")
        set(spin_label long)
    endif()
    tri_spin(world_${name} world.pml safety ${without})
    tri_spin(world_live_${name} world_live.pml progress ${without})
    tri_spin(world_live_${name}_safety world_live.pml safety ${without})
endforeach()
unset(spin_label)
tri_spin_mutants(world safety DEFINES NO_B
    MUTANTS LEAVE_BSTOP BLOCKED_STAYS ACK_TWICE NO_CLAIM HONOUR_OUTSIDE
            NO_GIVING_UP CLAIM_OUTSIDE DISINHERITS)
tri_spin_mutants(world safety DEFINES NO_SYSMON
    MUTANTS EARLY_P INSTALL_ORDER NO_RETRY ATTACH_ANYTIME COUNT_FIRST)
tri_spin_mutants(world_live progress DEFINES NO_B
    MUTANTS HANDLER_LEAVES FORGETS)
tri_spin_mutants(world_live safety DEFINES NO_B
    MUTANTS NO_GIVING_UP CLAIM_OUTSIDE)
tri_spin_mutants(world_live progress DEFINES NO_SYSMON
    MUTANTS KEEPS_BSTOP IDLE_FIRST)
tri_spin_mutants(world_live progress DEFINES NO_WORLD
    MUTANTS NO_WANT NO_PREEMPT NO_RETAKE LET_GO_FIRST)
