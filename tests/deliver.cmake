belfry_unit_test(smtp_out belfry_deliver)
target_compile_definitions(test_smtp_out PRIVATE
  SOURCE_DIR="${PROJECT_SOURCE_DIR}")
belfry_unit_test(route belfry_deliver)
belfry_unit_test(deliver belfry_deliver)
target_sources(test_deliver PRIVATE unit/fake_queue.c unit/smtp_server.c)
set_tests_properties(unit.deliver PROPERTIES LABELS threads)
