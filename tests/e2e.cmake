# Programs on loopback: belfryd between a client and a sink.
# belfry_e2e_test(name script arguments...)
function(belfry_e2e_test name script)
  add_test(NAME e2e.${name}
           COMMAND ${Python3_EXECUTABLE}
                   ${PROJECT_SOURCE_DIR}/tests/e2e/${script} ${ARGN})
  set_tests_properties(e2e.${name} PROPERTIES
    LABELS e2e TIMEOUT 300 SKIP_RETURN_CODE 77
    ENVIRONMENT "BELFRY_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};PYTHONDONTWRITEBYTECODE=1")
endfunction()

find_package(Python3 REQUIRED COMPONENTS Interpreter)

belfry_e2e_test(agents agents_test.py)
belfry_e2e_test(agents-kill-50 agents_test.py -k kill 50)
belfry_e2e_test(auth auth_test.py)
belfry_e2e_test(bench bench_test.py)
belfry_e2e_test(chunking chunking_test.py)
belfry_e2e_test(cli cli_test.py)
belfry_e2e_test(clients clients_test.py)
belfry_e2e_test(daemon daemon_test.py)
belfry_e2e_test(delayed delivery_test.py -k test_delayed)
belfry_e2e_test(delivery delivery_test.py)
belfry_e2e_test(demo demo_test.py)
belfry_e2e_test(drop drop_test.py)
belfry_e2e_test(drop-crash drop_crash_test.py)
belfry_e2e_test(exim exim_test.py)
belfry_e2e_test(forward forward_test.py)
belfry_e2e_test(inbound inbound_test.py)
belfry_e2e_test(docs docs_test.py)
belfry_e2e_test(dovecot dovecot_test.py)
belfry_e2e_test(kill kill_test.py 5)
belfry_e2e_test(kill-50 kill_test.py 50)
belfry_e2e_test(limits limits_test.py)
belfry_e2e_test(mx mx_test.py)
belfry_e2e_test(opensmtpd opensmtpd_test.py)
belfry_e2e_test(paging paging_test.py 5000)
belfry_e2e_test(paging-100000 paging_test.py 100000)
belfry_e2e_test(peers peers_test.py)
belfry_e2e_test(postfix postfix_test.py)
belfry_e2e_test(privacy privacy_test.py)
belfry_e2e_test(queue queue_test.py)
belfry_e2e_test(run run_test.py)
belfry_e2e_test(sendmail sendmail_test.py)
belfry_e2e_test(server server_test.py)
belfry_e2e_test(service service_test.py)
belfry_e2e_test(smarthost smarthost_test.py)
belfry_e2e_test(store store_test.py)
belfry_e2e_test(tls tls_test.py)
belfry_e2e_test(trace trace_test.py)
belfry_e2e_test(walk walk_test.py)
set_tests_properties(e2e.agents e2e.auth e2e.delivery e2e.drop e2e.inbound e2e.mx
                     e2e.queue e2e.server e2e.service e2e.walk
                     PROPERTIES LABELS "e2e;threads")
set_tests_properties(e2e.agents-kill-50 e2e.kill-50
                     PROPERTIES LABELS "e2e;slow" TIMEOUT 1800)
set_tests_properties(e2e.paging-100000 PROPERTIES LABELS "e2e;plain;slow" TIMEOUT 1800)
set_tests_properties(e2e.delayed e2e.drop-crash e2e.paging e2e.trace
                     PROPERTIES LABELS "e2e;plain")
