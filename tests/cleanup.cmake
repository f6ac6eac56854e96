# SPDX-License-Identifier: MIT
# Tests of specials and cleanups.  Those over the fake collector are linked from
# the sources of this part alone.
set(specials gc/cleanup.c gc/cleanup_pool.c gc/finalizer.c gc/special.c
    gc/special_index.c gc/special_link.c gc/special_record.c gc/weak.c)
list(TRANSFORM specials PREPEND "${PROJECT_SOURCE_DIR}/")
list(APPEND specials support/fake_collector.c)

tri_test(special_index LAYERS alloc LABELS unit fault sanitize
         SOURCES unit/special_index.c ${PROJECT_SOURCE_DIR}/gc/special_index.c)
tri_test(special_life LAYERS alloc LABELS unit fault crash sanitize
         SOURCES unit/special_life.c ${specials})
tri_test(special_race LAYERS alloc LABELS stress sanitize TIMEOUT 120
         PROCESSORS 2 SOURCES stress/special_race.c ${specials})
tri_test(special_cost LAYERS alloc LABELS unit smoke
         SOURCES unit/special_cost.c ${specials})
