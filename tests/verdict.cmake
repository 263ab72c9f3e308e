add_library(zone STATIC unit/zone.c)
target_link_libraries(zone PUBLIC belfry_verdict)

belfry_unit_test(resolve belfry_verdict)
target_sources(test_resolve PRIVATE unit/dns_port.c unit/dns_server.c unit/dns_wire.c)
belfry_unit_test(auth_results belfry_verdict)
belfry_unit_test(observed belfry_verdict)
set_tests_properties(unit.observed PROPERTIES LABELS threads)
belfry_unit_test(received_spf belfry_verdict)
add_library(dmarc_kit STATIC unit/dmarc_kit.c)
target_link_libraries(dmarc_kit PUBLIC zone PkgConfig::CMOCKA)

foreach(name spf spf_both spf_hostile)
  belfry_unit_test(${name} zone belfry_verdict)
  target_sources(test_${name} PRIVATE unit/spf_kit.c)
endforeach()
foreach(name spf_libspf2 spf_suite)
  belfry_unit_test(${name} zone belfry_verdict)
  target_sources(test_${name} PRIVATE unit/spf_kit.c unit/spf_suite.c)
  target_compile_definitions(test_${name} PRIVATE
    BELFRY_CONFORMANCE="${PROJECT_SOURCE_DIR}/../shared/conformance")
endforeach()
belfry_unit_test(author belfry_verdict)
belfry_unit_test(dmarc dmarc_kit belfry_verdict)
belfry_unit_test(dmarc_align dmarc_kit belfry_verdict)
belfry_unit_test(dmarc_record belfry_verdict)

belfry_unit_test(verdict_loop belfry_verdict)
target_sources(test_verdict_loop PRIVATE unit/dns_port.c unit/dns_server.c unit/dns_wire.c)
set_tests_properties(unit.verdict_loop PROPERTIES LABELS threads)
foreach(name dkim_guard dkim_sign dkim_verify verdict verdict_trust)
  belfry_unit_test(${name} zone belfry_verdict)
  target_sources(test_${name} PRIVATE unit/dkim_kit.c)
endforeach()
target_sources(test_verdict PRIVATE unit/court.c)
target_sources(test_verdict_trust PRIVATE unit/court.c)
target_compile_definitions(test_dkim_verify PRIVATE
  BELFRY_CONFORMANCE="${PROJECT_SOURCE_DIR}/../shared/conformance")

belfry_unit_test(dkim_pubkey belfry_verdict)
belfry_unit_test(dkim_threads zone belfry_verdict)
set_tests_properties(unit.dkim_threads PROPERTIES LABELS threads)

# What libopendkim and libspf2 read is not seen by the sanitizers.
find_program(VALGRIND valgrind)
if(VALGRIND AND NOT BELFRY_SANITIZE)
  foreach(name author auth_results dkim_guard dkim_sign dkim_verify dmarc
               dmarc_record spf spf_hostile spf_libspf2 spf_suite verdict
               verdict_trust)
    add_test(NAME valgrind.${name}
             COMMAND ${VALGRIND} -q --error-exitcode=9 --leak-check=full
                     --num-callers=40
                     --suppressions=${PROJECT_SOURCE_DIR}/tests/valgrind.supp
                     $<TARGET_FILE:test_${name}>)
    set_tests_properties(valgrind.${name} PROPERTIES LABELS "slow;plain"
                         TIMEOUT 600)
  endforeach()
  # The fuzzer's corpus, as libopendkim reads it.
  add_executable(replay_dkim_guard fuzz/fuzz_dkim_guard.c fuzz/replay.c)
  target_link_libraries(replay_dkim_guard PRIVATE belfry_verdict)
  file(GLOB corpus CONFIGURE_DEPENDS
       ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/dkim_guard/*)
  add_test(NAME valgrind.dkim_corpus
           COMMAND ${VALGRIND} -q --error-exitcode=9
                   $<TARGET_FILE:replay_dkim_guard> ${corpus})
  set_tests_properties(valgrind.dkim_corpus PROPERTIES LABELS "slow;plain"
                       TIMEOUT 600)
endif()

# Our DKIM for another implementation at the other end.
add_executable(dkim_tool dkim/dkim_tool.c)
target_link_libraries(dkim_tool PRIVATE belfry_config)
