belfry_unit_test(alert belfry_alert)
belfry_unit_test(expression belfry_alert)
belfry_unit_test(labels belfry_alert)
belfry_unit_test(matcher belfry_alert)
