belfry_unit_test(smtp_out belfry_deliver)
target_compile_definitions(test_smtp_out PRIVATE
  SOURCE_DIR="${PROJECT_SOURCE_DIR}")
