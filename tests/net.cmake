belfry_unit_test(loop belfry_net)
set_tests_properties(unit.loop PROPERTIES LABELS threads)
belfry_unit_test(pool belfry_net)
set_tests_properties(unit.pool PROPERTIES LABELS threads)
