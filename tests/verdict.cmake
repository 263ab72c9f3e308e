add_library(zone STATIC unit/zone.c)
target_link_libraries(zone PUBLIC belfry_verdict)

belfry_unit_test(resolve belfry_verdict)
target_sources(test_resolve PRIVATE unit/dns_server.c unit/dns_wire.c)
belfry_unit_test(auth_results belfry_verdict)
belfry_unit_test(received_spf belfry_verdict)
add_library(dmarc_kit STATIC unit/dmarc_kit.c)
target_link_libraries(dmarc_kit PUBLIC zone PkgConfig::CMOCKA)

foreach(name spf spf_hostile)
  belfry_unit_test(${name} zone belfry_verdict)
  target_sources(test_${name} PRIVATE unit/spf_kit.c)
endforeach()
belfry_unit_test(spf_suite zone belfry_verdict)
target_compile_definitions(test_spf_suite PRIVATE
  BELFRY_CONFORMANCE="${PROJECT_SOURCE_DIR}/../shared/conformance")
belfry_unit_test(author belfry_verdict)
belfry_unit_test(dmarc dmarc_kit belfry_verdict)
belfry_unit_test(dmarc_align dmarc_kit belfry_verdict)
belfry_unit_test(dmarc_record belfry_verdict)

foreach(name dkim_guard dkim_sign dkim_verify)
  belfry_unit_test(${name} zone belfry_verdict)
  target_sources(test_${name} PRIVATE unit/dkim_kit.c)
endforeach()
target_compile_definitions(test_dkim_verify PRIVATE
  BELFRY_CONFORMANCE="${PROJECT_SOURCE_DIR}/../shared/conformance")
