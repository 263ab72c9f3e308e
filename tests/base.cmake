belfry_unit_test(buf belfry_base)
belfry_unit_test(pack belfry_base)
belfry_unit_test(clock belfry_base)
