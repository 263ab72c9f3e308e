# The dialogues of tests/proto against the machine without a socket.
add_library(belfry_proto STATIC proto/backend.c proto/backend_seal.c)
target_link_libraries(belfry_proto PUBLIC belfry_relay zone)
add_executable(proto proto/proto.c)
target_link_libraries(proto PRIVATE belfry_proto)

belfry_unit_test(own_judge belfry_relay)
belfry_unit_test(heartbeat belfry_relay belfry_engine_rig)
target_sources(test_heartbeat PRIVATE unit/http_bad.c)
belfry_unit_test(watchdog belfry_relay)
set_tests_properties(unit.watchdog PROPERTIES LABELS threads)

function(belfry_proto_test)
  foreach(name ${ARGN})
    add_test(NAME proto.${name}
             COMMAND proto ${CMAKE_CURRENT_SOURCE_DIR}/proto/${name}.smtp)
    set_tests_properties(proto.${name} PROPERTIES TIMEOUT 60)
  endforeach()
endfunction()
belfry_proto_test(
  accept
  addresses
  aliases
  auth
  auth_clear
  auth_daily
  auth_early
  auth_external
  auth_inbound
  auth_login
  auth_long
  auth_no
  auth_none
  auth_optional
  auth_plain
  auth_rate
  auth_required
  auth_senders
  bare
  bare_commands
  bare_lf
  bare_in_header
  bcc
  bdat
  bdat_errors
  bdat_full
  bdat_size
  bulk
  dsn
  early_talker
  eight_bit
  errors
  full
  greeting
  hang_up
  helo_pipelining
  helo_pipelining_trusted
  header_large
  header_size
  http
  idle_commands
  idle_commands_trusted
  inbound
  inbound_tricks
  inbound_trusted
  long_command
  loop
  messages
  missing_fields
  no_header
  no_wait
  only_recipients
  pipelining
  rates
  recipients
  rewrite
  rewrite_not
  sequence
  sign
  sign_not
  sign_room
  size
  size_patience
  slow
  slow_refused
  starttls
  starttls_implicit
  starttls_injection
  starttls_none
  starttls_required
  starttls_required_bdat
  smtputf8
  smuggle_bdat_cr
  smuggle_bdat_lf
  smuggle_bdat_long
  smuggle_bdat_tab
  smuggle_cr_dot_cr
  smuggle_cr_dot_crlf
  smuggle_crcrlf
  smuggle_crlf_dot_cr
  smuggle_crlf_dot_lf
  smuggle_lf_dot_crlf
  smuggle_lf_dot_lf
  smuggle_nul
  smuggle_nul_inside
  submit
  text_lines
  trust
  unknowns
  verdict
  verdict_bdat
  verdict_discard
  verdict_do
  verdict_full
  verdict_long_chunk
  verdict_long_line
  verdict_not
  verdict_trusts
  verify
  verify_not
  xclient
  xclient_behind
  xclient_not
  xforward
  xforward_judged
  xforward_signed)
belfry_proto_test(wrong)
set_tests_properties(proto.wrong PROPERTIES WILL_FAIL TRUE)

belfry_unit_test(certificates belfry_relay)
belfry_unit_test(session belfry_relay belfry_store_kit)
target_sources(test_session PRIVATE unit/snapshot_kit.c)
set_tests_properties(unit.session PROPERTIES LABELS threads)
belfry_unit_test(rates belfry_relay)
belfry_unit_test(smtp_in belfry_proto)
target_compile_definitions(test_smtp_in PRIVATE
  SMTP_DOCS="${PROJECT_SOURCE_DIR}/docs/smtp.md")
belfry_unit_test(logins belfry_relay)
set_tests_properties(unit.logins PROPERTIES LABELS threads)
belfry_unit_test(places belfry_base)
belfry_unit_test(drop_disk belfry_relay)
target_sources(test_drop_disk PRIVATE unit/call_fail.c)
belfry_unit_test(notify belfry_relay belfry_queue_rig)
target_sources(test_notify PRIVATE unit/snapshot_kit.c)
set_tests_properties(unit.notify PROPERTIES LABELS threads)
belfry_unit_test(alert_page belfry_relay)
belfry_unit_test(alert_v2_json belfry_relay)
