belfry_unit_test(address belfry_mail)
belfry_unit_test(dsn belfry_mail)
belfry_unit_test(dsn_wish belfry_mail)
add_test(NAME unit.read_dsn
         COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/unit/read_dsn.py
                 $<TARGET_FILE:test_dsn>)
set_tests_properties(unit.read_dsn PROPERTIES TIMEOUT 120)
belfry_unit_test(header belfry_mail)
belfry_unit_test(lines belfry_mail)
belfry_unit_test(pattern belfry_mail)
belfry_unit_test(received belfry_mail)
belfry_unit_test(smtp_command belfry_mail)
belfry_unit_test(smtp_reply belfry_mail)
belfry_unit_test(xtext belfry_mail)
