belfry_unit_test(import_alertmanager belfry_cli)
target_sources(test_import_alertmanager PRIVATE unit/rules_kit.c)
belfry_unit_test(import_opendkim belfry_cli)
add_test(NAME cli.commands
         COMMAND ${Python3_EXECUTABLE}
                 ${PROJECT_SOURCE_DIR}/tests/cli/cli_test.py
                 $<TARGET_FILE:belfry>)
add_test(NAME cli.alerts
         COMMAND ${Python3_EXECUTABLE}
                 ${PROJECT_SOURCE_DIR}/tests/cli/alert_test.py
                 $<TARGET_FILE:belfry>)
add_test(NAME cli.route
         COMMAND ${Python3_EXECUTABLE}
                 ${PROJECT_SOURCE_DIR}/tests/cli/route_test.py
                 $<TARGET_FILE:belfry>)
set_tests_properties(cli.alerts cli.commands cli.route PROPERTIES
                     ENVIRONMENT PYTHONDONTWRITEBYTECODE=1)
add_test(NAME cli.import
         COMMAND ${Python3_EXECUTABLE}
                 ${PROJECT_SOURCE_DIR}/tests/cli/import_test.py
                 $<TARGET_FILE:belfry>)
add_test(NAME cli.check-milter
         COMMAND ${Python3_EXECUTABLE}
                 ${PROJECT_SOURCE_DIR}/tests/cli/check_milter_test.py
                 $<TARGET_FILE:belfry>)
