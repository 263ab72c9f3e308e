# Each target runs for 60 s over its corpus: label slow.
function(belfry_fuzz_test name)
  add_executable(fuzz_${name} fuzz/fuzz_${name}.c)
  target_link_libraries(fuzz_${name} PRIVATE ${ARGN})
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  set(work ${CMAKE_BINARY_DIR}/corpus/${name})
  file(MAKE_DIRECTORY ${work})
  add_test(NAME fuzz.${name}
           COMMAND fuzz_${name} -max_total_time=60 -timeout=10 -rss_limit_mb=2048
                   -artifact_prefix=${work}/crash- ${work}
                   ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
  set_tests_properties(fuzz.${name} PROPERTIES LABELS slow TIMEOUT 180)
endfunction()
belfry_fuzz_test(conf belfry_config)
belfry_fuzz_test(smtp_out belfry_deliver)
belfry_fuzz_test(dns_answer belfry_net)
belfry_fuzz_test(address belfry_mail)
belfry_fuzz_test(header belfry_mail)
belfry_fuzz_test(lines belfry_mail)
belfry_fuzz_test(smtp_command belfry_mail)
belfry_fuzz_test(smtp_reply belfry_mail)
belfry_fuzz_test(queue_record belfry_queue)
belfry_fuzz_test(store_record belfry_queue)
belfry_fuzz_test(smtp_in belfry_proto)
