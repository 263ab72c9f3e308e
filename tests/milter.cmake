belfry_unit_test(milter belfry_milter)
belfry_unit_test(milter_conf belfry_config)
target_sources(test_milter_conf PRIVATE unit/config_kit.c)
