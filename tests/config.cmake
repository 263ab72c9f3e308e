belfry_unit_test(config belfry_config)
belfry_unit_test(expand belfry_config)
