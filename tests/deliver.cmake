foreach(name lmtp_out smtp_out smtp_out_chunk smtp_out_table smtp_out_tls)
  belfry_unit_test(${name} belfry_deliver)
  target_sources(test_${name} PRIVATE unit/so_rig.c)
endforeach()
target_compile_definitions(test_smtp_out_table PRIVATE
  SOURCE_DIR="${PROJECT_SOURCE_DIR}")
belfry_unit_test(route belfry_deliver)
belfry_unit_test(slots belfry_deliver)
belfry_unit_test(template belfry_deliver)
belfry_unit_test(web_hide belfry_deliver)
belfry_unit_test(maildir belfry_deliver)
target_sources(test_maildir PRIVATE unit/call_fail.c)

# The agent on loops of its own, with servers that do as they are told.
add_library(belfry_agent_rig STATIC unit/agent_rig.c unit/smtp_server.c)
target_link_libraries(belfry_agent_rig PUBLIC belfry_deliver PkgConfig::CMOCKA)
belfry_unit_test(verify belfry_agent_rig)
target_sources(test_verify PRIVATE unit/tls_kit.c)
set_tests_properties(unit.verify PROPERTIES LABELS threads)

# Its queue is a fake.
foreach(name deliver deliver_bounce deliver_exec deliver_lmtp deliver_mail
        deliver_maildir deliver_pipe deliver_tls deliver_web whole)
  belfry_unit_test(${name} belfry_agent_rig)
  target_sources(test_${name} PRIVATE unit/fake_queue.c unit/fake_rig.c)
  set_tests_properties(unit.${name} PROPERTIES LABELS threads)
endforeach()

set_tests_properties(unit.deliver_pipe unit.deliver_tls PROPERTIES COST 15)
target_sources(test_deliver_lmtp PRIVATE unit/call_fail.c)
target_sources(test_deliver_web PRIVATE unit/http_bad.c)
target_sources(test_deliver_tls PRIVATE unit/call_fail.c unit/tls_kit.c)
target_sources(test_deliver_maildir PRIVATE unit/call_fail.c)
target_sources(test_deliver_pipe PRIVATE unit/call_fail.c)

# Its queue is the real one.
foreach(name delivery delivery_dsn)
  belfry_unit_test(${name} belfry_agent_rig belfry_store_kit)
  target_sources(test_${name} PRIVATE unit/delivery_rig.c)
  set_tests_properties(unit.${name} PROPERTIES LABELS threads)
endforeach()
