belfry_unit_test(milter belfry_milter)
belfry_unit_test(milter_conf belfry_config)
target_sources(test_milter_conf PRIVATE unit/config_kit.c)

belfry_e2e_test(milter milter_test.py)
belfry_e2e_test(milter-postfix milter_postfix_test.py)
set_tests_properties(e2e.milter PROPERTIES LABELS "e2e;threads")
set_tests_properties(e2e.milter-postfix PROPERTIES TIMEOUT 900 COST 40)
