# A store in a folder of its own, and a raw look at one that is closed.
add_library(belfry_store_kit STATIC
  unit/store_check.c
  unit/store_fail.c
  unit/store_kit.c
  unit/store_work.c)
target_link_libraries(belfry_store_kit PUBLIC belfry_queue)

belfry_unit_test(store belfry_store_kit)
belfry_unit_test(store_batch belfry_store_kit)
belfry_unit_test(store_crash belfry_store_kit)
belfry_unit_test(store_full belfry_store_kit)
belfry_unit_test(store_record belfry_queue)
belfry_unit_test(store_trace belfry_store_kit)
set_tests_properties(unit.store unit.store_batch PROPERTIES LABELS threads)
set_tests_properties(unit.store_trace PROPERTIES LABELS trace)
